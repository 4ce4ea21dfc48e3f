#include "quantizer_fixture.h"

// Activations [N, T, channels] of layers over sequences.
namespace quantizer_test {
namespace {

struct Method {
  const char* type;
  const char* format;
  nlohmann::json options;
};

/// Tokens are rows: [2, 3, 8] is what [6, 8] is. But for gradients of step sizes that a method
/// scales by the values of one sample.
TEST(Sequences, AreQuantizedAsRowsOfTokens) {
  torch::manual_seed(1);
  const Tensor x = torch::randn({2, 3, 8}), upstream = torch::randn({2, 3, 8});
  for (const Method& method :
       {Method{"Uniform", "int8", {}},
        Method{"Uniform", "int4", {{"granularity", "token"}, {"update", "dynamic"}}},
        Method{"Uniform",
               "int4",
               {{"granularity", "group"}, {"group_size", 3}, {"update", "dynamic"}}},
        Method{"SmallFloat", "e4m3", {}}, Method{"LSQ", "int4", {}}, Method{"DoReFa", "uint4", {}},
        Method{"PACT", "uint4", {}}, Method{"WRPN", "uint4", {}}}) {
    SCOPED_TRACE(std::string(method.type) + method.options.dump());
    const auto once = [&](const std::vector<std::int64_t>& shape) {
      const auto quantizer =
          make(method.type, Role::kActivation, method.format,
               method.options.is_null() ? nlohmann::json::object() : method.options);
      return pass(*quantizer, x.view(shape), upstream.view(shape));
    };
    const Pass sequence = once({2, 3, 8}), rows = once({6, 8});
    EXPECT_FALSE(torch::equal(sequence.y, x));
    EXPECT_TRUE(torch::equal(sequence.y.view({6, 8}), rows.y));
    EXPECT_TRUE(torch::equal(sequence.dx.view({6, 8}), rows.dx));
  }
}

}  // namespace
}  // namespace quantizer_test
