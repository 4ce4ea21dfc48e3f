#include <gmock/gmock.h>

#include <deneb/data/data_loader.h>
#include <deneb/io/files.h>
#include <deneb/nn/walk.h>
#include <deneb/quant/quantizer.h>
#include <deneb/train/cross_entropy.h>
#include <deneb/train/evaluator.h>

#include <cmath>
#include <functional>

#include "layer_probing.h"
#include "plugins/plugin_registry.h"
#include "scratch_folder.h"
#include "support/fake_search_context.h"

namespace deneb::sensitivity {
namespace {

using ::testing::HasSubstr;

const Registry& registry() {
  static const auto loaded =
      plugin_test::load({"classification", "lsq", "resnet_cifar", "synthetic", "uniform"});
  return *loaded;
}

std::shared_ptr<Network> network() {
  at::manual_seed(1);
  return plugin_test::make<Network>(registry(), "ResNetCifar",
                                    {{"depth", 8}, {"base_channels", 4}, {"image_size", 8}});
}

SearchSpaceOptions pinned_ends() {
  SearchSpaceOptions options = deneb::testing::open_space({8, 4, 2});
  options.first_layer = options.last_layer = "int8";
  return options;
}

// A small residual network of random weights on made-up images, 24 samples to measure on.
class Context : public deneb::testing::FakeSearchContext {
 public:
  explicit Context(const std::string& folder)
      : FakeSearchContext(probe(*network(), "ResNetCifar"), pinned_ends(), /*seed=*/7),
        evaluator_(plugin_test::make<Evaluator>(registry(), "Classification")),
        data_(make_data()),
        folder_(folder) {}

  std::shared_ptr<Network> make_network() override { return network(); }
  std::shared_ptr<Quantizer> make_quantizer(QuantizerRole, const Format&) override {
    return plugin_test::make<Quantizer>(registry(), "Uniform");
  }
  std::unique_ptr<BatchStream> calibration_data() override { return data_.evaluate(Split::kTest); }
  const DataLoader& data() override { return data_; }
  const Criterion& criterion() const override { return criterion_; }
  const Evaluator& evaluator() const override { return *evaluator_; }
  std::string artifact_path(const std::string& file) const override { return folder_ + "/" + file; }
  void in_parallel(std::size_t tasks, const std::function<Task()>& make_worker) override {
    std::vector<Task> workers;
    for (int i = 0; i < worker_count; ++i) workers.push_back(make_worker());
    for (std::size_t i = 0; i < tasks; ++i) {
      if (int(i) == stop_after) throw Interrupted(2);
      workers[i % workers.size()](i);
    }
  }
  void progress(std::int64_t done, std::int64_t total, const std::string&) override {
    last_done = done;
    last_total = total;
  }

  int worker_count = 1;
  int stop_after = -1;
  std::int64_t last_done = 0, last_total = 0;

 private:
  static DataLoader make_data() {
    auto images = plugin_test::make<Dataset>(registry(), "Synthetic",
                                             {{"num_classes", 10},
                                              {"channels", 3},
                                              {"size", 8},
                                              {"train_samples", 48},
                                              {"test_samples", 16}});
    images->open();
    DataLoaderOptions options;
    options.train_portion = 0.5;
    options.eval_batch_size = 5;  // five batches, the last one smaller
    options.workers = 0;
    return DataLoader(std::move(images), options);
  }

  CrossEntropy criterion_{CrossEntropyOptions()};
  std::shared_ptr<Evaluator> evaluator_;
  DataLoader data_;
  std::string folder_;
};

// The same by the plain way: the whole network with one quantizer, sample by sample.
double expected(Context& context, const std::string& layer, QuantizerRole role,
                const Format& format, const std::string& measure) {
  torch::NoGradGuard no_grad;
  const auto net = network();
  QuantLayer* site = nullptr;
  for (const NamedQuantLayer& named : quant_layers(*net)) {
    if (named.name == layer) site = named.layer;
  }
  const auto quantizer = context.make_quantizer(role, format);
  quantizer->attach({role, layer, site->float_weight()});
  quantizer->set_format(format);
  if (role == QuantizerRole::kActivation) {
    quantizer->start_calibration();
    site->set_quantizers(nullptr, quantizer);
    const EvaluationMode mode(*net);
    const auto stream = context.calibration_data();
    Batch batch;
    while (stream->next(batch)) net->forward(batch);
    quantizer->finish_calibration();
  }
  double sum = 0;
  std::int64_t samples = 0;
  const auto stream = context.data().evaluate(Split::kValidation);
  Batch batch;
  while (stream->next(batch)) {
    const auto logits = [&](bool quantized) {
      const bool of_weight = role == QuantizerRole::kWeight;
      site->set_quantizers(quantized && of_weight ? quantizer : nullptr,
                           quantized && !of_weight ? quantizer : nullptr);
      const EvaluationMode mode(*net);
      return net->forward(batch).logits.to(torch::kFloat64);
    };
    const torch::Tensor p = logits(false).log_softmax(1), q = logits(true).log_softmax(1);
    if (measure == "kl") {
      sum += (p.exp() * (p - q)).sum().item<double>();
    } else {
      const auto index = batch.target().unsqueeze(1);
      sum += (p.gather(1, index) - q.gather(1, index)).sum().item<double>();
    }
    samples += batch.size();
  }
  return sum / double(samples);
}

TEST(LayerProbing, MeasuresEveryTensorAlone) {
  for (const char* measure : {"kl", "loss"}) {
    const ScratchFolder folder;
    Context context(folder.path());
    SensitivityOptions options;
    options.measure = measure;
    options.monotone = false;
    const LayerScores scores = probe_layers(context, options);
    ASSERT_EQ(scores.layers.size(), context.space().layer_genes().size());
    EXPECT_EQ(context.last_done, context.last_total);
    for (const char* layer : {"layer1.0.conv1", "layer2.0.downsample.0", "layer3.0.conv2"}) {
      for (const int bits : {4, 2}) {
        for (const auto role : {QuantizerRole::kWeight, QuantizerRole::kActivation}) {
          const bool is_signed =
              role == QuantizerRole::kWeight || context.space().network().find(layer)->signed_input;
          const Format format = Format::integer(bits, is_signed);
          const auto score = scores.score(layer, role, format);
          ASSERT_TRUE(score.has_value());
          EXPECT_NEAR(*score, expected(context, layer, role, format, measure),
                      1e-5 * std::max(1.0, std::fabs(*score)))
              << measure << " " << layer << " " << format.text();
        }
      }
    }
  }
}

TEST(LayerProbing, FewerBitsAreNeverBetter) {
  const ScratchFolder folder;
  Context context(folder.path());
  SensitivityOptions options;
  options.measure = "accuracy";
  const LayerScores scores = probe_layers(context, options);
  for (const LayerScore& layer : scores.layers) {
    for (const FormatScores* side : {&layer.weight, &layer.activation}) {
      double wider = 1e-9;
      for (const int bits : {8, 4, 2}) {
        const auto score = find_score(*side, Format::integer(bits, true));
        ASSERT_TRUE(score.has_value());
        EXPECT_GE(*score, wider);
        wider = *score;
      }
    }
  }
}

TEST(LayerProbing, WorkersAndInterruptionsChangeNothing) {
  const auto measured = [](int workers, const std::vector<int>& stops) {
    const ScratchFolder folder;
    Context context(folder.path());
    context.worker_count = workers;
    for (const int stop : stops) {
      context.stop_after = stop;
      EXPECT_THROW(probe_layers(context, {}), Interrupted);
    }
    context.stop_after = -1;
    const std::string path = folder / "scores.json";
    write_layer_scores(path, probe_layers(context, {}));
    return read_file(path);
  };
  const std::string reference = measured(1, {});
  EXPECT_EQ(reference, measured(3, {}));
  EXPECT_EQ(reference, measured(2, {0, 1, 2}));
}

TEST(LayerProbing, RefusesWhatItCannotGoOnWith) {
  const ScratchFolder folder;
  Context context(folder.path());
  context.stop_after = 2;
  EXPECT_THROW(probe_layers(context, {}), Interrupted);
  context.stop_after = -1;
  SensitivityOptions other;
  other.measure = "loss";
  EXPECT_THROW(probe_layers(context, other), ConfigError);
  write_file_atomically(folder / "sensitivity.checkpoint.json", "{\"identity\": 3");
  EXPECT_THROW(probe_layers(context, {}), DataError);
  SensitivityOptions unknown;
  unknown.measure = "acuracy";
  const ScratchFolder fresh;
  Context again(fresh.path());
  try {
    probe_layers(again, unknown);
    FAIL();
  } catch (const ConfigError& e) {
    EXPECT_THAT(e.what(), HasSubstr("did you mean \"accuracy\"?"));
  }
}

}  // namespace
}  // namespace deneb::sensitivity
