// Every quantizer with its kernels against the plain composition of tensor operations, and on the
// inputs that break arithmetic.
#include <gmock/gmock.h>
#include <torch/utils.h>

#include <deneb/plugin/plugin.h>

#include "quantizer_fixture.h"

namespace quantizer_test {
namespace {

struct Case {
  const char *type, *format;
  Role role;
  nlohmann::json options = nlohmann::json::object();
};

std::vector<Case> cases() {
  const Role w = Role::kWeight, a = Role::kActivation;
  return {{"LSQ", "uint4", a},
          {"LSQ", "int8", a},
          {"LSQ", "int4", w},
          {"LSQ", "int4", w, {{"granularity", "channel"}}},
          {"LSQ", "int3", w, {{"granularity", "channel"}, {"widths", {4, 3}}}},
          {"DoReFa", "uint2", a},
          {"DoReFa", "int4", a},
          {"DoReFa", "int4", w},
          {"PACT", "uint4", a},
          {"PACT", "int4", w},
          {"WRPN", "uint4", a},
          {"WRPN", "int4", w},
          {"XNOR", "int1", w},
          {"XNOR", "int1", a},
          {"BiReal", "int1", w},
          {"BiReal", "int1", a},
          {"HWGQ", "uint2", a},
          {"HWGQ", "int3", w},
          {"Uniform", "uint4", a},
          {"Uniform", "int4", a, {{"symmetric", false}}},
          {"Uniform", "int4", w, {{"granularity", "channel"}}},
          {"Uniform", "int4", w, {{"granularity", "group"}, {"group_size", 7}}},
          {"Uniform", "int4", w, {{"granularity", "group"}, {"symmetric", false}}},
          {"SmallFloat", "e2m1", a},
          {"SmallFloat", "e4m3", w},
          {"SmallFloat", "e2m1", w, {{"granularity", "group"}, {"group_size", 32}}},
          {"Mixture", "uint4", a},
          {"Mixture", "int4", w},
          {"Mixture", "uint4", a, {{"steps", "lsq"}, {"widths", {1, 2, 4, 8}}}},
          {"Mixture", "int4", a, {{"steps", "lsq"}}},
          {"Mixture", "int4", w, {{"steps", "lsq"}, {"widths", {6, 5, 4, 3, 2}}}}};
}

Tensor weight() {
  torch::manual_seed(1);
  return torch::randn({24, 10, 3, 3}) * 0.3;
}

// Around the grids' ends, at zeros and ties, over several blocks of the kernels.
Tensor sample(const Case& c) {
  if (c.role == Role::kWeight) return weight();
  torch::manual_seed(2);
  Tensor x = torch::randn({9, 16, 31, 17});
  x.view(-1).slice(0, 0, 4000).mul_(8).round_().div_(8);
  x.view(-1).slice(0, 4000, 4400).zero_();
  return x.contiguous(at::MemoryFormat::ChannelsLast);
}

class ReferenceKernels {
 public:
  ReferenceKernels() : before_(reference_kernels()) { setenv("DENEB_REFERENCE_KERNELS", "1", 1); }
  ~ReferenceKernels() {
    if (!before_) unsetenv("DENEB_REFERENCE_KERNELS");
  }

 private:
  bool before_;
};

// Largest distance in units in the last place of float32.
std::int64_t ulps(const Tensor& a, const Tensor& b) {
  const auto ordered = [](const Tensor& t) {
    const Tensor bits = t.detach().contiguous().view(torch::kInt32).to(torch::kInt64);
    return at::where(bits.lt(0), -(bits + std::int64_t(0x80000000)), bits);  // -0 is 0
  };
  return (ordered(a) - ordered(b)).abs().max().item<std::int64_t>();
}

std::vector<Tensor> gradients_of(Quantizer& q) {
  std::vector<Tensor> gradients;
  for (const Tensor& p : q.parameters()) {
    if (p.grad().defined()) gradients.push_back(p.grad().clone());
  }
  return gradients;
}

TEST(Kernels, AgreeWithThePlainComposition) {
  if (reference_kernels()) GTEST_SKIP() << "compares the kernels with this run";
  for (const Case& c : cases()) {
    SCOPED_TRACE(std::string(c.type) + " " + c.format + " " + c.options.dump());
    const Tensor x = sample(c);
    const Tensor up = torch::randn_like(x);
    const auto run = [&] {
      const auto q = make(c.type, c.role, c.format, c.options, weight());
      const Pass p = pass(*q, x, up);
      return std::make_pair(p, gradients_of(*q));
    };
    const auto [kernel, kernel_gradients] = run();
    const auto [plain, plain_gradients] = [&] {
      const ReferenceKernels reference;
      return run();
    }();
    EXPECT_LE(ulps(kernel.y, plain.y), 1);
    EXPECT_TRUE(near(kernel.dx, plain.dx, 1e-5, 1e-7));
    ASSERT_EQ(kernel_gradients.size(), plain_gradients.size());
    for (std::size_t i = 0; i < kernel_gradients.size(); ++i) {
      // Sums of terms of both signs: their rounding is relative to the terms, not to the sum.
      const double size = std::max(1e-3, plain_gradients[i].abs().max().item<double>());
      EXPECT_TRUE(near(kernel_gradients[i], plain_gradients[i], 1e-5, 1e-5 * size));
    }
  }
}

TEST(Kernels, RepeatWhatTheyDid) {
  for (const Case& c : cases()) {
    SCOPED_TRACE(std::string(c.type) + " " + c.format + " " + c.options.dump());
    const auto q = make(c.type, c.role, c.format, c.options, weight());
    const Tensor x = sample(c);
    const Tensor first = q->quantize(x).detach();
    ASSERT_TRUE(q->traits().repeatable);
    torch::NoGradGuard no_grad;
    EXPECT_TRUE(torch::equal(q->quantize(x.detach()), first));
  }
}

TEST(Kernels, OddInputs) {
  for (const Case& c : cases()) {
    for (const auto dtype : {torch::kFloat32, torch::kFloat64}) {
      SCOPED_TRACE(std::string(c.type) + " " + c.format + " " + c.options.dump());
      const Tensor w = weight().to(dtype);
      const auto q = make(c.type, c.role, c.format, c.options, w);
      const Tensor x = sample(c).to(dtype);
      q->quantize(x);  // ranges and steps are set
      // Zeros stay on the grid and keep finite gradients.
      const Tensor zeros = torch::zeros_like(x);
      const Pass at_zero = pass(*q, zeros, torch::ones_like(x));
      EXPECT_TRUE(at_zero.y.isfinite().all().item<bool>());
      EXPECT_TRUE(at_zero.dx.isfinite().all().item<bool>());
      // NaN shows up in the output, so that training notices it.
      Tensor broken = x.clone();
      broken[0][1][2][0] = NAN;
      EXPECT_TRUE(q->quantize(broken).isnan().any().item<bool>());
      if (c.role == Role::kWeight) continue;
      // Tensors without elements, without dimensions, and with gaps in memory.
      const Tensor none = torch::zeros({0, 16, 4, 4}, dtype);
      EXPECT_EQ(pass(*q, none, none).dx.sizes(), none.sizes());
      const Tensor scalar = torch::full({}, 0.3, dtype);
      EXPECT_EQ(pass(*q, scalar, torch::ones({}, dtype)).dx.dim(), 0);
      const Tensor row = q->quantize(torch::full({1, 1, 1, 1}, 0.3, dtype));
      EXPECT_EQ(q->quantize(scalar).item<double>(), row.item<double>());
      expect_layout_independent(*q, x.slice(0, 0, 2).slice(3, 0, 17, 2));
    }
  }
}

}  // namespace
}  // namespace quantizer_test
