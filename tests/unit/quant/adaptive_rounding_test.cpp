#include <deneb/quant/adaptive_rounding.h>
#include <gtest/gtest.h>
#include <torch/types.h>

namespace deneb {
namespace {

using torch::Tensor;

const std::vector<double> kV = {-5, -2.5, -1, -.5, 0, .5, 1, 2.5, 5};

Tensor v() { return torch::tensor(kV, torch::kFloat64); }

// BRECQ's reference.
TEST(AdaptiveRounding, RectifiedSigmoid) {
  const std::vector<double> expected = {0, 0, .2227297, .3530488, .5, .6469512, .7772703, 1, 1};
  EXPECT_TRUE(torch::allclose(rectified_sigmoid(v()), torch::tensor(expected, torch::kFloat64),
                              1e-6, 1e-7));
  const Tensor fraction = torch::linspace(0, .999, 50, torch::kFloat64);
  EXPECT_TRUE(torch::allclose(rectified_sigmoid(inverse_rectified_sigmoid(fraction)), fraction,
                              1e-12, 1e-12));
}

TEST(AdaptiveRounding, Regularizer) {
  EXPECT_NEAR(rounding_regularizer(v(), 20).item<double>(), 4.999985, 1e-6);
  EXPECT_NEAR(rounding_regularizer(v(), 10).item<double>(), 4.994491, 1e-5);
  EXPECT_NEAR(rounding_regularizer(v(), 2).item<double>(), 4.212213, 1e-6);
}

TEST(AdaptiveRounding, Temperature) {
  const auto beta = [](std::int64_t t) { return rounding_temperature(t, 20000, 20, 2, .2); };
  EXPECT_EQ(beta(1), 20);
  EXPECT_EQ(beta(4000), 20);
  EXPECT_NEAR(beta(4001), 19.99888, 1e-5);
  EXPECT_NEAR(beta(8000), 15.5, 1e-9);
  EXPECT_NEAR(beta(12000), 11, 1e-9);
  EXPECT_NEAR(beta(16000), 6.5, 1e-9);
  EXPECT_NEAR(beta(20000), 2, 1e-9);
}

}  // namespace
}  // namespace deneb
