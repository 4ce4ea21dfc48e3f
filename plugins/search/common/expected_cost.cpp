#include "expected_cost.h"

#include <algorithm>
#include <cmath>
#include <sstream>

#include <deneb/search/cost_limit.h>

namespace deneb::searches {
namespace {

using torch::Tensor;

std::string number(double value) {
  std::ostringstream text;
  text << value;
  return text.str();
}

}  // namespace

ExpectedCost::ExpectedCost(const SearchSetup& setup, const std::string& cost) : name_(cost) {
  const SearchSpace& space = setup.space();
  const CostModel& model = setup.cost_model(cost);
  const BitPolicy narrowest = space.decode(space.narrowest());
  const auto& infos = space.network().layers;
  double searched_at_narrowest = 0;
  for (const LayerGenes& genes : space.layer_genes()) {
    const LayerChoice& choice = *narrowest.find(infos[genes.layer].name);
    add_layer(model, space, genes, choice);
    searched_at_narrowest += model.layer(infos[genes.layer], choice);
  }
  double sum = model.constant(space.network());
  for (const LayerInfo& layer : infos) {
    const LayerChoice* choice = narrowest.find(layer.name);
    sum += model.layer(layer, choice ? *choice : LayerChoice{});
  }
  const double whole = model.total(space.network(), narrowest);
  if (std::abs(sum - whole) > 1e-9 * std::max(std::abs(sum), std::abs(whole))) {
    throw ConfigError("search_algorithm: the cost " + cost +
                      " is not the sum of its layers, so that it has no expected value; take "
                      "another, such as bitops or size");
  }
  fixed_ = whole - searched_at_narrowest;
  least_ += fixed_;
  largest_ += fixed_;
}

void ExpectedCost::add_layer(const CostModel& model, const SearchSpace& space,
                             const LayerGenes& genes, const LayerChoice& fixed) {
  const LayerInfo& info = space.network().layers[genes.layer];
  const auto formats = [&](const std::optional<std::size_t>& gene, const Format& own,
                           bool is_signed) {
    if (!gene) return std::vector<Format>{own};
    std::vector<Format> list;
    for (const Format& format : space.genes()[*gene].candidates) {
      list.push_back(in_place(format, is_signed));
    }
    return list;
  };
  const auto weights = formats(genes.weight, fixed.weight, true);
  const auto inputs = formats(genes.activation, fixed.activation, info.signed_input);
  Prices prices{genes, genes.weight && genes.weight == genes.activation, {}};
  std::vector<double> values;
  for (std::size_t i = 0; i < weights.size(); ++i) {
    for (std::size_t j = 0; j < inputs.size(); ++j) {
      if (prices.both && i != j) continue;
      values.push_back(model.layer(info, {weights[i], inputs[j]}));
    }
  }
  least_ += *std::min_element(values.begin(), values.end());
  largest_ += *std::max_element(values.begin(), values.end());
  prices.table = torch::tensor(values, torch::kFloat64);
  if (!prices.both) prices.table = prices.table.view({std::int64_t(weights.size()), -1});
  layers_.push_back(prices);
  const double one_bit =
      model.layer(info, {Format::integer(1, true), Format::integer(1, info.signed_input)});
  if (layers_.size() == 1) first_ = one_bit;
  total_ += one_bit;
}

Tensor ExpectedCost::searched(const std::vector<LayerShares>& shares) const {
  Tensor sum;
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    const Prices& layer = layers_[i];
    const LayerShares& own = shares[i];
    const Tensor& like = own.weight.defined() ? own.weight : own.activation;
    Tensor cost = layer.table.to(like.device(), torch::kFloat64);
    if (layer.both) {
      cost = cost.dot(own.weight.to(torch::kFloat64));
    } else {
      cost = own.weight.defined() ? own.weight.to(torch::kFloat64).matmul(cost) : cost[0];
      cost = own.activation.defined() ? cost.dot(own.activation.to(torch::kFloat64)) : cost[0];
    }
    sum = sum.defined() ? sum + cost : cost;
  }
  return sum;
}

double ExpectedCost::searched(const Probabilities& probabilities) const {
  std::vector<LayerShares> shares;
  const auto tensor = [&](const std::optional<std::size_t>& gene) {
    return gene ? torch::tensor(probabilities[*gene], torch::kFloat64) : Tensor();
  };
  for (const Prices& layer : layers_) {
    shares.push_back({tensor(layer.genes.weight), tensor(layer.genes.activation)});
  }
  return searched(shares).item<double>();
}

std::vector<double> ExpectedCost::averaged_over_own(const std::vector<int>& genome,
                                                    const Probabilities& probabilities) const {
  double whole = 0;
  std::vector<double> change(genome.size(), 0.0);
  for (const Prices& layer : layers_) {
    const double* prices = layer.table.data_ptr<double>();
    const auto columns = layer.both ? 1 : layer.table.size(1);
    const auto& [info, weight, activation] = layer.genes;
    const int row = weight ? genome[*weight] : 0;
    const int column = activation && !layer.both ? genome[*activation] : 0;
    const double drawn = prices[row * columns + column];
    whole += drawn;
    const auto average = [&](std::size_t gene, const double* first, std::int64_t stride) {
      double expected = 0;
      for (std::size_t i = 0; i < probabilities[gene].size(); ++i) {
        expected += probabilities[gene][i] * first[std::int64_t(i) * stride];
      }
      change[gene] += expected - drawn;
    };
    if (weight) average(*weight, prices + column, columns);
    if (activation && !layer.both) average(*activation, prices + row * columns, 1);
  }
  for (double& value : change) value += whole;
  return change;
}

double target_value(const SearchSetup& setup, const TargetOptions& target) {
  const ExpectedCost cost(setup, target.cost);
  const double value = largest_cost(target.limit(), setup.cost_model(target.cost), setup.space());
  if (value < cost.least() || value > cost.largest()) {
    throw ConfigError("search_algorithm.target: " + target.cost + " of " + number(value) +
                      " cannot be reached; the policies of the search space have " +
                      number(cost.least()) + " to " + number(cost.largest()));
  }
  return value;
}

AssignmentOptions with_target(AssignmentOptions options, const TargetOptions& target) {
  if (!target.is_set()) return options;
  ConstraintSet set;
  set.name = "target";
  set.costs = {target.limit()};
  options.constraints.insert(options.constraints.begin(), set);
  return options;
}

}  // namespace deneb::searches
