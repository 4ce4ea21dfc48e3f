#include <deneb/nn/layers.h>
#include <deneb/train/batch_norms.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <memory>
#include <utility>
#include <vector>

#include "train/placement.h"

namespace deneb {
namespace {

// While alive the network trains and its batch norms average over all batches seen; on the way out,
// also by an exception, mode and momentum are as before.
class CumulativeStatistics {
 public:
  explicit CumulativeStatistics(Network& network)
      : network_(network), training_(network.is_training()) {
    for (const auto& module : network.modules(/*include_self=*/false)) {
      auto norm = std::dynamic_pointer_cast<nn::BatchNorm2dImpl>(module);
      if (!norm) continue;
      norms_.emplace_back(norm, norm->options.momentum);
      norm->reset_running_stats();
      norm->options.momentum = -1;
    }
    network.train();
  }
  ~CumulativeStatistics() {
    for (auto& [norm, momentum] : norms_) norm->options.momentum = momentum;
    network_.train(training_);
  }
  bool empty() const { return norms_.empty(); }

 private:
  Network& network_;
  bool training_;
  std::vector<std::pair<std::shared_ptr<nn::BatchNorm2dImpl>, double>> norms_;
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
