#include <gmock/gmock.h>
#include <torch/autograd.h>
#include <torch/optim/sgd.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <deneb/nn/layers.h>
#include <deneb/nn/walk.h>
#include <deneb/quant/step_bank.h>

#include "quantizer_fixture.h"

namespace quantizer_test {
namespace {

using testing::HasSubstr;

Tensor scale_of(Quantizer& q) { return q.named_parameters()["scale"]; }
bool initialized(Quantizer& q) { return q.named_buffers()["initialized"].item<bool>(); }

/// An activation quantizer whose step is set by hand, as if it had been trained. Unless asked
/// otherwise its gradient scale counts the batch, as the oracles do.
std::shared_ptr<Quantizer> with_step(const std::string& format, double step,
                                     nlohmann::json options = nlohmann::json::object(),
                                     torch::Dtype dtype = torch::kFloat32) {
  options.emplace("gain", "tensor");
  auto q = make("LSQ", Role::kActivation, format, options, torch::ones({1}, dtype));
  torch::NoGradGuard no_grad;
  scale_of(*q).fill_(step);
  q->named_buffers()["initialized"].fill_(true);
  return q;
}

// The reference quantizer on eight values, float32. The rows of LIMPQ's indicator phase hold for
// clamp_step, those of its fine-tuning phase without it; where the step needs no clamp, for both.
struct LsqRow {
  const char* format;
  double step;
  nlohmann::json options;
  std::vector<double> y, dx;
  double dstep;
};

TEST(Lsq, MatchesTheReference) {
  const nlohmann::json plain = nlohmann::json::object(),
                       clamp = {{"clamp_step", true}, {"gain", "tensor"}};
  const std::vector<double> signed_3 = {-.4, -.4, -.2, 0, 0, .2, .3, .3};
  const std::vector<double> signed_3_dx = {0, 0, .5, 3, -1, .25, 0, 0};
  const std::vector<double> all = {1, -2, .5, 3, -1, .25, 2, -.75}, none(8, 0.0);
  const std::vector<LsqRow> rows = {
      {"int3", .1, plain, signed_3, signed_3_dx, 2.01572609},
      {"uint4", .1, plain, {0, 0, 0, 0, 0, .2, .4, 1.5}, {0, 0, 0, 0, -1, .25, 2, 0}, -1.06121242},
      {"int3", 1.5, plain, {-1.5, 0, 0, 0, 0, 0, 0, 1.5}, all, -.250052065},
      {"int2",
       .1,
       clamp,
       {-.2, -.2, -.2, 0, 0, .1, .1, .1},
       {0, 0, .5, 3, -1, 0, 0, 0},
       1.94454348},
      {"uint2", .1, clamp, {0, 0, 0, 0, 0, .2, .3, .3}, {0, 0, 0, 0, -1, .25, 0, 0}, .89304316},
      {"int3", .1, clamp, signed_3, signed_3_dx, 2.01572609},
      {"int3", .1, {{"scale_grad", false}}, signed_3, signed_3_dx, 9.875},
      {"int3",
       .1,
       {{"symmetric", true}},
       {-.3, -.3, -.2, 0, 0, .2, .3, .3},
       signed_3_dx,
       1.81160188},
      {"uint3", .1, clamp, {0, 0, 0, 0, 0, .2, .4, .7}, {0, 0, 0, 0, -1, .25, 2, 0}, -.751672208},
      {"int4",
       .1,
       clamp,
       {-.8, -.6, -.2, 0, 0, .2, .4, .7},
       {0, -2, .5, 3, -1, .25, 2, 0},
       -1.75390184},
      {"int3", 1.5, clamp, {-1, -1, 0, 0, 0, 0, 0, 2}, all, 0},
      {"uint3", 1e-6, clamp, {0, 0, 0, 0, 7e-5, 7e-5, 7e-5, 7e-5}, none, 0},
      {"int3", -.2, clamp, {-4e-5, -4e-5, -4e-5, -4e-5, 3e-5, 3e-5, 3e-5, 3e-5}, none, 0}};
  const Tensor x = vec({-1.3, -.65, -.2, -.05, .05, .15, .45, 1.9});
  for (const LsqRow& row : rows) {
    SCOPED_TRACE(std::string(row.format) + " s=" + std::to_string(row.step) + row.options.dump());
    const auto q = with_step(row.format, row.step, row.options);
    const Pass p = pass(*q, x, vec(all));
    EXPECT_TRUE(near(p.y, vec(row.y), 1e-6, 1e-9));
    EXPECT_TRUE(near(p.dx, vec(row.dx), 1e-6, 1e-9));
    EXPECT_NEAR(scale_of(*q).grad().item<double>(), row.dstep, 2e-6 * std::abs(row.dstep));
    EXPECT_FLOAT_EQ(scale_of(*q).item<float>(), row.step);  // use does not change it
  }
}

double step_gradient(Quantizer& q, const Tensor& x, const Tensor& upstream) {
  pass(q, x, upstream);
  return scale_of(q).grad().sum().item<double>();
}

// 1 / sqrt(N Qp), by hand: 4 samples of 12 features, 7 levels above zero. Once by the kernel, once
// by the composition.
TEST(Lsq, GainCountsTheTensorOrOneSample) {
  torch::manual_seed(11);
  for (const auto dtype : {torch::kFloat32, torch::kFloat64}) {
    const Tensor x = torch::randn({4, 3, 2, 2}, dtype), up = torch::randn_like(x);
    const double plain =
        step_gradient(*with_step("uint3", .3, {{"scale_grad", false}}, dtype), x, up);
    ASSERT_GT(std::abs(plain), .1);
    const auto with_gain = [&](const nlohmann::json& options) {
      return step_gradient(*with_step("uint3", .3, options, dtype), x, up) / plain;
    };
    EXPECT_NEAR(with_gain({{"gain", "tensor"}}), 1 / std::sqrt(48 * 7.0), 1e-6);
    EXPECT_NEAR(with_gain({{"gain", "sample"}}), 1 / std::sqrt(12 * 7.0), 1e-6);
    EXPECT_NEAR(with_gain({{"gain", "sample"}, {"scale_grad", false}}), 1, 1e-6);
    // Weights have no batch.
    for (const char* granularity : {"tensor", "channel"}) {
      const bool by_channel = std::string(granularity) == "channel";
      const auto weight_gradient = [&](nlohmann::json options) {
        options["granularity"] = granularity;
        return step_gradient(*make("LSQ", Role::kWeight, "int4", options, x), x, up);
      };
      const double whole = weight_gradient({{"scale_grad", false}});
      for (const char* gain : {"tensor", "sample"}) {
        EXPECT_NEAR(weight_gradient({{"gain", gain}}) / whole,
                    1 / std::sqrt((by_channel ? 12 : 48) * 7.0), 1e-6);
      }
    }
  }
}

// The same samples twice, in a loss that is a mean: "sample" does not see it.
TEST(Lsq, GainBySampleDoesNotDependOnTheBatch) {
  torch::manual_seed(12);
  const Tensor x = torch::randn({5, 7}), up = torch::randn_like(x);
  for (const char* gain : {"tensor", "sample"}) {
    const nlohmann::json options = {{"gain", gain}};
    const double once = step_gradient(*with_step("uint3", .3, options), x, up);
    const double twice =
        step_gradient(*with_step("uint3", .3, options), at::cat({x, x}), at::cat({up, up}) / 2);
    const double ratio = std::string(gain) == "tensor" ? std::sqrt(.5) : 1;
    EXPECT_NEAR(twice / once, ratio, 1e-5) << gain;
  }
}

// A step that an update carried below zero counts by its magnitude, and learns on.
TEST(Lsq, NegativeStepsAreMirrored) {
  torch::manual_seed(4);
  for (const auto dtype : {torch::kFloat32, torch::kFloat64}) {
    const Tensor x = torch::randn({50}, dtype), up = torch::randn({50}, dtype);
    const auto plus = with_step("uint3", .25, nlohmann::json::object(), dtype);
    const auto minus = with_step("uint3", -.25, nlohmann::json::object(), dtype);
    const Pass p = pass(*plus, x, up), m = pass(*minus, x, up);
    EXPECT_TRUE(torch::equal(m.y, p.y));
    EXPECT_TRUE(torch::equal(m.dx, p.dx));
    EXPECT_EQ(scale_of(*minus).grad().item<double>(), -scale_of(*plus).grad().item<double>());
    const auto zero = with_step("uint3", 0, nlohmann::json::object(), dtype);
    EXPECT_TRUE(near(zero->quantize(x), x.gt(0).to(dtype) * 7e-5, 1e-6, 1e-5));
  }
}

TEST(Lsq, InitialWeightStep) {
  const Tensor w = vec({.1, -.2, .3, .05, -.4, .25}).view({2, 3});
  const double expected[] = {.412684649, .206342325, .103171162, .0515855812, .0257927906};
  const auto q = make("LSQ", Role::kWeight, "", {}, w);
  EXPECT_FALSE(initialized(*q));
  for (int bits = 2; bits <= 6; ++bits) {
    q->set_format(Format::integer(bits, true));
    EXPECT_TRUE(initialized(*q));
    EXPECT_NEAR(scale_of(*q).item<double>(), expected[bits - 2], 1e-6 * expected[bits - 2]);
  }
}

TEST(Lsq, InitialActivationStep) {
  const Tensor x = vec({0, .5, 1.5, -.25, 2});
  const double expected[] = {.9814955, .64253962, .438938111, .305329025, .214179873};
  for (const bool training : {true, false}) {
    const auto q = make("LSQ", Role::kActivation, "");
    q->train(training);
    for (int bits = 2; bits <= 6; ++bits) {
      q->set_format(Format::integer(bits, false));
      EXPECT_FALSE(initialized(*q));  // a new width starts anew
      EXPECT_EQ(scale_of(*q).item<double>(), 1);
      const Tensor y = q->quantize(x);
      EXPECT_TRUE(initialized(*q));
      EXPECT_NEAR(scale_of(*q).item<double>(), expected[bits - 2], 1e-6 * expected[bits - 2]);
      if (bits == 3) {
        EXPECT_TRUE(near(y.detach(), vec({0, .64253962, 1.28507924, 0, 1.92761886})));
      }
      q->quantize(x * 100);  // only the first batch counts
      q->set_format(Format::integer(bits, false));
      EXPECT_NEAR(scale_of(*q).item<double>(), expected[bits - 2], 1e-6 * expected[bits - 2]);
    }
  }
}

const nlohmann::json kBank = {
    {"widths", {6, 5, 4, 3, 2}}, {"clamp_step", true}, {"gain", "tensor"}};

// LIMPQ's reference: the gradient of width 3 appears in its entry and nowhere else.
TEST(Lsq, BankTrainsTheEntryInUse) {
  const Tensor x = vec({-1.3, -.65, -.2, -.05, .05, .15, .45, 1.9});
  const Tensor up = vec({1, -2, .5, 3, -1, .25, 2, -.75});
  const auto q = make("LSQ", Role::kActivation, "int3", kBank);
  {
    torch::NoGradGuard no_grad;
    scale_of(*q).copy_(vec({9, 9, 9, .1, 9}));
    q->named_buffers()["initialized"].fill_(true);
  }
  const Pass p = pass(*q, x, up);
  EXPECT_TRUE(near(p.y, vec({-.4, -.4, -.2, 0, 0, .2, .3, .3})));
  EXPECT_TRUE(near(scale_of(*q).grad(), vec({0, 0, 0, 2.01572609, 0}), 2e-6, 0));
}

// What a search needs to know of it, without names of parameters.
TEST(Lsq, ShowsItsStepsAsABank) {
  const Tensor w = torch::ones({2, 3});
  for (const Role role : {Role::kWeight, Role::kActivation}) {
    const auto q = make("LSQ", role, "", kBank, w);
    const auto* bank = dynamic_cast<deneb::StepBank*>(q.get());
    ASSERT_TRUE(bank);
    EXPECT_THAT(bank->widths(), testing::ElementsAre(6, 5, 4, 3, 2));
    EXPECT_TRUE(bank->steps().is_same(scale_of(*q)));
    EXPECT_EQ(bank->steps().sizes(), (std::vector<std::int64_t>{5}));
  }
  nlohmann::json by_channel = kBank;
  by_channel["granularity"] = "channel";
  const auto channels = make("LSQ", Role::kWeight, "", by_channel, w);
  EXPECT_EQ(dynamic_cast<deneb::StepBank&>(*channels).steps().sizes(),
            (std::vector<std::int64_t>{5, 2}));
  const auto single = make("LSQ", Role::kWeight, "int4", nlohmann::json::object(), w);
  EXPECT_TRUE(dynamic_cast<deneb::StepBank&>(*single).widths().empty());
  EXPECT_EQ(dynamic_cast<deneb::StepBank&>(*single).steps().dim(), 0);
  EXPECT_FALSE(dynamic_cast<deneb::StepBank*>(make("DoReFa", Role::kWeight, "int4").get()));
}

TEST(Lsq, BankStartsAllWeightEntriesAtOnce) {
  const Tensor w = vec({.1, -.2, .3, .05, -.4, .25}).view({2, 3});
  const auto q = make("LSQ", Role::kWeight, "int4", kBank, w);
  EXPECT_TRUE(
      near(scale_of(*q), vec({.0257927906, .0515855812, .103171162, .206342325, .412684649})));
  const auto alone = make("LSQ", Role::kWeight, "int4", {{"clamp_step", true}}, w);
  EXPECT_TRUE(torch::equal(q->quantize(w), alone->quantize(w)));
}

TEST(Lsq, BankKeepsEveryWidth) {
  const Tensor x = vec({0, .5, 1.5, -.25, 2});
  const auto q = make("LSQ", Role::kActivation, "uint3", kBank);
  EXPECT_TRUE(near(q->quantize(x).detach(), vec({0, .64253962, 1.28507924, 0, 1.92761886})));
  EXPECT_TRUE(torch::equal(q->named_buffers()["initialized"],
                           torch::tensor({false, false, false, true, false})));
  q->set_format(Format::parse("uint6"));
  q->quantize(x * 10);
  q->set_format(Format::parse("uint3"));
  q->quantize(x * 100);  // has its step
  EXPECT_TRUE(near(scale_of(*q), vec({2.14179873, 1, 1, .64253962, 1})));
  EXPECT_THAT(config_error([&] { q->set_format(Format::parse("uint8")); }),
              HasSubstr("the widths of its bank (6, 5, 4, 3, 2)"));
  EXPECT_EQ(q->format().text(), "uint3");
  EXPECT_THAT(config_error([] {
                make("LSQ", Role::kWeight, "", {{"widths", {4, 4}}});
              }),
              HasSubstr("widths"));
}

TEST(Lsq, BatchesWithoutInformationDoNotInitialise) {
  const auto q = make("LSQ", Role::kActivation, "uint4");
  EXPECT_TRUE(torch::equal(q->quantize(torch::zeros({4})), torch::zeros({4})));
  EXPECT_EQ(q->quantize(torch::zeros({0, 4})).numel(), 0);
  EXPECT_TRUE(q->quantize(vec({1, NAN})).isnan()[1].item<bool>());
  q->quantize(vec({1, INFINITY}));
  EXPECT_FALSE(initialized(*q));
  EXPECT_EQ(scale_of(*q).item<double>(), 1);
  q->quantize(vec({1, 2}));
  EXPECT_TRUE(initialized(*q));
}

TEST(Lsq, DegenerateWeights) {
  const auto zeros = make("LSQ", Role::kWeight, "int4", {}, torch::zeros({3, 3}));
  EXPECT_TRUE(torch::equal(zeros->quantize(torch::zeros({3, 3})), torch::zeros({3, 3})));
  EXPECT_GT(scale_of(*zeros).item<double>(), 0);
  // One element has no standard deviation.
  const auto single = make("LSQ", Role::kWeight, "int2", {}, vec({-.6}));
  EXPECT_NEAR(scale_of(*single).item<double>(), .3, 1e-6);
}

// Gradients by their definition, one value after another. float32 takes the fused kernel, float64
// the composition of tensor operations. The tensor spans several blocks of the kernel, and its last
// block and last run of lanes are not full.
TEST(Lsq, GradientFollowsFromTheDefinition) {
  torch::manual_seed(5);
  for (const auto dtype : {torch::kFloat32, torch::kFloat64}) {
    const double exact = dtype == torch::kFloat64 ? 1e-12 : 1e-6;
    for (const char* format :
         {"int2", "int3", "int8", "uint1", "uint2", "uint5", "int16", "uint16"}) {
      for (const bool symmetric : {false, true}) {
        const Format f = Format::parse(format);
        const double step = 2.5 * std::pow(2, -f.bits);  // a float has it exactly
        const auto q = with_step(format, step, {{"symmetric", symmetric}}, dtype);
        Tensor x = torch::randn({33, 61, 35}, dtype);
        const double half = std::pow(2, f.bits - 1);
        const double low = !f.is_signed() ? 0 : symmetric ? 1 - half : -half;
        const double high = f.is_signed() ? half - 1 : 2 * half - 1;
        auto values = x.view(-1);
        values[0] = high * step;  // exactly at both ends, at zero and at a tie
        values[1] = low * step;
        values[2] = 0;
        values[3] = .5 * step;
        values[-1] = 1.5 * step;
        const Tensor up = torch::randn_like(x);
        const Pass p = pass(*q, x, up);

        const auto as_doubles = [](const Tensor& t) {
          const Tensor flat = t.detach().to(torch::kFloat64).view(-1);
          return std::vector<double>(flat.data_ptr<double>(),
                                     flat.data_ptr<double>() + flat.numel());
        };
        const auto xs = as_doubles(x), gs = as_doubles(up), ys = as_doubles(p.y),
                   dxs = as_doubles(p.dx);
        double sum = 0, magnitude = 0;
        for (std::size_t i = 0; i < xs.size(); ++i) {
          // The quotient in the precision of the tensor, in which ties and ends are decided.
          const double v = dtype == torch::kFloat32 ? float(xs[i]) / float(step) : xs[i] / step;
          const bool inside = low <= v && v <= high;
          const double r = inside ? std::nearbyint(v) : v < low ? low : high;
          const double term = gs[i] * (inside ? r - v : r);
          sum += term;
          magnitude += std::abs(term);
          ASSERT_NEAR(ys[i], r * step, exact * std::abs(r * step)) << format << " v=" << v;
          ASSERT_EQ(dxs[i], inside ? gs[i] : 0) << format << " v=" << v;
        }
        const double gain = 1 / std::sqrt(high * double(x.numel()));
        EXPECT_NEAR(scale_of(*q).grad().item<double>(), sum * gain, exact * magnitude * gain)
            << format;
      }
    }
  }
}

TEST(Lsq, ResultDoesNotDependOnTheThreads) {
  if (reference_kernels()) GTEST_SKIP() << "a promise of the kernels only";
  torch::manual_seed(7);
  const Tensor x = torch::randn({5, 64, 33, 31}), up = torch::randn_like(x);
  const int threads = at::get_num_threads();
  std::vector<Pass> passes;
  std::vector<double> steps;
  for (const int count : {1, 2, 3}) {
    at::set_num_threads(count);
    const auto q = with_step("uint4", .1);
    passes.push_back(pass(*q, x, up));
    steps.push_back(scale_of(*q).grad().item<double>());
  }
  at::set_num_threads(threads);
  for (std::size_t i = 1; i < passes.size(); ++i) {
    EXPECT_TRUE(torch::equal(passes[i].y, passes[0].y));
    EXPECT_TRUE(torch::equal(passes[i].dx, passes[0].dx));
    EXPECT_EQ(steps[i], steps[0]);
  }
}

TEST(Lsq, NanEmptyLayoutAndPrecision) {
  torch::manual_seed(6);
  for (const char* format : {"uint1", "uint4", "int3"}) {
    for (const auto dtype : {torch::kFloat32, torch::kFloat64}) {
      const auto q = with_step(format, .25, nlohmann::json::object(), dtype);
      EXPECT_EQ(scale_of(*q).scalar_type(), dtype);
      const Pass p = pass(*q, vec({.25, NAN, INFINITY}, dtype), torch::ones({3}, dtype));
      EXPECT_TRUE(p.y[1].isnan().item<bool>());
      EXPECT_EQ(p.y.isnan().sum().item<int>(), 1);
      EXPECT_TRUE(scale_of(*q).grad().isnan().item<bool>());
      EXPECT_EQ(pass(*q, torch::zeros({0, 2}, dtype), torch::zeros({0, 2}, dtype)).dx.numel(), 0);
      const Tensor x = torch::randn({2, 6, 5, 4}, dtype);
      expect_layout_independent(*q, x);
      expect_layout_independent(*q, x.contiguous(torch::MemoryFormat::ChannelsLast));
      expect_layout_independent(*q, x.permute({3, 1, 0, 2}));
      expect_layout_independent(*q, x.slice(3, 0, 4, 2));
    }
  }
}

// One step for each output channel: every row behaves like a tensor of its own.
TEST(Lsq, ChannelsHaveStepsOfTheirOwn) {
  torch::manual_seed(10);
  for (const auto dtype : {torch::kFloat32, torch::kFloat64}) {
    const Tensor w =
        torch::randn({5, 4, 3, 3}, dtype) * torch::logspace(-2, 1, 5, 10, dtype).view({5, 1, 1, 1});
    for (const auto format : {at::MemoryFormat::Contiguous, at::MemoryFormat::ChannelsLast}) {
      const Tensor x = w.contiguous(format), up = torch::randn_like(x);
      const auto q = make("LSQ", Role::kWeight, "int3", {{"granularity", "channel"}}, x);
      EXPECT_EQ(scale_of(*q).sizes(), (std::vector<std::int64_t>{5}));
      const Pass p = pass(*q, x, up);
      for (std::int64_t i = 0; i < 5; ++i) {
        const Tensor row = x[i].contiguous();
        const auto alone = make("LSQ", Role::kWeight, "int3", {}, row);
        const Pass one = pass(*alone, row, up[i].contiguous());
        EXPECT_NEAR(scale_of(*q)[i].item<double>(), scale_of(*alone).item<double>(),
                    1e-6 * scale_of(*alone).item<double>());
        EXPECT_TRUE(near(p.y[i], one.y, 1e-5, 0));
        EXPECT_TRUE(near(p.dx[i], one.dx));
        EXPECT_NEAR(scale_of(*q).grad()[i].item<double>(), scale_of(*alone).grad().item<double>(),
                    1e-5);
      }
    }
  }
  EXPECT_THAT(config_error([] {
                make("LSQ", Role::kActivation, "uint4", {{"granularity", "channel"}});
              }),
              HasSubstr("set granularity of quantizer.activation to \"tensor\""));
}

// bfloat16 in, bfloat16 out, and float32 in between.
TEST(Lsq, SatScalesLinearWeights) {
  torch::manual_seed(4);
  const Tensor weight = 0.02 * torch::randn({10, 64});
  const auto plain = make("LSQ", Role::kWeight, "int4", nlohmann::json::object(), weight);
  const auto scaled = make("LSQ", Role::kWeight, "int4", {{"sat_linear_scale", true}}, weight);
  const Tensor x = weight.clone().set_requires_grad(true);
  const Tensor y = scaled->quantize(x), q = plain->quantize(weight);
  EXPECT_NEAR(y.std().item<double>(), 1 / std::sqrt(10.0), 1e-6);
  const double factor = 1 / (std::sqrt(10.0) * q.std().item<double>());
  EXPECT_TRUE(torch::allclose(y, q * factor, 1e-5, 1e-7));
  // The factor is a constant to the gradient.
  y.sum().backward();
  const Tensor inside = x.grad().ne(0);
  EXPECT_TRUE(torch::allclose(x.grad(), inside.to(torch::kFloat32) * factor, 1e-5, 1e-7));
  EXPECT_GT(inside.sum().item<std::int64_t>(), 600);

  const Tensor kernel = torch::randn({4, 3, 3, 3});
  const auto of_convolution =
      make("LSQ", Role::kWeight, "int4", {{"sat_linear_scale", true}}, kernel);
  EXPECT_LT(of_convolution->quantize(kernel).std().item<double>(), 1.2);
  EXPECT_GT(of_convolution->quantize(kernel).std().item<double>(), 0.8);  // not 1 / sqrt(4)
  EXPECT_THROW(make("LSQ", Role::kActivation, "uint4", {{"sat_linear_scale", true}}),
               deneb::ConfigError);
}

TEST(Lsq, Bfloat16IsRoundedOnceAtTheEnd) {
  torch::manual_seed(11);
  const Tensor x = (torch::randn({3, 37, 41}) * 2).to(torch::kBFloat16);
  const Tensor up = torch::randn({3, 37, 41}).to(torch::kBFloat16);
  for (const char* format : {"uint4", "int8"}) {
    const auto q = with_step(format, .1), wide = with_step(format, .1);
    EXPECT_TRUE(q->traits().takes_bfloat16);
    const Pass p = pass(*q, x, up);
    const Pass w = pass(*wide, x.to(torch::kFloat32), up.to(torch::kFloat32));
    EXPECT_EQ(p.y.scalar_type(), torch::kBFloat16);
    EXPECT_TRUE(torch::equal(p.y, w.y.to(torch::kBFloat16)));
    EXPECT_TRUE(torch::equal(p.dx, w.dx.to(torch::kBFloat16)));
    EXPECT_TRUE(near(scale_of(*q).grad(), scale_of(*wide).grad(), 1e-5, 1e-6));
    const Tensor odd = torch::tensor({NAN, INFINITY, -INFINITY}).to(torch::kBFloat16);
    const Tensor y = q->quantize(odd);
    EXPECT_TRUE(y[0].isnan().item<bool>());
    EXPECT_GT(y[1].item<float>(), 1);
    EXPECT_LE(y[2].item<float>(), 0);
  }
}

TEST(Lsq, HasNoSecondDerivative) {
  for (const auto dtype : {torch::kFloat32, torch::kFloat64}) {
    const auto q = with_step("uint4", .1, nlohmann::json::object(), dtype);
    const Tensor x = torch::rand({5}, dtype).requires_grad_();
    EXPECT_THROW(torch::autograd::grad({q->quantize(x).square().sum()}, {x}, {}, {},
                                       /*create_graph=*/true),
                 c10::Error);
  }
}

TEST(Lsq, OnlyNeededGradientsAreMade) {
  const auto q = with_step("uint4", .1);
  q->quantize(vec({.1, .3})).sum().backward();  // an input without gradient
  EXPECT_TRUE(scale_of(*q).grad().defined());
  scale_of(*q).set_requires_grad(false);
  const Tensor x = vec({.1, 9}).requires_grad_();
  q->quantize(x).sum().backward();
  EXPECT_TRUE(near(x.grad(), vec({1, 0})));
  EXPECT_FALSE(q->quantize(vec({.1})).requires_grad());
}

TEST(Lsq, GradientDescentOnTheStepLowersTheError) {
  torch::manual_seed(8);
  const Tensor x = torch::randn({4000}).abs();
  const auto q = with_step("uint3", 1.0, {{"scale_grad", false}});
  const auto error = [&] { return (q->quantize(x) - x).square().mean(); };
  const double before = error().item<double>();
  torch::optim::SGD sgd(q->parameters(), 0.5);
  for (int i = 0; i < 200; ++i) {
    sgd.zero_grad();
    error().backward();
    sgd.step();
  }
  // Half-normal values: 3 bits reach about 0.01, a step of 1 gives 1/12.
  EXPECT_LT(error().item<double>(), 0.25 * before);
}

TEST(Lsq, RefusesFormatsThatItCannotRepresent) {
  const auto q = with_step("uint4", .1);
  for (const char* word : {"e4m3", "int1"}) {
    const std::string text = config_error([&] { q->set_format(Format::parse(word)); });
    EXPECT_THAT(text, HasSubstr("layer1.0.conv1"));
    EXPECT_THAT(text, HasSubstr(std::string("LSQ cannot quantize activations to ") + word));
    EXPECT_THAT(text, HasSubstr("int2 .. int16, uint1 .. uint16"));
  }
  EXPECT_EQ(q->format().text(), "uint4");
  EXPECT_FLOAT_EQ(scale_of(*q).item<float>(), .1f);
  q->set_format(Format::float32());
  EXPECT_TRUE(torch::equal(q->quantize(vec({-5, .123})), vec({-5, .123})));
}

class OneConv final : public deneb::Network {
 public:
  OneConv() {
    conv_ = register_module("conv", deneb::nn::Conv2d(torch::nn::Conv2dOptions(2, 3, 1)));
  }
  Tensor forward(Tensor x) override { return conv_(x).mean({2, 3}); }
  std::vector<std::int64_t> input_shape() const override { return {2, 4, 4}; }
  std::int64_t num_classes() const override { return 3; }

 private:
  deneb::nn::Conv2d conv_{nullptr};
};

std::shared_ptr<OneConv> quantized_network() {
  auto network = std::make_shared<OneConv>();
  deneb::BitPolicy policy;
  policy.set("conv", {Format::parse("int3"), Format::parse("uint3")});
  const auto factory = [](const Format&) {
    return plugin_test::make<Quantizer>(registry(), "LSQ");
  };
  deneb::apply_policy(*network, policy, factory, factory);
  return network;
}

using State = std::vector<std::pair<std::string, Tensor>>;

State copy_of(const deneb::Network& network) {
  State state = deneb::state_of(network);
  for (auto& item : state) item.second = item.second.detach().clone();
  return state;
}

Tensor find(const State& state, const std::string& name) {
  for (const auto& [key, tensor] : state) {
    if (key == name) return tensor;
  }
  ADD_FAILURE() << "no tensor " << name;
  return torch::zeros({});
}

TEST(Lsq, LearnedStateIsSavedAndLoadedWithTheNetwork) {
  torch::manual_seed(9);
  const Tensor x = torch::rand({2, 2, 4, 4});
  const auto first = quantized_network();
  const State fresh = copy_of(*first);
  EXPECT_FALSE(find(fresh, "conv.input_quantizer.initialized").item<bool>());
  EXPECT_TRUE(find(fresh, "conv.weight_quantizer.initialized").item<bool>());
  const Tensor expected = first->forward(x);
  const State trained = copy_of(*first);
  EXPECT_TRUE(find(trained, "conv.input_quantizer.initialized").item<bool>());

  const auto second = quantized_network();
  EXPECT_TRUE(deneb::load_state(*second, trained, "test").missing.empty());
  second->forward(x * 50);  // must not start the step anew
  EXPECT_TRUE(torch::equal(second->forward(x), expected));
  EXPECT_TRUE(torch::equal(find(copy_of(*second), "conv.input_quantizer.scale"),
                           find(trained, "conv.input_quantizer.scale")));

  // The other way round: a state from before training makes the first batch count again.
  deneb::load_state(*second, fresh, "test");
  second->forward(x);
  EXPECT_TRUE(torch::equal(second->forward(x), expected));
  EXPECT_TRUE(find(copy_of(*second), "conv.input_quantizer.initialized").item<bool>());
}

TEST(Lsq, ProbingAQuantizedNetworkDoesNotInitialiseIt) {
  const auto network = quantized_network();
  deneb::probe(*network, "OneConv");
  EXPECT_FALSE(find(copy_of(*network), "conv.input_quantizer.initialized").item<bool>());
}

}  // namespace
}  // namespace quantizer_test
