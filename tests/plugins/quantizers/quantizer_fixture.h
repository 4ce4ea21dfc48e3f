#pragma once

#include <gtest/gtest.h>
#include <torch/types.h>

#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include <deneb/quant/quantizer.h>

#include "plugins/plugin_registry.h"

namespace quantizer_test {

using deneb::Format;
using deneb::Quantizer;
using torch::Tensor;
using Role = deneb::QuantizerSite::Role;

inline const deneb::Registry& registry() {
  static const auto loaded =
      plugin_test::load({"adaround", "bireal", "dorefa", "hwgq", "lsq", "mixture", "pact",
                         "small_float", "uniform", "wrpn", "xnor"});
  return *loaded;
}

inline Tensor vec(std::vector<double> values, torch::Dtype dtype = torch::kFloat32) {
  return torch::tensor(values, torch::kFloat64).to(dtype);
}

/// A plugin's quantizer in the place of layer "layer1.0.conv1". `weight` defaults to something.
inline std::shared_ptr<Quantizer> make(const std::string& type, Role role,
                                       const std::string& format,
                                       const nlohmann::json& options = nlohmann::json::object(),
                                       Tensor weight = {}) {
  auto quantizer = plugin_test::make<Quantizer>(registry(), type, options);
  if (!weight.defined()) weight = vec({0.1, -0.2, 0.3});
  quantizer->attach({role, "layer1.0.conv1", weight});
  if (!format.empty()) quantizer->set_format(Format::parse(format));
  return quantizer;
}

inline Tensor alpha_of(Quantizer& q) { return q.named_parameters()["alpha"]; }

/// Is this the run of the suite without the fused kernels?
inline bool reference_kernels() {
  const char* set = std::getenv("DENEB_REFERENCE_KERNELS");
  return set != nullptr && std::string(set) == "1";
}

struct Pass {
  Tensor y, dx;
};

/// Forward, then backward with `upstream`; gradients of parameters land in the quantizer.
inline Pass pass(Quantizer& quantizer, const Tensor& x, const Tensor& upstream) {
  const Tensor leaf = x.detach().clone().requires_grad_();
  Pass result;
  result.y = quantizer.quantize(leaf);
  result.y.backward(upstream);
  result.dx = leaf.grad();
  return result;
}

/// Elementwise |actual - expected| <= absolute + relative * |expected|.
inline testing::AssertionResult near(const Tensor& actual, const Tensor& expected,
                                     double relative = 1e-6, double absolute = 1e-6) {
  if (actual.sizes() != expected.sizes()) {
    return testing::AssertionFailure()
           << "shape " << actual.sizes() << ", expected " << expected.sizes();
  }
  const Tensor a = actual.to(torch::kFloat64), e = expected.to(torch::kFloat64);
  const Tensor wrong = (a - e).abs().le(relative * e.abs() + absolute).logical_not();
  if (!wrong.any().item<bool>()) return testing::AssertionSuccess();
  return testing::AssertionFailure() << "got\n" << a << "\nexpected\n" << e;
}

/// The text of the ConfigError that `fn` must throw.
template <class Fn>
std::string config_error(const Fn& fn) {
  try {
    fn();
  } catch (const deneb::ConfigError& e) {
    return e.what();
  }
  ADD_FAILURE() << "no ConfigError was thrown";
  return {};
}

/// Checks what every method owes for `x` of any strides: the result equals the one of a plain
/// contiguous copy up to rounding, and neither dtype nor memory format changes.
inline void expect_layout_independent(Quantizer& quantizer, const Tensor& x) {
  const Tensor plain = x.contiguous();
  const Tensor upstream = torch::linspace(-1, 1, x.numel(), x.options()).view(x.sizes());
  const Pass a = pass(quantizer, plain, upstream);
  const Tensor leaf = x.detach().requires_grad_();  // keeps the strides, unlike clone()
  const Tensor y = quantizer.quantize(leaf);
  y.backward(upstream);
  EXPECT_EQ(y.scalar_type(), x.scalar_type());
  EXPECT_TRUE(near(y.detach(), a.y.detach(), 1e-6, 1e-7));  // sums may run in another order
  EXPECT_TRUE(near(leaf.grad(), a.dx, 1e-6, 1e-6));
  for (const auto format : {torch::MemoryFormat::Contiguous, torch::MemoryFormat::ChannelsLast}) {
    if (x.dim() == 4 && x.is_contiguous(format)) {
      EXPECT_TRUE(y.is_contiguous(format));
    }
  }
}

}  // namespace quantizer_test
