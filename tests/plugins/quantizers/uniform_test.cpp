#include <gmock/gmock.h>
#include <torch/nn/utils/clip_grad.h>
#include <torch/types.h>
#include <torch/utils.h>

#include "quantizer_fixture.h"

namespace quantizer_test {
namespace {

using nlohmann::json;
using testing::HasSubstr;

const std::vector<double> kValues = {-1.0, -.75, -.5, -.1, 0, .05, .25, .3, .6, 1.2};

json with(json options, const json& more) {
  options.update(more);
  return options;
}

const json kDynamic = {{"update", "dynamic"}};

// FLIQS' reference functions, float32: codes times scale.
TEST(Uniform, SymmetricOracles) {
  struct Row {
    int bits;
    double factor, scale;
    std::vector<double> codes;
  };
  const std::vector<Row> rows = {{2, 1, 1.2, {-1, -1, 0, 0, 0, 0, 0, 0, 0, 1}},
                                 {3, 1, .4, {-2, -2, -1, 0, 0, 0, 1, 1, 2, 3}},
                                 {4, 1, .171428576, {-6, -4, -3, -1, 0, 0, 1, 2, 4, 7}},
                                 {8, 1, .00944881886, {-106, -79, -53, -11, 0, 5, 26, 32, 64, 127}},
                                 {4, .5, .0857142881, {-8, -8, -6, -1, 0, 1, 3, 4, 7, 7}}};
  for (const Row& row : rows) {
    const json options = with(kDynamic, {{"range_factor", row.factor}, {"clip_gradient", false}});
    const auto q =
        make("Uniform", Role::kActivation, Format::integer(row.bits, true).text(), options);
    const Pass p = pass(*q, vec(kValues), torch::arange(10, torch::kFloat32));
    EXPECT_TRUE(near(p.y, vec(row.codes) * row.scale)) << row.bits;
    EXPECT_TRUE(torch::equal(p.dx, torch::arange(10, torch::kFloat32)));
  }
}

TEST(Uniform, SymmetricTiesZerosAndErrors) {
  // The largest value 7 gives int4 the step 1.
  const auto q = make("Uniform", Role::kActivation, "int4");
  q->quantize(vec({7, -7}));
  EXPECT_TRUE(near(q->quantize(vec({.5, 1.5, 2.5, -.5, -1.5, -2.5, 7.5, -8.4, -9, 100})),
                   vec({0, 2, 2, 0, -2, -2, 7, -8, -8, 7})));
  const auto dynamic = make("Uniform", Role::kActivation, "int4", kDynamic);
  EXPECT_TRUE(torch::equal(dynamic->quantize(torch::zeros({4})), torch::zeros({4})));
  struct Row {
    int bits;
    double error;
  };
  const Tensor x = vec({-1.13, -.71, -.47, -.123, 0, .061, .237, .331, .653, 1.2}, torch::kFloat64);
  for (const Row& row : {Row{4, 1.902778e-3}, Row{8, 4.297111e-6}}) {
    const Tensor y =
        make("Uniform", Role::kActivation, Format::integer(row.bits, true).text(), kDynamic)
            ->quantize(x);
    EXPECT_NEAR((y - x).square().mean().item<double>(), row.error, 1e-6 * row.error);
  }
}

TEST(Uniform, ChannelsAndTokens) {
  const Tensor w = vec({.7, -.35, .1, .02, -.014, .009}).view({2, 3});
  EXPECT_TRUE(near(make("Uniform", Role::kWeight, "int4", kDynamic)->quantize(w),
                   vec({.7, -.4, .1, 0, 0, 0}).view({2, 3}), 1e-6, 1e-7));
  EXPECT_TRUE(
      near(make("Uniform", Role::kWeight, "int4", with(kDynamic, {{"granularity", "channel"}}))
               ->quantize(w),
           vec({.7, -.4, .1, .02, -.0142857144, .0085714282}).view({2, 3}), 1e-6, 1e-7));
  const Tensor x = vec({7, 3.4, -1.2, .07, .05, -.02}).view({2, 3});
  const auto activation = [&](const char* unit) {
    return make("Uniform", Role::kActivation, "int4", with(kDynamic, {{"granularity", unit}}));
  };
  EXPECT_TRUE(near(activation("token")->quantize(x), vec({7, 3, -1, .07, .05, -.02}).view({2, 3})));
  EXPECT_TRUE(near(activation("tensor")->quantize(x), vec({7, 3, -1, 0, 0, 0}).view({2, 3})));
}

// BRECQ's reference, per tensor, asymmetric: delta and zero point by the error to the power 2.4.
TEST(Uniform, LeastErrorOracles) {
  const Tensor x = vec({-1, -.62, -.31, -.05, 0, .07, .2, .44, .77, 1.3});
  const json base = {{"symmetric", false}, {"range", "mse"}};
  struct Row {
    const char* format;
    std::vector<double> y;
  };
  const std::vector<Row> rows = {
      {"int2", {-.69, -.69, 0, 0, 0, 0, 0, .69, .69, 1.38}},
      {"int3", {-.9857142, -.6571428, -.3285714, 0, 0, 0, .3285714, .3285714, .6571428, 1.314286}},
      {"int4", {-1.073333, -.6133333, -.3066667, 0, 0, 0, .1533333, .46, .7666667, 1.226667}}};
  for (const Row& row : rows) {
    const auto q = make("Uniform", Role::kWeight, row.format, base, x);
    EXPECT_TRUE(near(q->quantize(x), vec(row.y), 1e-6, 1e-6)) << row.format;
    // Unsigned formats have the same levels around another zero point.
    const auto u = make("Uniform", Role::kActivation, std::string("u") + row.format, base);
    EXPECT_TRUE(near(u->quantize(x), vec(row.y), 1e-6, 1e-6)) << row.format;
  }
  const auto eight = make("Uniform", Role::kWeight, "int8", base, x);
  const Tensor levels = eight->quantize(x) / .009019608;
  EXPECT_TRUE(near(levels, levels.round(), 0, 1e-3));
  EXPECT_NEAR(levels[0].item<double>(), -111, 1e-3);
  const auto max = make("Uniform", Role::kWeight, "int2", {{"symmetric", false}}, x);
  EXPECT_TRUE(near(max->quantize(x)[9], torch::tensor(2 * .7666667f), 1e-6));
}

// The step of a range as a parameter: the values of the static range at first, LSQ's gradients, and
// the zero point where it was.
TEST(Uniform, LearnedStep) {
  torch::manual_seed(4);
  const Tensor x = torch::randn({16, 3, 5, 5}) + 0.5, up = torch::randn_like(x);
  for (const bool symmetric : {true, false}) {
    for (const char* word : {"int3", "uint4", "int8"}) {
      SCOPED_TRACE(std::string(word) + (symmetric ? " symmetric" : " asymmetric"));
      const json options = {{"symmetric", symmetric}, {"range", "mse"}};
      const auto plain = make("Uniform", Role::kActivation, word, options);
      const auto q =
          make("Uniform", Role::kActivation, word, with(options, {{"learn_step", true}}));
      EXPECT_TRUE(near(q->quantize(x), plain->quantize(x)));
      const Tensor step = q->named_parameters()["step"];
      const double levels = std::pow(2, Format::parse(word).bits) - 1;
      const Format f = Format::parse(word);
      double low = f.is_signed() ? -std::pow(2, f.bits - 1) : 0;
      if (!symmetric) {
        const double begin = std::min(q->named_buffers()["low"].item<double>(), 0.);
        low = std::nearbyint(begin / step.item<double>());
      }
      {
        torch::NoGradGuard no_grad;
        step.mul_(1.3);
      }
      const Pass p = pass(*q, x, up);
      const Tensor v = x / step.detach();
      const Tensor inside = v.ge(low).logical_and_(v.le(low + levels));
      EXPECT_TRUE(near(p.y.detach(), v.clamp(low, low + levels).round() * step.detach(), 1e-5));
      EXPECT_TRUE(near(p.dx, up * inside));
      const Tensor slope = v.clamp(low, low + levels).round() - v.masked_fill(~inside, 0);
      const double gain = 1 / std::sqrt(levels * 75);
      EXPECT_NEAR(step.grad().item<double>(), (slope * up).sum().item<double>() * gain,
                  1e-3 * gain * (slope * up).abs().sum().item<double>());
      // Another format starts anew.
      q->set_format(Format::float32());
      q->set_format(f);
      EXPECT_TRUE(q->needs_calibration());
      EXPECT_TRUE(near(q->quantize(x), plain->quantize(x)));
    }
  }
  const json learned = {{"learn_step", true}};
  EXPECT_THAT(config_error([&] { make("Uniform", Role::kWeight, "int4", learned); }),
              HasSubstr("learn_step is for activations"));
  EXPECT_THAT(config_error([&] {
                make("Uniform", Role::kActivation, "int4", with(learned, {{"update", "average"}}));
              }),
              HasSubstr("learn_step: a range that moves has no step to learn"));
}

// By definition, one value after another, for every granularity; float32 takes the kernel.
TEST(Uniform, FollowsFromTheDefinition) {
  torch::manual_seed(5);
  constexpr int kRows = 6, kColumns = 80;
  const Tensor base = torch::randn({kRows, kColumns}, torch::kFloat64) *
                      torch::logspace(-2, 2, kRows, 10, torch::kFloat64).unsqueeze(1);
  for (const auto dtype : {torch::kFloat32, torch::kFloat64}) {
    for (const std::string unit : {"tensor", "channel", "group"}) {
      for (const bool symmetric : {true, false}) {
        for (const char* word : {"int2", "int4", "uint4", "int8", "uint8"}) {
          for (const double factor : {1., .5}) {  // half the range clips something
            SCOPED_TRACE(unit + (symmetric ? " symmetric " : " asymmetric ") + word);
            const Format f = Format::parse(word);
            const Tensor w = base.to(dtype), up = torch::randn_like(w);
            const json options = {{"granularity", unit},
                                  {"group_size", 32},
                                  {"symmetric", symmetric},
                                  {"range_factor", factor}};
            const Pass p = pass(*make("Uniform", Role::kWeight, word, options, w), w, up);
            const double half = std::pow(2, f.bits - 1);
            const double low = f.is_signed() ? -half : 0;
            const double high = f.is_signed() ? half - 1 : 2 * half - 1;
            for (int i = 0; i < kRows * kColumns; ++i) {
              const int row = i / kColumns * kColumns;
              int begin = 0, end = kRows * kColumns;
              if (unit == "channel") begin = row, end = row + kColumns;
              if (unit == "group") {
                begin = row + (i - row) / 32 * 32;
                end = std::min(begin + 32, row + kColumns);
              }
              const Tensor group = w.view(-1).slice(0, begin, end);
              const double min = factor * group.min().item<double>();
              const double max = factor * group.max().item<double>();
              double step, bottom = low, top = high;
              if (symmetric) {
                step = std::max(f.is_signed() ? std::max(-min, max) : max, 1e-8) / high;
              } else {
                step = (std::max(max, 0.) - std::min(min, 0.)) / (high - low);
                bottom = std::nearbyint(std::min(min, 0.) / step);
                top = bottom + high - low;
              }
              const double v = w.view(-1)[i].item<double>() / step;
              if (std::abs(v - std::floor(v) - .5) < 1e-3) continue;  // a tie in one precision only
              const double level = std::nearbyint(v);
              const bool inside = bottom <= level && level <= top;
              const double expected = std::min(std::max(level, bottom), top) * step;
              ASSERT_NEAR(p.y.view(-1)[i].item<double>(), expected,
                          1e-6 * std::abs(expected) + 1e-9);
              ASSERT_EQ(p.dx.view(-1)[i].item<double>(),
                        inside ? up.view(-1)[i].item<double>() : 0);
            }
          }
        }
      }
    }
  }
}

// The range's own ends are never clipped, whatever the last bit of the step is.
TEST(Uniform, TheLargestValueKeepsItsGradient) {
  torch::manual_seed(9);
  for (int i = 0; i < 200; ++i) {
    const Tensor x = torch::randn({5});
    for (const char* type : {"Uniform", "SmallFloat"}) {
      const json options = {{"update", "dynamic"}, {"clip_gradient", true}};
      const char* format = std::string(type) == "Uniform" ? "int4" : "e2m1";
      EXPECT_TRUE(torch::equal(
          pass(*make(type, Role::kActivation, format, options), x, torch::ones({5})).dx,
          torch::ones({5})))
          << type << x;
    }
  }
}

// Groups of a convolution run over the input channels first, whatever the order in memory; what
// comes back has the layout of what went in.
TEST(Uniform, GroupsOfConvolutions) {
  torch::manual_seed(10);
  const Tensor x = torch::randn({3, 10, 4, 4}), up = torch::randn_like(x);
  const Tensor rows = x.permute({0, 2, 3, 1}).contiguous();  // N, H, W, C
  for (const char* type : {"Uniform", "SmallFloat"}) {
    const char* format = std::string(type) == "Uniform" ? "int4" : "e2m1";
    for (const bool weight : {true, false}) {
      for (const std::string unit : {"tensor", "channel", "token", "group"}) {
        if (unit == (weight ? "token" : "channel")) continue;
        SCOPED_TRACE(std::string(type) + (weight ? " weight " : " activation ") + unit);
        const json options = {{"granularity", unit},
                              {"group_size", 4},
                              {"update", "dynamic"},
                              {"range_factor", .6},
                              {"clip_gradient", true}};
        const Role role = weight ? Role::kWeight : Role::kActivation;
        const auto q = make(type, role, format, options, x);
        // The same values as rows of a matrix: output channels or pixels.
        const Tensor matrix = rows.view({weight ? 3 : 48, -1});
        const Pass flat = pass(*make(type, role, format, options, matrix), matrix,
                               up.permute({0, 2, 3, 1}).reshape(matrix.sizes()));
        for (const auto layout : {at::MemoryFormat::Contiguous, at::MemoryFormat::ChannelsLast}) {
          const Pass p = pass(*q, x.contiguous(layout), up);
          EXPECT_TRUE(p.y.is_contiguous(layout));
          EXPECT_TRUE(torch::equal(p.y.permute({0, 2, 3, 1}).reshape(matrix.sizes()), flat.y));
          EXPECT_TRUE(torch::equal(p.dx.permute({0, 2, 3, 1}).reshape(matrix.sizes()), flat.dx));
        }
        expect_layout_independent(*q, x.permute({3, 1, 0, 2}));
        expect_layout_independent(*q, x.slice(3, 0, 4, 2));
      }
    }
  }
}

// Groups that are longer than what a task takes, and a shorter one at the end of each row.
TEST(Uniform, LargeGroups) {
  torch::manual_seed(11);
  const Tensor w = torch::randn({3, 70000}) * vec({1, 10, 100}).unsqueeze(1);
  const Tensor up = torch::randn_like(w);
  const int threads = at::get_num_threads();
  for (const char* type : {"Uniform", "SmallFloat"}) {
    const char* format = std::string(type) == "Uniform" ? "int4" : "e2m1";
    const json options = {{"granularity", "group"},
                          {"group_size", 40000},
                          {"clip_gradient", true},
                          {"range_factor", .5}};
    for (const int count : {1, 3}) {
      at::set_num_threads(count);
      const Pass all = pass(*make(type, Role::kWeight, format, options, w), w, up);
      for (int row = 0; row < 3; ++row) {
        for (const auto& [begin, end] : {std::pair(0, 40000), std::pair(40000, 70000)}) {
          const Tensor part = w[row].slice(0, begin, end);
          const json whole = {{"clip_gradient", true}, {"range_factor", .5}};
          const Pass one = pass(*make(type, Role::kWeight, format, whole, part), part,
                                up[row].slice(0, begin, end));
          EXPECT_TRUE(torch::equal(all.y[row].slice(0, begin, end), one.y)) << type << row;
          EXPECT_TRUE(torch::equal(all.dx[row].slice(0, begin, end), one.dx)) << type << row;
        }
      }
    }
  }
  at::set_num_threads(threads);
}

TEST(Uniform, PercentileIsAQuantile) {
  const Tensor x = torch::arange(-1000, 1001, torch::kFloat64);
  const json options = {{"range", "percentile"}, {"percentile", 90.0}};
  // 90 % of the magnitudes 0, 1, 1, 2, 2, ... 1000, 1000 are at most 900.
  const auto symmetric = make("Uniform", Role::kWeight, "int8", options, x);
  EXPECT_NEAR(symmetric->quantize(x).max().item<double>(), 900, 1e-9);
  const auto both =
      make("Uniform", Role::kWeight, "int16", with(options, {{"symmetric", false}}), x);
  EXPECT_NEAR(both->quantize(x).max().item<double>(), 900, .03);
  EXPECT_NEAR(both->quantize(x).min().item<double>(), -900, .03);
}

// What clipping is worth: an outlier costs all others their precision.
TEST(Uniform, SearchedRangesBeatTheMaximum) {
  torch::manual_seed(7);
  Tensor x = torch::randn({20000}, torch::kFloat64);
  x[0] = 10;
  const auto error = [&](const char* range, const char* format) {
    const auto q = make("Uniform", Role::kWeight, format, {{"range", range}}, x);
    return (q->quantize(x) - x).abs().pow(2.4).mean().item<double>();
  };
  for (const char* format : {"int4", "int6"}) {
    EXPECT_LT(error("mse", format), .8 * error("max", format)) << format;
    EXPECT_LE(error("mse", format), error("percentile", format)) << format;
  }
  // Entropy drops the outlier, too: 4 bits keep more of the noise than of the range.
  EXPECT_LT(error("entropy", "int4"), error("max", "int4"));
}

TEST(Uniform, EntropyKeepsAnEvenDistribution) {
  const Tensor x = torch::linspace(-1, 1, 100001, torch::kFloat64);
  const auto q = make("Uniform", Role::kWeight, "int8", {{"range", "entropy"}}, x);
  EXPECT_GT(q->quantize(x).max().item<double>(), .97);
}

// Few far values beside a dense block: what is kept ends at the block.
TEST(Uniform, EntropyDropsFarOutliers) {
  Tensor x = torch::linspace(0, 1, 200001, torch::kFloat64);
  x = torch::cat({x, torch::full({3}, 8., torch::kFloat64)});
  const auto q = make("Uniform", Role::kWeight, "uint8", {{"range", "entropy"}}, x);
  const double kept = q->quantize(x).max().item<double>();
  EXPECT_GT(kept, .97);
  EXPECT_LT(kept, 1.1);
}

TEST(Uniform, FirstBatchThenNoMore) {
  const auto q = make("Uniform", Role::kActivation, "uint4");
  EXPECT_TRUE(torch::equal(q->quantize(torch::zeros({3})), torch::zeros({3})));  // tells nothing
  q->quantize(vec({NAN, 3}));                                                    // nothing good
  EXPECT_TRUE(near(q->quantize(vec({1.5, 15})), vec({2, 15})));
  EXPECT_TRUE(near(q->quantize(vec({150, 3.2})), vec({15, 3})));
  q->set_format(Format::parse("uint2"));  // starts anew
  EXPECT_TRUE(near(q->quantize(vec({3, 1})), vec({3, 1})));
}

TEST(Uniform, MovingAverage) {
  const auto q =
      make("Uniform", Role::kActivation, "uint4", {{"update", "average"}, {"momentum", .75}});
  q->train();
  q->quantize(vec({0, 15}));
  q->quantize(vec({0, 75}));  // .75 * 15 + .25 * 75 = 30
  const auto high = [&] { return q->named_buffers()["high"].item<double>(); };
  EXPECT_NEAR(high(), 30, 1e-5);
  q->eval();
  q->quantize(vec({0, 1000}));
  EXPECT_NEAR(high(), 30, 1e-5);
  EXPECT_TRUE(near(q->quantize(vec({31, 3.9})), vec({30, 4})));
}

TEST(Uniform, CalibrationSeesAllBatches) {
  torch::manual_seed(8);
  std::vector<Tensor> batches;
  for (int i = 0; i < 5; ++i) batches.push_back(torch::randn({64, 50}) * (i + 1));
  const Tensor all = torch::cat(batches);
  for (const char* range : {"max", "percentile", "mse", "entropy"}) {
    SCOPED_TRACE(range);
    const json options = {{"range", range}, {"percentile", 99.0}};
    const auto q = make("Uniform", Role::kActivation, "int6", options);
    q->start_calibration();
    for (const Tensor& batch : batches) EXPECT_TRUE(torch::equal(q->quantize(batch), batch));
    q->finish_calibration();
    // As if all had come as one batch, up to the bins.
    const auto whole = make("Uniform", Role::kActivation, "int6", options);
    whole->quantize(all);
    const auto high = [](Quantizer& any) {
      return torch::maximum(any.named_buffers()["high"], -any.named_buffers()["low"])
          .item<double>();
    };
    const double reach = all.abs().max().item<double>();
    EXPECT_NEAR(high(*q), high(*whole), std::string(range) == "max" ? 1e-5 : .01 * reach);
    const double before = high(*q);
    q->quantize(all * 100);
    EXPECT_EQ(high(*q), before);
    EXPECT_NE(q->quantize(all).sub(all).abs().max().item<double>(), 0);
  }
  const auto unseen = make("Uniform", Role::kActivation, "int6");
  unseen->start_calibration();
  unseen->finish_calibration();
  EXPECT_TRUE(unseen->needs_calibration());
  unseen->start_calibration();
  unseen->quantize(torch::zeros({4}));  // tells nothing
  unseen->finish_calibration();
  EXPECT_TRUE(unseen->needs_calibration());
  EXPECT_TRUE(near(unseen->quantize(vec({1, 31})), vec({1, 31})));
  EXPECT_FALSE(unseen->needs_calibration());
}

TEST(Uniform, CalibrationPassesOverWhatIsNotFinite) {
  for (const char* range : {"max", "percentile"}) {
    const auto q =
        make("Uniform", Role::kActivation, "uint4", {{"range", range}, {"percentile", 100.0}});
    q->start_calibration();
    q->quantize(vec({3, NAN, 15, INFINITY}));
    q->quantize(vec({NAN, -INFINITY}));
    q->finish_calibration();
    EXPECT_TRUE(near(q->quantize(vec({3, 100})), vec({3, 15}))) << range;
  }
}

TEST(Uniform, SpecialValuesLayoutAndPrecision) {
  torch::manual_seed(6);
  for (const auto dtype : {torch::kFloat32, torch::kFloat64}) {
    for (const char* format : {"int4", "uint4"}) {
      for (const bool symmetric : {true, false}) {
        const auto q = make("Uniform", Role::kActivation, format, {{"symmetric", symmetric}},
                            torch::ones({1}, dtype));
        q->quantize(vec({-7, 14}, dtype));
        const Pass p = pass(*q, vec({NAN, INFINITY, 0}, dtype), torch::ones({3}, dtype));
        EXPECT_TRUE(p.y[0].isnan().item<bool>());
        EXPECT_EQ(p.y[1].item<double>(), 14);
        EXPECT_EQ(p.y[2].item<double>(), 0);
        EXPECT_TRUE(near(p.dx, vec({0, 0, 1}, dtype)));
        EXPECT_EQ(pass(*q, torch::zeros({0, 2}, dtype), torch::zeros({0, 2}, dtype)).dx.numel(), 0);
        EXPECT_EQ(q->quantize(torch::tensor(1.1, dtype)).dim(), 0);
        const Tensor x = torch::randn({2, 6, 5, 4}, dtype) * 5;
        expect_layout_independent(*q, x);
        expect_layout_independent(*q, x.contiguous(torch::MemoryFormat::ChannelsLast));
        expect_layout_independent(*q, x.permute({3, 1, 0, 2}));
        expect_layout_independent(*q, x.slice(3, 0, 4, 2));
      }
    }
  }
}

TEST(Uniform, RefusesWhatItCannotDo) {
  const auto q = make("Uniform", Role::kWeight, "");
  EXPECT_THAT(config_error([&] { q->set_format(Format::parse("int1")); }),
              HasSubstr("Uniform cannot quantize weights to int1; it can do int2 .. int16"));
  EXPECT_THAT(config_error([&] { q->set_format(Format::parse("e4m3")); }), HasSubstr("e4m3"));
  const auto attach = [](Role role, const json& options) {
    return config_error([&] { make("Uniform", role, "", options); });
  };
  EXPECT_THAT(attach(Role::kWeight, {{"granularity", "token"}}), HasSubstr("weights take channel"));
  EXPECT_THAT(attach(Role::kActivation, {{"granularity", "channel"}}),
              HasSubstr("activations take token"));
  EXPECT_THAT(attach(Role::kActivation, {{"granularity", "token"}}), HasSubstr("update dynamic"));
  EXPECT_THAT(attach(Role::kWeight, {{"update", "average"}}), HasSubstr("static or dynamic"));
  EXPECT_THAT(attach(Role::kWeight, {{"range", "entropy"}, {"symmetric", false}}),
              HasSubstr("symmetric"));
  for (const json& more : {json{{"granularity", "channel"}}, json{{"update", "dynamic"}}}) {
    EXPECT_THAT(attach(Role::kWeight, with(more, {{"range", "entropy"}})),
                HasSubstr("granularity tensor and a range that stays"));
  }
  EXPECT_TRUE(torch::equal(q->quantize(vec({-5, .123})), vec({-5, .123})));
}

}  // namespace
}  // namespace quantizer_test
