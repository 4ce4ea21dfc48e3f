#include <deneb/quant/adaptive_rounding.h>

#include <algorithm>

namespace deneb {
namespace {

constexpr double kLow = -0.1, kWidth = 1.2;  // the stretched sigmoid covers [-0.1, 1.1]

}  // namespace

// Here, so that all plugins share one type and dynamic_cast works across them.
AdaptiveRounding::~AdaptiveRounding() = default;

torch::Tensor rectified_sigmoid(const torch::Tensor& v) {
  return v.sigmoid().mul(kWidth).add(kLow).clamp(0, 1);
}

torch::Tensor inverse_rectified_sigmoid(const torch::Tensor& fraction) {
  return (kWidth / (fraction - kLow) - 1).log().neg();
}

torch::Tensor rounding_regularizer(const torch::Tensor& v, double beta) {
  return (1 - (2 * rectified_sigmoid(v) - 1).abs().pow(beta)).sum();
}

double rounding_temperature(std::int64_t t, std::int64_t total, double start, double end,
                            double warmup) {
  const double begin = warmup * double(total);
  if (double(t) < begin || begin >= double(total)) return start;
  const double left = 1 - (double(t) - begin) / (double(total) - begin);
  return end + (start - end) * std::max(0.0, left);
}

}  // namespace deneb
