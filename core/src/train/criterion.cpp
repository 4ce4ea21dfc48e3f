#include <deneb/train/criterion.h>

namespace deneb {

Criterion::~Criterion() = default;

LossSum Criterion::measure(const Output& output, const Batch& batch) const {
  const auto samples = batch.size();
  return {loss(output, batch).item<double>() * static_cast<double>(samples), samples};
}

torch::Tensor Criterion::counted(const Batch&) const { return {}; }

nlohmann::ordered_json Criterion::identity() const { return nlohmann::ordered_json::object(); }

}  // namespace deneb
