#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <fstream>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include <deneb/search/multiple_choice_knapsack.h>

namespace deneb::testing {

/// One searched convolution of ResNet-50 at 224 x 224.
struct ConvShape {
  std::int64_t in, out, kernel, stride, size;  ///< size: height and width of the input
  std::int64_t weights() const { return in * out * kernel * kernel; }
  /// Multiplications with the output's height and width not rounded down before their product is,
  /// as the published policy counts them.
  std::int64_t macs() const {
    const double extent = double(size + 2 * (kernel / 2) - kernel) / double(stride) + 1;
    return std::int64_t(extent * extent) * weights();
  }
};

/// The 52 convolutions behind the first, in the order of registration.
inline std::vector<ConvShape> resnet50_convs() {
  std::vector<ConvShape> convs;
  std::int64_t in = 64, size = 56;
  const int blocks[] = {3, 4, 6, 3};
  for (int stage = 0; stage < 4; ++stage) {
    const std::int64_t width = std::int64_t{64} << stage;
    for (int block = 0; block < blocks[stage]; ++block) {
      const std::int64_t stride = stage > 0 && block == 0 ? 2 : 1;
      convs.push_back({in, width, 1, 1, size});
      convs.push_back({width, width, 3, stride, size});
      convs.push_back({width, 4 * width, 1, 1, size / stride});
      if (block == 0) convs.push_back({in, 4 * width, 1, stride, size});
      in = 4 * width;
      size /= stride;
    }
  }
  return convs;
}

/// What a ResNet-50 search is asked for; defaults are the setting with a published policy.
struct Resnet50Setting {
  int weight_bits = 3, act_bits = 4;  ///< BitOps of this uniform policy are the budget; 0: no row
  double compression = 12.2;          ///< of 32-bit weights, both ends at 8 bits; 0: no row
  double alpha = 2;                   ///< weight of the weights' indicators
  bool search_act = true;             ///< false: activations stay at 8 bits and cost nothing
};

constexpr int kWidths[] = {6, 5, 4, 3, 2};

/// Cost of each width, by layer; infinite where a wider one costs more than its neighbor below.
struct Resnet50Indicators {
  std::vector<std::vector<double>> weight, act;
};

inline std::vector<double> indicator_row(const nlohmann::json& values) {
  std::vector<double> row;
  for (const int width : kWidths) row.push_back(values.at(std::to_string(width)).get<double>());
  std::vector<double> kept = row;
  for (std::size_t i = 0; i + 1 < row.size(); ++i) {
    if (row[i + 1] < row[i]) kept[i + 1] = std::numeric_limits<double>::infinity();
  }
  return kept;
}

/// The published indicators in a folder (the CMake variable DENEB_EXTRA_TEST_DATA); none if the
/// file is not there.
inline std::optional<Resnet50Indicators> read_resnet50_indicators(const std::string& folder) {
  std::ifstream in(folder + "/limpq_resnet50_indicators.json");
  if (folder.empty() || !in) return std::nullopt;
  Resnet50Indicators indicators;
  const nlohmann::json document = nlohmann::json::parse(in);
  for (const auto& layer : document.at("layers")) {
    indicators.weight.push_back(indicator_row(layer.at("weight")));
    indicators.act.push_back(indicator_row(layer.at("act")));
  }
  return indicators;
}

/// Indicators of the same magnitude, about doubling with every bit less; no file needed.
inline Resnet50Indicators synthetic_resnet50_indicators() {
  Resnet50Indicators indicators;
  std::uint64_t state = 1;
  const auto uniform = [&state] {
    state = state * 6364136223846793005u + 1442695040888963407u;
    return double(state >> 40) / double(1 << 24);
  };
  const auto row = [&](double largest) {
    std::vector<double> values(5, largest * (0.2 + 0.8 * uniform()));
    for (int i = 3; i >= 0; --i) values[i] = values[i + 1] / (1.4 + 0.5 * uniform());
    return values;
  };
  for (int layer = 0; layer < 52; ++layer) {
    indicators.weight.push_back(row(0.1));
    indicators.act.push_back(row(0.4));
  }
  return indicators;
}

inline deneb::KnapsackProblem resnet50_knapsack(const Resnet50Indicators& indicators,
                                                const Resnet50Setting& setting) {
  constexpr std::int64_t kEnds = 9408 + 2048000;  // weights of the first and last layer
  const std::vector<ConvShape> convs = resnet50_convs();
  std::int64_t macs = 0, weights = 0;
  for (const ConvShape& conv : convs) {
    macs += conv.macs();
    weights += conv.weights();
  }
  deneb::KnapsackProblem problem;
  const bool bitops = setting.weight_bits > 0, size = setting.compression > 0;
  if (bitops) problem.rows.push_back({"BitOps", macs * setting.weight_bits * setting.act_bits, {}});
  if (size) {
    // The sum is an integer; an exact quotient must survive its floating-point error.
    const double limit = 32.0 * double(weights + kEnds) / setting.compression;
    problem.rows.push_back({"weight bits", std::int64_t(std::floor(limit + 1e-6)) - 8 * kEnds, {}});
  }
  for (std::size_t i = 0; i < convs.size(); ++i) {
    deneb::KnapsackGroup group;
    for (int w = 0; w < 5; ++w) {
      for (int a = 0; a < (setting.search_act ? 5 : 1); ++a) {
        const std::int64_t act_bits = setting.search_act ? kWidths[a] : 8;
        deneb::KnapsackOption option;
        option.cost = setting.alpha * indicators.weight.at(i)[w];
        if (setting.search_act) option.cost += indicators.act.at(i)[a];
        if (!std::isfinite(option.cost)) continue;
        if (bitops) option.uses.push_back(convs[i].macs() * kWidths[w] * act_bits);
        if (size) option.uses.push_back(convs[i].weights() * kWidths[w]);
        group.options.push_back(option);
      }
    }
    problem.groups.push_back(group);
  }
  return problem;
}

/// Forty of them, the last two without solution.
inline std::vector<Resnet50Setting> resnet50_settings() {
  std::vector<Resnet50Setting> all;
  const int bits[][2] = {{2, 2}, {2, 3}, {2, 4}, {3, 3}, {3, 4}, {4, 4}, {4, 6}, {4, 8}};
  for (const auto& [weight, act] : bits) {
    for (const double compression : {0.0, 8.0, 12.2}) all.push_back({weight, act, compression});
  }
  for (const double alpha : {1.0, 1.5, 3.0}) {  // 24 so far
    all.push_back({3, 4, 12.2, alpha});
    all.push_back({3, 4, 10, alpha});
  }
  for (const double compression : {6.0, 9.0, 12.2, 12.8}) all.push_back({0, 0, compression});
  all.push_back({0, 0, 12.2, 2, false});
  all.push_back({0, 0, 9, 2, false});
  all.push_back({3, 8, 0, 2, false});
  all.push_back({3, 8, 11, 2, false});
  all.push_back({3, 4, 14});  // infeasible
  all.push_back({2, 4, 14});
  return all;
}

}  // namespace deneb::testing
