#pragma once

#include <torch/nn/utils/clip_grad.h>
#include <torch/optim/sgd.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <deneb/data/data_loader.h>
#include <deneb/nn/walk.h>
#include <deneb/train/cross_entropy.h>
#include <deneb/train/training_loop.h>

#include "indicator_training.h"
#include "plugins/plugin_registry.h"
#include "scratch_folder.h"
#include "support/fake_search_context.h"

/// LIMPQ's joint training of ResNet-20 on 3x32x32 images beside a plain W4A4 training of the same
/// network: what one costs in terms of the other. All layers are quantized in both.
namespace resnet20_indicators {

using torch::Tensor;

const std::vector<int> kBits = {6, 5, 4, 3, 2};

inline const deneb::Registry& registry() {
  static const auto loaded = plugin_test::load({"lsq", "resnet_cifar", "synthetic"});
  return *loaded;
}

inline std::shared_ptr<deneb::Network> resnet20() {
  torch::manual_seed(1);
  return plugin_test::make<deneb::Network>(registry(), "ResNetCifar", {{"depth", 20}});
}

class Context final : public deneb::testing::FakeSearchContext {
 public:
  Context(int batch_size, int batches)
      : FakeSearchContext(deneb::probe(*resnet20(), "ResNetCifar"),
                          deneb::testing::open_space(kBits), /*seed=*/7),
        data_(make_data(batch_size, batches)) {}

  std::shared_ptr<deneb::Network> make_network() override { return resnet20(); }
  std::shared_ptr<deneb::Quantizer> make_quantizer(const deneb::PluginSpec& spec) override {
    return plugin_test::make<deneb::Quantizer>(registry(), spec.type, spec.options);
  }
  const deneb::DataLoader& data() override { return data_; }
  const deneb::Criterion& criterion() const override { return criterion_; }
  std::string artifact_path(const std::string& file) const override { return folder_ / file; }
  void progress(std::int64_t, std::int64_t, const std::string&) override {
    if (after_step) after_step();
  }

  std::function<void()> after_step;

 private:
  static deneb::DataLoader make_data(int batch_size, int batches) {
    auto images = plugin_test::make<deneb::Dataset>(
        registry(), "Synthetic", {{"train_samples", batch_size * batches}, {"test_samples", 1}});
    images->open();
    deneb::DataLoaderOptions options;
    options.batch_size = batch_size;
    options.train_portion = 1;
    options.workers = 0;
    return deneb::DataLoader(std::move(images), options);
  }

  const deneb::CrossEntropy criterion_;
  deneb::DataLoader data_;
  ScratchFolder folder_;
};

/// LIMPQ's recipe, `steps` steps; no checkpoint before the last.
inline deneb::limpq::TrainingOptions recipe(std::int64_t steps) {
  deneb::limpq::TrainingOptions options;
  options.trainer.max_steps = steps;
  options.trainer.checkpoint_seconds = 1'000'000;
  return options;
}

/// The same optimizer and loss with one width; a step is what the training loop does in one.
class PlainTraining {
 public:
  explicit PlainTraining(Context& context)
      : options_(recipe(0).trainer),
        network_(context.make_network()),
        criterion_(context.criterion()),
        sgd_((prepare(context), network_->parameters()),
             torch::optim::SGDOptions(options_.optimizer.lr)
                 .momentum(options_.optimizer.momentum)
                 .nesterov(options_.optimizer.nesterov)
                 .weight_decay(options_.optimizer.weight_decay)) {
    context.data().train(/*seed=*/7, /*epoch=*/0)->next(batch_);
    batch_["input"] = batch_.input().contiguous(at::MemoryFormat::ChannelsLast);
  }

  void step() {
    sgd_.zero_grad();
    const Tensor loss =
        criterion_.loss(deneb::forward(*network_, batch_, options_.precision), batch_);
    loss.backward();
    TORCH_CHECK(std::isfinite(loss.item<double>()));
    torch::nn::utils::clip_grad_value_(network_->parameters(), options_.grad_clip_value);
    sgd_.step();
  }

 private:
  void prepare(Context& context) {
    const auto factory = [&](const deneb::Format&) {
      return context.make_quantizer({"LSQ", nlohmann::json::object()});
    };
    deneb::apply_policy(*network_, deneb::uniform_policy(context.space().network(), 4, 4), factory,
                        factory);
    network_->train();
    for (Tensor& p : network_->parameters()) {
      if (p.dim() == 4) p.set_data(p.contiguous(at::MemoryFormat::ChannelsLast));
    }
  }

  deneb::TrainerOptions options_;
  std::shared_ptr<deneb::Network> network_;
  const deneb::Criterion& criterion_;
  torch::optim::SGD sgd_;
  deneb::Batch batch_;
};

}  // namespace resnet20_indicators
