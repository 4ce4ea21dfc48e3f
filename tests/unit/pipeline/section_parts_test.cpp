#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <deneb/io/safetensors.h>
#include <deneb/nn/walk.h>
#include <deneb/pipeline/pipeline.h>
#include <deneb/pipeline/section_parts.h>
#include <deneb/plugin/loader.h>
#include <deneb/random.h>

#include "scratch_folder.h"

namespace deneb {
namespace {

using testing::HasSubstr;

class SectionPartsTest : public testing::Test {
 protected:
  SectionPartsTest() {
    register_core(registry_);
    for (const char* name : {"mini_resnet", "digits", "classification", "lsq", "dorefa", "uniform",
                             "small_float", "standard_costs"}) {
      loader_.load_file(std::string(DENEB_PLUGIN_DIR "/") + name + ".so");
    }
    section_.network = {"MiniResNet", {{"width", 4}}};
    section_.dataset = {"Digits", nlohmann::json::object()};
  }

  SectionParts parts() const { return {registry_, section_, torch::kCPU}; }
  static BitPolicy uniform(const SectionParts& parts, int bits) {
    return uniform_policy(parts.network_info(), bits, bits);
  }
  static torch::Tensor state(const Network& network, const std::string& name) {
    for (const auto& [key, tensor] : state_of(network)) {
      if (key == name) return tensor;
    }
    throw std::runtime_error("no state " + name);
  }
  /// Saves the network with all its state, and the policy as training steps do.
  std::string save(const Network& network, const BitPolicy* policy) const {
    TensorFile file;
    file.tensors = state_of(network);
    if (policy) file.metadata["deneb.policy"] = policy->to_json().dump();
    const std::string path = folder_.path() + "/weights.safetensors";
    write_safetensors(path, file);
    return path;
  }

  static std::string refusal(const SectionParts& parts, const BitPolicy& policy) {
    try {
      parts.check_formats(policy);
    } catch (const ConfigError& e) {
      return e.what();
    }
    return "accepted";
  }

  Registry registry_;
  PluginLoader loader_{registry_};
  ModelSection section_;
  ScratchFolder folder_;
};

const char kScale[] = "conv1.weight_quantizer.scale";

TEST_F(SectionPartsTest, QuantizerStateIsTakenForTheSameFormatsOnly) {
  const SectionParts parts = this->parts();
  const BitPolicy four = uniform(parts, 4), eight = uniform(parts, 8);
  const auto trained = parts.make_quantized(1, "", eight);
  torch::NoGradGuard no_grad;
  state(*trained, kScale).fill_(0.123);
  const std::string path = save(*trained, &eight);

  EXPECT_FLOAT_EQ(state(*parts.make_quantized(2, path, eight), kScale).item<float>(), 0.123f);
  // The step of another width is found anew, from the weights of the file.
  const auto narrow = parts.make_quantized(2, path, four);
  EXPECT_TRUE(torch::equal(state(*narrow, "conv1.weight"), state(*trained, "conv1.weight")));
  const auto fresh = parts.make_quantized(1, "", four);
  EXPECT_FLOAT_EQ(state(*narrow, kScale).item<float>(), state(*fresh, kScale).item<float>());
  // A file that does not say how it was trained is taken as it is.
  EXPECT_FLOAT_EQ(
      state(*parts.make_quantized(2, save(*trained, nullptr), four), kScale).item<float>(), 0.123f);
}

TEST_F(SectionPartsTest, DamagedPolicyOfTheWeightsIsADataError) {
  const SectionParts parts = this->parts();
  const auto network = parts.make_network(1);
  TensorFile file;
  file.tensors = state_of(*network);
  file.metadata["deneb.policy"] = "[{";
  const std::string path = folder_.path() + "/odd.safetensors";
  write_safetensors(path, file);
  EXPECT_THROW(parts.make_quantized(1, path, uniform(parts, 4)), DataError);
}

TEST_F(SectionPartsTest, FormatsThatAQuantizerCannotDoAreRefused) {
  const SectionParts parts = this->parts();
  parts.check_formats(uniform(parts, 4));
  parts.check_formats({});
  BitPolicy policy = uniform(parts, 4);
  policy.set("conv1", {Format::parse("e2m1"), Format::parse("int8")});
  parts.check_formats(policy);
  EXPECT_THAT(refusal(parts, uniform(parts, 1)),
              HasSubstr("quantizer.weight: layer 'conv1': LSQ cannot quantize weights to int1; it "
                        "can do int2 .. int16"));
  section_.quantizer.float_weight = {"LSQ", nlohmann::json::object()};
  EXPECT_THAT(refusal(this->parts(), policy),
              HasSubstr("quantizer.float_weight: layer 'conv1': LSQ cannot quantize weights to "
                        "e2m1; it can do int2 .. int16, uint1 .. uint16 and float32"));
}

// The key for integers would be passed over without a word, as small floats have keys of their own.
TEST_F(SectionPartsTest, AFloatMethodUnderTheKeyForIntegersIsNamed) {
  section_.quantizer.activation = {"SmallFloat", {{"update", "dynamic"}}};
  const SectionParts parts = this->parts();
  BitPolicy policy;
  policy.set("conv1", {Format::parse("int4"), Format::parse("e4m3")});
  EXPECT_EQ(refusal(parts, policy),
            "quantizer.activation: SmallFloat takes no integers; small floats have options of "
            "their own, name it in quantizer.float_activation");
  policy.set("conv1", {Format::parse("e4m3"), Format::float32()});
  parts.check_formats(policy);  // no activation is quantized
}

TEST_F(SectionPartsTest, FormatsChooseQuantizers) {
  section_.quantizer.weight = {"DoReFa", nlohmann::json::object()};
  section_.quantizer.float_activation = {"SmallFloat", {{"update", "dynamic"}}};
  const SectionParts parts = this->parts();
  using Role = QuantizerSite::Role;
  EXPECT_EQ(parts.make_quantizer(Role::kWeight, Format::float32()), nullptr);
  const auto kind = [](const std::shared_ptr<Quantizer>& quantizer) {
    return std::string(quantizer->accepts(Format::parse("e2m1"))   ? "SmallFloat"
                       : quantizer->accepts(Format::parse("int1")) ? "DoReFa"
                                                                   : "LSQ");
  };
  for (const auto& [word, weight, activation] :
       {std::tuple("int4", "DoReFa", "LSQ"), std::tuple("uint1", "DoReFa", "LSQ"),
        std::tuple("e2m1", "SmallFloat", "SmallFloat")}) {
    const Format format = Format::parse(word);
    EXPECT_EQ(kind(parts.make_quantizer(Role::kWeight, format)), weight) << word;
    EXPECT_EQ(kind(parts.make_quantizer(Role::kActivation, format)), activation) << word;
  }
  // Options come along: a dynamic range needs no calibration.
  const auto input = parts.make_quantizer(Role::kActivation, Format::parse("e4m3"));
  input->attach({Role::kActivation, "conv1", torch::ones({2, 2})});
  input->set_format(Format::parse("e4m3"));
  EXPECT_FALSE(input->needs_calibration());
}

// A network with integers and small floats side by side: trained a step, saved, loaded.
TEST_F(SectionPartsTest, MixedFormatsAreTrainedSavedAndLoaded) {
  SectionParts parts = this->parts();
  BitPolicy policy = uniform(parts, 4);
  bool small = false;
  for (const LayerInfo& layer : parts.network_info().layers) {
    small = !small;
    if (!small) continue;
    policy.set(layer.name,
               {Format::parse("e2m1"), Format::integer(4, /*is_signed=*/layer.signed_input)});
  }
  policy.set(parts.network_info().layers.back().name,
             {Format::parse("int4"), Format::parse("e4m3")});
  const auto network = parts.make_quantized(1, "", policy);
  int integers = 0, floats = 0;
  for (const NamedQuantLayer& named : quant_layers(*network)) {
    const LayerChoice& choice = *policy.find(named.name);
    EXPECT_EQ(named.layer->weight_quantizer()->format(), choice.weight) << named.name;
    EXPECT_EQ(named.layer->input_quantizer()->format(), choice.activation) << named.name;
    (choice.weight.is_integer() ? integers : floats) += 1;
  }
  EXPECT_GT(integers, 0);
  EXPECT_GT(floats, 0);
  parts.calibrate(*network);
  network->train();
  const auto stream = parts.data().train(1, 0);
  Batch batch;
  ASSERT_TRUE(stream->next(batch));
  const auto before = network->parameters().front().detach().clone();
  network->forward(batch).logits.log_softmax(1).select(1, 0).mean().backward();
  {
    torch::NoGradGuard no_grad;
    for (torch::Tensor& p : network->parameters()) {
      ASSERT_TRUE(p.grad().defined());
      p.sub_(p.grad() * 0.1);
    }
  }
  EXPECT_FALSE(torch::equal(network->parameters().front(), before));
  const std::string path = save(*network, &policy);
  LoadReport report;
  const auto loaded = parts.make_quantized(2, path, policy, &report);
  EXPECT_TRUE(report.missing.empty());
  EXPECT_TRUE(report.unused.empty());
  network->eval();
  loaded->eval();
  torch::NoGradGuard no_grad;
  EXPECT_TRUE(torch::equal(loaded->forward(batch).logits, network->forward(batch).logits));
}

TEST_F(SectionPartsTest, CalibrationSetsTheRangesOfActivations) {
  section_.quantizer.weight = {"Uniform", nlohmann::json::object()};
  section_.quantizer.activation = {"Uniform", nlohmann::json::object()};
  section_.quantizer.calibration_batches = 3;
  section_.data_loader.batch_size = 50;
  SectionParts parts = this->parts();
  const BitPolicy policy = uniform(parts, 4);
  const auto network = parts.make_quantized(1, "", policy);
  network->train();
  const char kHigh[] = "conv1.input_quantizer.high", kSet[] = "conv1.input_quantizer.range_known";
  EXPECT_FALSE(state(*network, kSet).item<bool>());
  parts.calibrate(*network);
  EXPECT_TRUE(state(*network, kSet).item<bool>());
  EXPECT_TRUE(network->is_training());
  // The first layer sees the images themselves: their largest value is known.
  const auto stream = parts.data().train(derive_seed(0, "calibration"), 0);
  Batch batch;
  double largest = 0;
  for (int i = 0; i < 3 && stream->next(batch); ++i) {
    largest = std::max(largest, batch.input().max().item<double>());
  }
  EXPECT_FLOAT_EQ(state(*network, kHigh).item<float>(), largest);

  // Set once: neither a second calibration nor a saved file with ranges changes anything.
  section_.quantizer.calibration_batches = 1;
  const std::string path = save(*network, &policy);
  SectionParts again = this->parts();
  const auto loaded = again.make_quantized(2, path, policy);
  again.calibrate(*loaded);
  EXPECT_FLOAT_EQ(state(*loaded, kHigh).item<float>(), largest);
}

// Two methods, the same formats: the state of one says nothing to the other.
TEST_F(SectionPartsTest, StateOfAnotherMethodIsNotTaken) {
  const BitPolicy policy = uniform(parts(), 4);
  const auto learned = parts().make_quantized(1, "", policy);
  learned->Network::forward(learned->example_batch());
  const std::string path = save(*learned, &policy);
  section_.quantizer.weight = {"Uniform", nlohmann::json::object()};
  section_.quantizer.activation = {"Uniform", nlohmann::json::object()};
  const auto fixed = parts().make_quantized(1, path, policy);
  EXPECT_FALSE(state(*fixed, "conv1.input_quantizer.range_known").item<bool>());
  EXPECT_TRUE(state(*fixed, "conv1.weight_quantizer.range_known").item<bool>());
  EXPECT_GT(state(*fixed, "conv1.weight_quantizer.high").item<float>(), 0);
}

TEST_F(SectionPartsTest, TeacherIsTheFloatNetwork) {
  EXPECT_EQ(parts().fit_request(1).teacher, nullptr);
  section_.trainer.options["distillation"] = {{"weight", 0.5}};
  try {
    parts().check_trainer();
    FAIL() << "no error";
  } catch (const ConfigError& e) {
    EXPECT_THAT(e.what(), HasSubstr("trainer.distillation"));
  }
  const SectionParts random = parts();
  const auto trained = random.make_quantized(3, "", uniform(random, 4));
  section_.weights = save(*random.make_network(3), nullptr);
  parts().check_trainer();
  const auto teacher = parts().fit_request(1).teacher;
  EXPECT_TRUE(torch::equal(state(*teacher, "conv1.weight"), state(*trained, "conv1.weight")));
  for (const auto& [name, tensor] : state_of(*teacher)) {
    EXPECT_EQ(name.find("quantizer"), std::string::npos) << name;
  }
}

TEST_F(SectionPartsTest, TrainersSayWhatTheyLack) {
  section_.trainer.options["keep"] = "best";
  parts().check_trainer();
  section_.data_loader.train_portion = 1;
  try {
    parts().check_trainer();
    FAIL() << "no error";
  } catch (const ConfigError& e) {
    EXPECT_THAT(e.what(), HasSubstr("trainer.keep: \"best\" needs validation samples"));
  }
}

/// Folded norms, the state of a trained network.
void scramble_norms(Network& network) {
  torch::NoGradGuard no_grad;
  torch::manual_seed(8);
  for (const auto& [name, tensor] : state_of(network)) {
    if (name.find("running_var") != std::string::npos) tensor.uniform_(0.5, 2);
    if (name.find("running_mean") != std::string::npos) tensor.uniform_(-0.5, 0.5);
  }
}

bool has_norm_statistics(const Network& network) {
  for (const auto& [name, tensor] : state_of(network)) {
    if (name.find("running_mean") != std::string::npos && tensor.any().item<bool>()) return true;
  }
  return false;
}

TEST_F(SectionPartsTest, NormsAreFoldedBeforeQuantizersComeIn) {
  section_.quantizer.weight = {"Uniform", {{"granularity", "channel"}}};
  section_.quantizer.activation = {"Uniform", {{"update", "average"}}};
  section_.trainer.options["fold_batch_norms"] = true;
  try {
    parts().check_trainer();
    FAIL() << "no error";
  } catch (const ConfigError& e) {
    EXPECT_THAT(e.what(), HasSubstr("trainer.fold_batch_norms: batch norms without statistics"));
  }
  section_.trainer.options["fold_batch_norms"] = false;
  const auto plain = parts().make_network(1);
  scramble_norms(*plain);
  section_.weights = save(*plain, nullptr);
  section_.trainer.options["fold_batch_norms"] = true;
  section_.trainer.options["distillation"] = {{"weight", 0.5}};
  SectionParts parts = this->parts();
  parts.check_trainer();
  const BitPolicy policy = uniform(parts, 4);
  const auto network = parts.make_quantized(1, section_.weights, policy);
  EXPECT_TRUE(has_norm_statistics(*plain));
  EXPECT_FALSE(has_norm_statistics(*network));
  EXPECT_FALSE(has_norm_statistics(*parts.fit_request(1).teacher));
  EXPECT_FALSE(has_norm_statistics(*parts.make_network(1)));
  // The ranges are those of the folded weights.
  const torch::Tensor weight = state(*network, "conv1.weight");
  EXPECT_FALSE(torch::equal(weight, state(*plain, "conv1.weight")));
  EXPECT_TRUE(torch::equal(state(*network, "conv1.weight_quantizer.high"),
                           std::get<0>(weight.flatten(1).max(1))));
  // Without quantizers, the network as it was.
  plain->eval();
  const auto folded = parts.make_network(1);
  folded->eval();
  const auto stream = parts.data().evaluate(Split::kTest);
  Batch batch;
  ASSERT_TRUE(stream->next(batch));
  torch::NoGradGuard no_grad;
  EXPECT_TRUE(
      torch::allclose(folded->forward(batch).logits, plain->forward(batch).logits, 1e-3, 1e-4));
  // State of quantizers comes back, and folded weights stay the same when they are folded again.
  state(*network, "conv1.weight_quantizer.high").fill_(0.5);
  const std::string path = save(*network, &policy);
  LoadReport report;
  const auto loaded = parts.make_quantized(2, path, policy, &report);
  EXPECT_TRUE(report.missing.empty());
  EXPECT_TRUE(report.unused.empty());
  for (const auto& [name, tensor] : state_of(*network)) {
    EXPECT_TRUE(torch::equal(tensor, state(*loaded, name))) << name;
  }
}

// Quantization-aware training as HAWQ-V3 does it.
TEST_F(SectionPartsTest, FoldedNetworksTrain) {
  section_.quantizer.weight = {"Uniform", {{"granularity", "channel"}, {"update", "dynamic"}}};
  section_.quantizer.activation = {"Uniform", {{"update", "average"}, {"momentum", 0.99}}};
  section_.trainer.options = {{"epochs", 2}};
  section_.trainer.options["optimizer"] = {{"lr", 0.05}};
  section_.data_loader.train_limit = 400;
  SectionParts teacher = parts();
  const auto plain = teacher.make_network(1);
  teacher.trainer().fit(*plain, teacher.data(), teacher.fit_request(1));
  section_.weights = save(*plain, nullptr);
  section_.trainer.options["fold_batch_norms"] = true;
  section_.trainer.options["optimizer"] = {{"lr", 0.005}};
  SectionParts parts = this->parts();
  const auto network = parts.make_quantized(1, section_.weights, uniform(parts, 4));
  parts.calibrate(*network);
  const torch::Tensor bias = state(*network, "fc.bias").clone();
  const torch::Tensor high = state(*network, "fc.input_quantizer.high").clone();
  const FitResult result = parts.trainer().fit(*network, parts.data(), parts.fit_request(1));
  EXPECT_LT(result.epochs[1].train_loss, result.epochs[0].train_loss);
  EXPECT_FALSE(has_norm_statistics(*network));
  EXPECT_FALSE(torch::equal(state(*network, "fc.bias"), bias));
  EXPECT_FALSE(torch::equal(state(*network, "fc.input_quantizer.high"), high));
}

/// A trainer of a user: sets all biases to the seed, learns nothing.
struct BiasTrainer final : Trainer {
  struct Options {
    double factor = 1;
    template <class V>
    void visit(V& v) {
      v("factor", factor, "times the seed");
    }
  };
  explicit BiasTrainer(const Options& o) : options(o) {}
  FitResult fit(Network& network, const DataLoader&, const FitRequest& request) const override {
    torch::NoGradGuard no_grad;
    for (auto& item : network.named_parameters()) {
      if (item.value().dim() == 1) item.value().fill_(options.factor * double(request.seed));
    }
    return {};
  }
  Options options;
};

struct ZeroLoss final : Criterion {
  using Options = NoOptions;
  explicit ZeroLoss(const Options&) {}
  torch::Tensor loss(const Output& output, const Batch&) const override {
    return output.logits.sum() * 0;
  }
};

TEST_F(SectionPartsTest, TrainerAndCriterionArePlugins) {
  registry_.add_plugin("mine", [](Registrar& r) {
    r.add<Trainer, BiasTrainer>("Bias", "sets biases");
    r.add<Criterion, ZeroLoss>("Zero", "is 0");
  });
  section_.trainer = {"Bias", {{"factor", 2}}};
  section_.criterion = {"Zero", nlohmann::json::object()};
  SectionParts parts = this->parts();
  parts.check_trainer();
  const auto network = parts.make_network(1);
  const FitRequest request = parts.fit_request(3);
  EXPECT_EQ(request.criterion, &parts.criterion());
  EXPECT_EQ(request.evaluator, &parts.evaluator());
  parts.trainer().fit(*network, parts.data(), request);
  EXPECT_FLOAT_EQ(state(*network, "fc.bias")[0].item<float>(), 6);
  EXPECT_EQ(parts.trainer().extent(), "");
  EXPECT_EQ(parts.measure(*network, Split::kTest).find("loss")->value, 0);
}

TEST_F(SectionPartsTest, MeasuresAreMetricsAndCosts) {
  section_.cost_models = {{"wide", {"size", nlohmann::json::object()}}};
  const SectionParts parts = this->parts();
  std::vector<std::string> names;
  for (const Objective& measure : parts.measures()) {
    names.push_back((measure.direction == Direction::kMaximize ? "+" : "-") + measure.name);
  }
  EXPECT_THAT(names, testing::ElementsAre("+accuracy", "+accuracy_top5", "-loss", "-bitops",
                                          "-flops", "-params", "-size", "-wide"));
  const BitPolicy policy = uniform(parts, 4);
  EXPECT_EQ(parts.costs(policy).at("wide"), parts.costs(policy).at("size"));
  EXPECT_THAT(parts.table_costs(), testing::ElementsAre("bitops", "size", "wide"));
}

TEST_F(SectionPartsTest, StartWeightsAreCheckedWhereTheyAre) {
  section_.weights = folder_.path() + "/absent.safetensors";
  parts().check_weights();
  section_.weights = "";
  const auto network = parts().make_network(1);
  section_.weights = save(*network, nullptr);
  parts().check_weights();
  section_.network.options["width"] = 8;
  EXPECT_THROW(parts().check_weights(), DataError);
}

// The rules are for the start weights; what an earlier step left is taken by its names.
TEST_F(SectionPartsTest, NameRulesAreForTheStartWeights) {
  const auto network = parts().make_network(1);
  const std::string own = save(*network, nullptr);
  TensorFile file = read_safetensors(own);
  for (auto& [name, tensor] : file.tensors) {
    if (name.rfind("fc.", 0) == 0) name = "linear." + name.substr(3);
    name = "module." + name;
  }
  section_.weights = folder_.path() + "/foreign.safetensors";
  write_safetensors(section_.weights, file);
  EXPECT_THROW(parts().check_weights(), DataError);
  section_.names.rename = {{"linear.", "fc."}};
  parts().check_weights();
  const auto same = [&](const Network& other) {
    return torch::equal(state(other, "fc.weight"), state(*network, "fc.weight"));
  };
  EXPECT_TRUE(same(*parts().make_network(2)));
  EXPECT_TRUE(same(*parts().make_quantized(2, section_.weights, uniform(parts(), 4))));

  section_.names = {{}, {"fc.*"}, {"linear.*"}};
  EXPECT_FALSE(same(*parts().make_network(2)));
  EXPECT_TRUE(same(*parts().make_network(2, own)));
  LoadReport report;
  parts().make_quantized(2, section_.weights, uniform(parts(), 4), &report);
  EXPECT_THAT(report.fresh, testing::ElementsAre("fc.bias", "fc.weight"));
}

TEST_F(SectionPartsTest, WeightsMayBeAFolder) {
  const auto network = parts().make_network(1);
  std::filesystem::rename(save(*network, nullptr), folder_.path() + "/model.safetensors");
  section_.weights = folder_.path();
  parts().check_weights();
  EXPECT_TRUE(
      torch::equal(state(*parts().make_network(2), "fc.weight"), state(*network, "fc.weight")));
}

}  // namespace
}  // namespace deneb
