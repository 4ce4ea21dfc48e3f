#include <gmock/gmock.h>

#include "quantizer_fixture.h"

namespace quantizer_test {
namespace {

struct Method {
  const char* type;
  nlohmann::json options;
};

const std::vector<Method>& methods() {
  const nlohmann::json none = nlohmann::json::object();
  static const std::vector<Method> all = {{"AdaRound", none},
                                          {"BiReal", none},
                                          {"DoReFa", none},
                                          {"HWGQ", none},
                                          {"HWGQ", {{"step_table", {1.0, 0.5}}}},
                                          {"LSQ", none},
                                          {"LSQ", {{"widths", {1, 4}}}},
                                          {"Mixture", {{"widths", {2, 4}}}},
                                          {"Mixture", {{"steps", "lsq"}}},
                                          {"Mixture", {{"steps", "lsq"}, {"widths", {1, 4}}}},
                                          {"PACT", none},
                                          {"SmallFloat", none},
                                          {"Uniform", none},
                                          {"Uniform", {{"symmetric", false}}},
                                          {"WRPN", none},
                                          {"XNOR", none}};
  return all;
}

std::vector<Format> all_formats() {
  std::vector<Format> formats = {Format::float32()};
  for (int bits = 1; bits <= 16; ++bits) {
    formats.push_back(Format::integer(bits, true));
    formats.push_back(Format::integer(bits, false));
  }
  for (int exponent = 1; exponent <= 8; ++exponent) {
    for (int mantissa = 0; mantissa <= 10; ++mantissa) {
      formats.push_back(Format::small_float(exponent, mantissa));
    }
  }
  return formats;
}

/// Does set_format() take it?
bool can_set(const Method& method, Role role, const Format& format) {
  try {
    make(method.type, role, format.text(), method.options);
    return true;
  } catch (const deneb::ConfigError&) {
    return false;
  }
}

// A format of b bits has 2^b values, also for weights that are exactly 0 (pruned, or begun at 0).
TEST(Accepts, NoMoreValuesThanTheFormatHas) {
  const Tensor x = torch::cat({torch::linspace(-2, 2, 4000), torch::zeros({96})}).view({1, 4096});
  int tried = 0;
  for (const Method& method : methods()) {
    if (std::string(method.type) == "Mixture") continue;  // values of several widths
    for (const Role role : {Role::kWeight, Role::kActivation}) {
      for (const Format& format : all_formats()) {
        if (format.bits > 8 || !can_set(method, role, format)) continue;
        const auto quantizer = make(method.type, role, format.text(), method.options,
                                    role == Role::kWeight ? x : Tensor());
        quantizer->eval();
        const Tensor values = std::get<0>(at::_unique(quantizer->quantize(x).detach()));
        EXPECT_LE(values.numel(), std::int64_t{1} << format.bits)
            << method.type << " " << format.text() << " " << method.options;
        ++tried;
      }
    }
  }
  EXPECT_GT(tried, 200);
}

// Three answers that have to agree: of a quantizer in its place, of one without a place, and what
// happens when the format is set.
TEST(Accepts, SaysWhatSetFormatDoes) {
  for (const Method& method : methods()) {
    const auto placeless = plugin_test::make<Quantizer>(registry(), method.type, method.options);
    std::vector<std::shared_ptr<Quantizer>> placed;
    for (const Role role : {Role::kWeight, Role::kActivation}) {
      const bool refuses_place = std::string(method.type) == "AdaRound" && role != Role::kWeight;
      placed.push_back(refuses_place ? nullptr : make(method.type, role, "", method.options));
    }
    int accepted = 0;
    for (const Format& format : all_formats()) {
      SCOPED_TRACE(std::string(method.type) + method.options.dump() + " " + format.text());
      const bool weight = can_set(method, Role::kWeight, format);
      const bool activation = placed[1] && can_set(method, Role::kActivation, format);
      EXPECT_EQ(placed[0]->accepts(format), weight);
      if (placed[1]) {
        EXPECT_EQ(placed[1]->accepts(format), activation);
      }
      EXPECT_EQ(placeless->accepts(format), weight || activation);
      accepted += weight || activation ? 1 : 0;
    }
    EXPECT_GT(accepted, 1) << method.type;
    EXPECT_TRUE(placeless->accepts(Format::float32()));
  }
}

TEST(Accepts, DependsOnThePlace) {
  const Format four = Format::parse("int4"), four_unsigned = Format::parse("uint4");
  const auto weight = make("HWGQ", Role::kWeight, ""), input = make("HWGQ", Role::kActivation, "");
  EXPECT_TRUE(weight->accepts(four));
  EXPECT_FALSE(weight->accepts(four_unsigned));
  EXPECT_FALSE(input->accepts(four));
  EXPECT_TRUE(input->accepts(four_unsigned));
}

}  // namespace
}  // namespace quantizer_test
