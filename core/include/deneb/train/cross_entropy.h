#pragma once

#include <cstdint>

#include <deneb/errors.h>
#include <deneb/options/options.h>
#include <deneb/train/criterion.h>

namespace deneb {

struct CrossEntropyOptions {
  double label_smoothing = 0;
  double auxiliary_weight = 0;
  std::int64_t ignore_index = -100;

  template <class V>
  void visit(V& v) {
    v("label_smoothing", label_smoothing, "mass moved from the label to all classes; training only",
      {0, 1});
    v("auxiliary_weight", auxiliary_weight,
      "weight of every auxiliary head that a network has in training; 0 = ignored", {0, 1e3});
    v("ignore_index", ignore_index, "targets of this value are not counted", {-9e15, 9e15});
  }
};

/// The criterion `CrossEntropy`: logits [N, C] with int64 targets [N], or logits [N, T, V] with
/// targets [N, T], token by token. The mean is over the targets that are counted, and 0 where none
/// is. Auxiliary heads have the shape of the logits. RunError for other shapes.
class DENEB_API CrossEntropy final : public Criterion {
 public:
  using Options = CrossEntropyOptions;
  explicit CrossEntropy(const Options& options = {}) : options_(options) {}

  torch::Tensor loss(const Output& output, const Batch& batch) const override;
  LossSum measure(const Output& output, const Batch& batch) const override;
  torch::Tensor counted(const Batch& batch) const override;
  nlohmann::ordered_json identity() const override;

 private:
  Options options_;
};

}  // namespace deneb
