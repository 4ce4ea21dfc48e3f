#include "reconstruction.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <filesystem>
#include <map>

#include <deneb/io/safetensors.h>
#include <deneb/nn/fold_batch_norms.h>
#include <deneb/nn/walk.h>
#include <deneb/quant/adaptive_rounding.h>
#include <deneb/quant/quantizer.h>

#include "plugins/networks/small_transformers.h"
#include "plugins/plugin_registry.h"
#include "scratch_folder.h"
#include "unit/data/table_dataset.h"

namespace deneb::reconstruction {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using torch::Tensor;
using Role = QuantizerSite::Role;
using State = std::map<std::string, Tensor>;

const Registry& registry() {
  static const auto loaded = plugin_test::load(
      {"adaround", "bert", "lsq", "mobilenet_v2", "resnet", "resnet_cifar", "uniform"});
  return *loaded;
}

const json kCifar = {{"depth", 8}, {"base_channels", 8}, {"image_size", 8}};
const json kLearned = {
    {"type", "Uniform"}, {"symmetric", false}, {"range", "mse"}, {"learn_step", true}};

/// Which quantizers a network gets, all layers alike.
struct Method {
  json weight = {{"type", "AdaRound"}, {"granularity", "channel"}};
  json activation = kLearned;
  int weight_bits = 2;
  int activation_bits = 8;
};

/// Folded, with batch norms that did something; two calls give the same.
std::shared_ptr<Network> float_network(const std::string& type, const json& options) {
  torch::manual_seed(3);
  const auto network = plugin_test::make<Network>(registry(), type, options);
  torch::NoGradGuard no_grad;
  for (const auto& [name, tensor] : state_of(*network)) {
    if (tensor.dim() != 1 || !tensor.is_floating_point()) continue;
    const bool factor =
        name.find("weight") != std::string::npos || name.find("running_var") != std::string::npos;
    factor ? tensor.uniform_(0.5, 1.5) : tensor.uniform_(-0.2, 0.2);
  }
  fold_batch_norms(*network);
  network->eval();
  return network;
}

std::shared_ptr<Network> quantized_network(const std::string& type, const json& options,
                                           const Method& method = {}) {
  const auto network = float_network(type, options);
  const NetworkInfo info = probe(*network, type);
  BitPolicy policy;
  for (const LayerInfo& layer : info.layers) {
    policy.set(layer.name, {Format::integer(method.weight_bits, true),
                            Format::integer(method.activation_bits, layer.signed_input)});
  }
  const auto factory = [](json options) {
    return [options](const Format&) {
      json rest = options;
      rest.erase("type");
      return plugin_test::make<Quantizer>(registry(), options.at("type"), rest);
    };
  };
  apply_policy(*network, policy, factory(method.weight), factory(method.activation));
  return network;
}

/// Smooth images, so that channels and pixels are correlated.
DataLoader images(const Network& network, std::int64_t samples = 64) {
  torch::manual_seed(11);
  std::vector<std::int64_t> shape = network.input_shape();
  shape.insert(shape.begin(), samples);
  const Tensor noise = torch::randn(shape);
  const Tensor smooth = torch::avg_pool2d(noise, 3, 1, 1) + 0.3 * torch::randn({samples, 1, 1, 1});
  DataLoaderOptions options;
  options.batch_size = 24;
  options.train_portion = 1;
  return DataLoader(std::make_shared<TableDataset>(smooth, smooth.slice(0, 0, 2)), options);
}

BlockReconstructionOptions quick() {
  BlockReconstructionOptions options;
  options.iterations = 60;
  options.batch_size = 16;
  options.samples = 48;
  options.calibration_samples = 32;
  options.lr = 0.06;
  options.activation.iterations = 10;
  return options;
}

FitRequest request_for(const std::string& type, const json& options) {
  FitRequest request;
  request.seed = 5;
  request.teacher = float_network(type, options);
  return request;
}

State state_copy(const Network& network) {
  State state;
  for (const auto& [name, tensor] : state_of(network)) state[name] = tensor.detach().clone();
  return state;
}

std::string difference(const State& a, const State& b) {
  if (a.size() != b.size()) return "number of tensors";
  for (const auto& [name, tensor] : a) {
    if (b.count(name) == 0 || !torch::equal(tensor, b.at(name))) return name;
  }
  return "";
}

double error_before(const EpochRecord& record) {
  return record.validation.find("error_before")->value;
}

/// Mean squared error of the answers to the first batch.
double distance(Network& network, Network& teacher, const DataLoader& data) {
  torch::NoGradGuard no_grad;
  Batch batch;
  data.evaluate(Split::kTrain)->next(batch);
  network.eval();
  teacher.eval();
  return (network.forward(batch).logits - teacher.forward(batch).logits)
      .square()
      .mean()
      .item<double>();
}

std::string config_error(const std::function<void()>& fn) {
  try {
    fn();
  } catch (const ConfigError& e) {
    return e.what();
  }
  return "no ConfigError";
}

TEST(BlockReconstruction, UnitsAndAnswersGetBetter) {
  const auto data = images(*float_network("ResNetCifar", kCifar));
  const FitRequest request = request_for("ResNetCifar", kCifar);
  const auto learn = [&](const BlockReconstructionOptions& options, FitResult* result) {
    const auto network = quantized_network("ResNetCifar", kCifar);
    *result = reconstruct(options, *network, data, request);
    return distance(*network, *request.teacher, data);
  };
  BlockReconstructionOptions nearest = quick();
  nearest.iterations = nearest.activation.iterations = 0;
  FitResult rounded, learned;
  const double before = learn(nearest, &rounded), after = learn(quick(), &learned);
  EXPECT_LT(after, 0.7 * before);
  // stem, three blocks, head: rounded once, learned twice.
  ASSERT_EQ(rounded.epochs.size(), 5u);
  EXPECT_EQ(rounded.steps, 0);
  ASSERT_EQ(learned.epochs.size(), 10u);
  EXPECT_EQ(learned.steps, 4 * 60 + 5 * 10);
  for (std::size_t i = 0; i < learned.epochs.size(); ++i) {
    const EpochRecord& record = learned.epochs[i];
    EXPECT_EQ(record.epoch, std::int64_t(i) + 1);
    EXPECT_LE(record.train_loss, error_before(record));
    if (i > 0 && i < 4) {
      EXPECT_LT(record.train_loss, 0.9 * error_before(record)) << i;
    }
  }
  // The first unit is skipped, and what the second one gets is the same then.
  EXPECT_EQ(learned.epochs[0].train_loss, rounded.epochs[0].train_loss);
  EXPECT_EQ(error_before(learned.epochs[1]), error_before(rounded.epochs[1]));
  EXPECT_EQ(error_before(rounded.epochs[1]), rounded.epochs[1].train_loss);
}

// Without iterations every weight goes to its nearest level, with scales of the folded weights.
TEST(BlockReconstruction, NoIterationsIsRoundingToTheNearest) {
  const auto data = images(*float_network("ResNetCifar", kCifar));
  const FitRequest request = request_for("ResNetCifar", kCifar);
  const auto network = quantized_network("ResNetCifar", kCifar);
  BlockReconstructionOptions options = quick();
  options.iterations = options.activation.iterations = 0;
  reconstruct(options, *network, data, request);
  network->eval();
  for (const NamedQuantLayer& named : quant_layers(*network)) {
    const auto uniform = plugin_test::make<Quantizer>(
        registry(), "Uniform",
        {{"symmetric", false}, {"range", "mse"}, {"granularity", "channel"}});
    const Tensor& w = named.layer->float_weight();
    uniform->attach({Role::kWeight, named.name, w});
    uniform->set_format(Format::integer(2, true));
    EXPECT_TRUE(torch::allclose(named.layer->quantized_weight(), uniform->quantize(w), 1e-5, 1e-6))
        << named.name;
  }
}

// Weights are constants, and what came in goes out: quantizers, gradients, modes.
TEST(BlockReconstruction, ChangesQuantizersOnly) {
  const auto data = images(*float_network("ResNetCifar", kCifar));
  FitRequest request = request_for("ResNetCifar", kCifar);
  std::vector<StepInfo> steps;
  std::vector<std::string> lines;
  request.hooks.on_progress = [&](const StepInfo& info) { steps.push_back(info); };
  request.log = [&](const std::string& line) { lines.push_back(line); };
  const auto network = quantized_network("ResNetCifar", kCifar);
  network->train();
  const State before = state_copy(*network);
  const State teacher = state_copy(*request.teacher);
  std::vector<std::shared_ptr<Quantizer>> quantizers;
  for (const NamedQuantLayer& named : quant_layers(*network)) {
    quantizers.push_back(named.layer->weight_quantizer());
    quantizers.push_back(named.layer->input_quantizer());
  }
  reconstruct(quick(), *network, data, request);
  EXPECT_TRUE(network->is_training());
  EXPECT_EQ(difference(teacher, state_copy(*request.teacher)), "");
  std::size_t i = 0, moved = 0;
  for (const NamedQuantLayer& named : quant_layers(*network)) {
    EXPECT_EQ(named.layer->weight_quantizer(), quantizers[i++]);
    EXPECT_EQ(named.layer->input_quantizer(), quantizers[i++]);
  }
  for (const auto& [name, tensor] : state_copy(*network)) {
    if (name.find("quantizer") == std::string::npos) {
      EXPECT_TRUE(torch::equal(tensor, before.at(name))) << name;
    } else if (!torch::equal(tensor, before.at(name))) {
      ++moved;
    }
  }
  EXPECT_GT(moved, 10u);
  for (const Tensor& parameter : network->parameters()) {
    EXPECT_TRUE(parameter.requires_grad());
    EXPECT_FALSE(parameter.grad().defined());
  }
  ASSERT_EQ(steps.size(), 4u * 60 + 5 * 10);
  EXPECT_EQ(steps.front().stage, "layer1.0");
  EXPECT_EQ(steps.back().stage, "head, activations");
  EXPECT_EQ(steps.back().step, steps.back().total_steps);
  EXPECT_LT(steps.back().lr, 2e-5);  // by a cosine
  EXPECT_GT(steps[59].penalty, 0);
  ASSERT_EQ(lines.size(), 10u);
  EXPECT_THAT(lines[1], HasSubstr("layer1.0: error "));
  EXPECT_THAT(lines[1], HasSubstr(" in 60 iterations"));
}

struct Stop {};

// Stopped anywhere and taken up again: the same bits, in all variants.
TEST(BlockReconstruction, ResumesBitForBit) {
  const auto data = images(*float_network("ResNetCifar", kCifar));
  const ScratchFolder folder;
  for (const double drop : {0., .5}) {
    BlockReconstructionOptions options = quick();
    options.iterations = 20;
    options.activation.iterations = 5;
    options.drop_probability = drop;
    FitRequest request = request_for("ResNetCifar", kCifar);
    const auto whole = quantized_network("ResNetCifar", kCifar);
    const FitResult undisturbed = reconstruct(options, *whole, data, request);
    request.checkpoint = folder / "checkpoint.safetensors";
    std::filesystem::remove(request.checkpoint);
    // In the second unit, twice in the fourth, and in the second pass.
    FitResult result;
    for (const std::int64_t stop : {30, 50, 55, 83, 97, 0}) {
      std::int64_t first = 0;
      request.hooks.on_progress = [&](const StepInfo& info) {
        if (first == 0) first = info.step;
        if (info.step == stop) throw Stop();
      };
      const auto network = quantized_network("ResNetCifar", kCifar);
      bool stopped = false;
      try {
        result = reconstruct(options, *network, data, request);
      } catch (const Stop&) {
        stopped = true;
      }
      EXPECT_EQ(stopped, stop > 0 && stop <= undisturbed.steps) << stop;
      if (stop == 55) {
        EXPECT_EQ(first, 41) << "finished units are not learned again";
      }
      if (!stopped) {
        EXPECT_EQ(difference(state_copy(*network), state_copy(*whole)), "") << drop;
        break;
      }
    }
    EXPECT_TRUE(result.resumed);
    ASSERT_EQ(result.epochs.size(), undisturbed.epochs.size());
    for (std::size_t i = 0; i < result.epochs.size(); ++i) {
      EXPECT_EQ(result.epochs[i].train_loss, undisturbed.epochs[i].train_loss);
      EXPECT_EQ(error_before(result.epochs[i]), error_before(undisturbed.epochs[i]));
    }
  }
}

TEST(BlockReconstruction, ForeignAndDamagedCheckpointsAreRefused) {
  const auto data = images(*float_network("ResNetCifar", kCifar));
  const ScratchFolder folder;
  FitRequest request = request_for("ResNetCifar", kCifar);
  request.checkpoint = folder / "checkpoint.safetensors";
  BlockReconstructionOptions options = quick();
  options.iterations = 2;
  options.activation.iterations = 0;
  const auto again = [&] {
    const auto network = quantized_network("ResNetCifar", kCifar);
    return reconstruct(options, *network, data, request);
  };
  again();
  EXPECT_TRUE(again().resumed);
  options.lr = 0.5;
  EXPECT_THAT(config_error(again), HasSubstr("was written with other options, seed or data"));
  options.lr = quick().lr;
  request.seed = 6;
  EXPECT_THAT(config_error(again), HasSubstr("was written with other options, seed or data"));
  request.seed = 5;
  TensorFile file = read_safetensors(request.checkpoint);
  file.tensors.pop_back();
  write_safetensors(folder / "short.safetensors", file);
  file.metadata.clear();
  write_safetensors(folder / "bare.safetensors", file);
  for (const char* name : {"short.safetensors", "bare.safetensors"}) {
    request.checkpoint = folder / name;
    EXPECT_THROW(again(), DataError) << name;
  }
}

// Ranges of activations follow from the data; steps are learned in the second pass, or with QDrop
// in the first one.
TEST(BlockReconstruction, Variants) {
  const auto data = images(*float_network("ResNetCifar", kCifar));
  const FitRequest request = request_for("ResNetCifar", kCifar);
  Method coarse;
  coarse.activation_bits = 3;
  const auto run = [&](const BlockReconstructionOptions& options, double* far) {
    const auto network = quantized_network("ResNetCifar", kCifar, coarse);
    const FitResult result = reconstruct(options, *network, data, request);
    *far = distance(*network, *request.teacher, data);
    return result;
  };
  BlockReconstructionOptions nearest = quick();
  nearest.iterations = nearest.activation.iterations = 0;
  double far = 0, now = 0;
  run(nearest, &far);

  BlockReconstructionOptions fisher = quick();
  fisher.loss = "fisher_diag";
  const FitResult weighted = run(fisher, &now);
  EXPECT_LT(now, far);
  EXPECT_LT(weighted.epochs[2].train_loss, error_before(weighted.epochs[2]));

  BlockReconstructionOptions drop = quick();
  drop.drop_probability = 0.5;
  const FitResult dropped = run(drop, &now);
  EXPECT_LT(now, far);
  EXPECT_EQ(dropped.epochs.size(), 5u);  // one pass
  EXPECT_EQ(dropped.steps, 4 * 60);

  BlockReconstructionOptions apart = quick();
  apart.inputs = "float";
  apart.activation.inputs = "quantized";
  run(apart, &now);
  EXPECT_LT(now, far);

  BlockReconstructionOptions all = quick();
  all.skip_first = false;
  EXPECT_EQ(run(all, &now).steps, 5 * 60 + 5 * 10);
}

// A hopeless learning rate makes no unit worse, unless that is wanted.
TEST(BlockReconstruction, WorseUnitsStayAsTheyWere) {
  const auto data = images(*float_network("ResNetCifar", kCifar));
  const FitRequest request = request_for("ResNetCifar", kCifar);
  BlockReconstructionOptions options = quick();
  options.iterations = 3;
  options.lr = 50;
  options.rounding_weight = 0;
  options.activation.iterations = 0;
  const auto network = quantized_network("ResNetCifar", kCifar);
  const State before = state_copy(*network);
  const FitResult kept = reconstruct(options, *network, data, request);
  for (const EpochRecord& record : kept.epochs) {
    EXPECT_LE(record.train_loss, error_before(record));
  }
  const char kRounding[] = "layer1.0.conv1.weight_quantizer.rounding";
  EXPECT_TRUE(torch::equal(state_copy(*network).at(kRounding), before.at(kRounding)));
  options.keep_better = false;
  const auto other = quantized_network("ResNetCifar", kCifar);
  const FitResult taken = reconstruct(options, *other, data, request);
  EXPECT_GT(taken.epochs[1].train_loss, error_before(taken.epochs[1]));
  EXPECT_FALSE(torch::equal(state_copy(*other).at(kRounding), before.at(kRounding)));
}

TEST(BlockReconstruction, OtherNetworks) {
  struct Case {
    std::string type;
    json options;
    std::int64_t iterations;
  };
  const std::vector<Case> cases = {
      // Eleven million roundings: a little of it.
      {"ResNet", {{"depth", 18}, {"image_size", 32}, {"num_classes", 7}}, 1},
      {"MobileNetV2", {{"image_size", 32}, {"width", 0.25}, {"num_classes", 7}}, 10}};
  for (const Case& c : cases) {
    SCOPED_TRACE(c.type);
    const auto data = images(*float_network(c.type, c.options), 8);
    const FitRequest request = request_for(c.type, c.options);
    Method method;
    method.weight["range"] = "max";
    const auto network = quantized_network(c.type, c.options, method);
    BlockReconstructionOptions few = quick();
    few.iterations = c.iterations;
    few.batch_size = 4;
    few.activation.iterations = 1;
    const FitResult result = reconstruct(few, *network, data, request);
    EXPECT_EQ(result.epochs.size(), 2 * network->blocks().size());
    double ratios = 0;
    for (const EpochRecord& record : result.epochs) {
      EXPECT_LE(record.train_loss, error_before(record));
      ratios += record.train_loss / (error_before(record) + 1e-12);
    }
    EXPECT_LT(ratios, double(result.epochs.size()));
  }
}

// Texts of several lengths: padding counts for nothing.
TEST(BlockReconstruction, Transformers) {
  const json options = plugin_test::small_options("Bert");
  torch::manual_seed(2);
  const Tensor ids = torch::randint(1, 40, {24, 10}, torch::kInt64);
  const auto loader = [&](std::int64_t padding) {
    const auto dataset = std::make_shared<TableDataset>(ids, ids.slice(0, 0, 2));
    dataset->length_of = [](std::int64_t index) { return 5 + index % 6; };
    dataset->on_batch = [padding](Batch& batch) {
      Tensor mask = at::ones_like(batch.input());
      std::int64_t longest = 0;
      Tensor input = batch.input().clone();
      for (std::int64_t i = 0; i < batch.size(); ++i) {
        const std::int64_t length = 5 + batch.target()[i].item<std::int64_t>() % 1000000 % 6;
        longest = std::max(longest, length);
        mask[i].slice(0, length).fill_(0);
        input[i].slice(0, length).fill_(padding);
      }
      batch["input"] = input.slice(1, 0, longest).contiguous();
      batch["attention_mask"] = mask.slice(1, 0, longest).contiguous();
    };
    DataLoaderOptions loading;
    loading.batch_size = 6;
    loading.train_portion = 1;
    return DataLoader(dataset, loading);
  };
  const FitRequest request = request_for("Bert", options);
  BlockReconstructionOptions some = quick();
  some.iterations = 25;
  some.batch_size = 12;
  some.skip_first = false;
  std::vector<FitResult> results;
  for (const std::int64_t padding : {0, 7}) {
    const auto network = quantized_network("Bert", options);
    results.push_back(reconstruct(some, *network, loader(padding), request));
  }
  double gained = 1;
  ASSERT_EQ(results[0].epochs.size(), results[1].epochs.size());
  for (std::size_t i = 0; i < results[0].epochs.size(); ++i) {
    const EpochRecord& record = results[0].epochs[i];
    EXPECT_LE(record.train_loss, error_before(record));
    gained = std::min(gained, record.train_loss / (error_before(record) + 1e-12));
    // Weights: errors at the start are seen where tokens are, and only there.
    if (i == 0) {
      EXPECT_NEAR(error_before(record), error_before(results[1].epochs[i]),
                  1e-5 * error_before(record));
    }
  }
  EXPECT_LT(gained, 0.9);
}

TEST(BlockReconstruction, NothingToLearnIsSaid) {
  const auto data = images(*float_network("ResNetCifar", kCifar));
  const FitRequest request = request_for("ResNetCifar", kCifar);
  Method method;
  const auto run = [&](const BlockReconstructionOptions& options) {
    return config_error([&] {
      const auto network = quantized_network("ResNetCifar", kCifar, method);
      reconstruct(options, *network, data, request);
    });
  };
  method.weight = {{"type", "LSQ"}};
  EXPECT_THAT(run(quick()), HasSubstr("trainer.iterations: no weight quantizer learns how to round;"
                                      " set quantizer.weight to AdaRound"));
  method.weight = {{"type", "AdaRound"}};
  method.activation = {{"type", "Uniform"}};
  EXPECT_THAT(run(quick()),
              HasSubstr("trainer.activation.iterations: the quantizers of activations "
                        "have nothing to learn"));
  BlockReconstructionOptions drop = quick();
  drop.drop_probability = 0.5;
  EXPECT_THAT(run(drop), HasSubstr("trainer.drop_probability"));
  BlockReconstructionOptions weights = quick();
  weights.iterations = 1;
  weights.activation.iterations = 0;
  EXPECT_EQ(run(weights), "no ConfigError");
  // LSQ's steps do as well.
  method.activation = {{"type", "LSQ"}};
  weights.activation.iterations = 1;
  EXPECT_EQ(run(weights), "no ConfigError");
}

TEST(BlockReconstruction, NetworksOfFloatsPassThrough) {
  const auto data = images(*float_network("ResNetCifar", kCifar));
  const auto network = float_network("ResNetCifar", kCifar);
  const State before = state_copy(*network);
  const FitResult result = reconstruct(quick(), *network, data, request_for("ResNetCifar", kCifar));
  EXPECT_EQ(result.steps, 0);
  EXPECT_EQ(difference(before, state_copy(*network)), "");
}

}  // namespace
}  // namespace deneb::reconstruction
