#include <deneb/options/config.h>
#include <deneb/train/cross_entropy.h>
#include <torch/nn/functional/loss.h>

#include <string>

namespace deneb {
namespace {

namespace F = torch::nn::functional;
using torch::Tensor;

std::string shape_text(const Tensor& tensor) {
  std::string text = "[";
  for (const std::int64_t extent : tensor.sizes()) {
    text += (text.size() > 1 ? ", " : "") + std::to_string(extent);
  }
  return text + "]";
}

// Tokens become samples: logits [N, T, V] and targets [N, T] as [N T, V] and [N T]. `counted`: the
// rows that are left, or undefined for all of them; LibTorch's own way to leave out targets is
// wrong with label smoothing.
Tensor cross_entropy(const Tensor& logits, const Tensor& target, const Tensor& counted,
                     const F::CrossEntropyFuncOptions& options) {
  const std::int64_t dims = logits.dim();
  const bool fits = (dims == 2 || dims == 3) && target.dim() == dims - 1 &&
                    logits.sizes().slice(0, std::size_t(dims) - 1) == target.sizes();
  if (!fits) {
    throw RunError("criterion CrossEntropy: got logits " + shape_text(logits) + " and targets " +
                   shape_text(target) +
                   ", expected [N, C] and [N], or [N, T, V] and [N, T]; name the criterion that "
                   "belongs to the network");
  }
  const Tensor rows = dims == 2 ? logits : logits.flatten(0, 1);
  const Tensor labels = target.flatten();
  if (!counted.defined()) return F::cross_entropy(rows, labels, options);
  const Tensor left = counted.flatten().nonzero().flatten();
  return F::cross_entropy(rows.index_select(0, left), labels.index_select(0, left), options);
}

}  // namespace

Tensor CrossEntropy::loss(const Output& output, const Batch& batch) const {
  Tensor counted = this->counted(batch);
  // A mean over nothing would be NaN.
  if (!counted.any().item<bool>()) return output.logits.sum() * 0;
  if (counted.all().item<bool>()) counted = Tensor();
  const auto options = F::CrossEntropyFuncOptions().label_smoothing(options_.label_smoothing);
  Tensor loss = cross_entropy(output.logits, batch.target(), counted, options);
  if (options_.auxiliary_weight > 0) {
    for (const auto& head : output.auxiliary) {
      loss = loss + cross_entropy(head.second, batch.target(), counted, options) *
                        options_.auxiliary_weight;
    }
  }
  return loss;
}

LossSum CrossEntropy::measure(const Output& output, const Batch& batch) const {
  Tensor counted = this->counted(batch);
  const auto count = counted.sum().item<std::int64_t>();
  if (count == counted.numel()) counted = Tensor();
  const auto options = F::CrossEntropyFuncOptions().reduction(torch::kSum);
  return {cross_entropy(output.logits, batch.target(), counted, options).item<double>(), count};
}

Tensor CrossEntropy::counted(const Batch& batch) const {
  return batch.target().ne(options_.ignore_index);
}

nlohmann::ordered_json CrossEntropy::identity() const {
  CrossEntropyOptions copy = options_;
  nlohmann::ordered_json identity = {{"type", "CrossEntropy"}};
  identity.update(write_options(walk(copy)));
  return identity;
}

}  // namespace deneb
