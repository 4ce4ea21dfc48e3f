#include <deneb/nn/layers.h>
#include <deneb/nn/training_modes.h>
#include <deneb/train/batch_norms.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <memory>
#include <vector>

#include "train/placement.h"

namespace deneb {
namespace {

// While alive the network evaluates, but for its batch norms, which average over all batches seen;
// on the way out, also by an exception, mode and momentum are as before. Norms that saw no batch
// (of heads that only train) keep their statistics.
class CumulativeStatistics {
 public:
  explicit CumulativeStatistics(Network& network) : modes_(network) {
    network.eval();
    for (const auto& module : network.modules(/*include_self=*/false)) {
      auto norm = std::dynamic_pointer_cast<nn::BatchNorm2dImpl>(module);
      if (!norm) continue;
      norms_.push_back({norm, norm->options.momentum, norm->running_mean.clone(),
                        norm->running_var.clone(), norm->num_batches_tracked.clone()});
      norm->reset_running_stats();
      norm->options.momentum = -1;
      norm->train();
    }
  }
  ~CumulativeStatistics() {
    for (const Norm& before : norms_) {
      before.norm->options.momentum = before.momentum;
      if (before.norm->num_batches_tracked.item<std::int64_t>() > 0) continue;
      before.norm->running_mean.copy_(before.mean);
      before.norm->running_var.copy_(before.var);
      before.norm->num_batches_tracked.copy_(before.batches);
    }
  }
  bool empty() const { return norms_.empty(); }

 private:
  struct Norm {
    std::shared_ptr<nn::BatchNorm2dImpl> norm;
    double momentum;
    torch::Tensor mean, var, batches;
  };
  TrainingModes modes_;
  std::vector<Norm> norms_;
};

}  // namespace

void recalibrate_batch_norms(Network& network, const DataLoader& data, std::int64_t batches,
                             std::uint64_t seed, torch::Device device) {
  torch::NoGradGuard no_grad;
  const CumulativeStatistics cumulative(network);
  if (cumulative.empty()) return;  // transformers: nothing to estimate
  auto stream = data.train(seed, /*epoch=*/0);
  Batch batch;
  for (std::int64_t i = 0; i < batches && stream->next(batch); ++i) {
    network.forward(detail::on_device(batch, device, true));
  }
}

}  // namespace deneb
