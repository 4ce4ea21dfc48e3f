#include "cost_table.h"

#include <deneb/pipeline/console_table.h>

#include <algorithm>

#include "text.h"

namespace deneb::cli {
namespace {

using Row = std::vector<std::string>;

/// Grouped digits are text to console_table, which would align them to the left.
void align_right(Row& header, std::vector<Row>& rows, std::size_t column) {
  std::size_t width = header[column].size();
  for (const Row& row : rows) width = std::max(width, row[column].size());
  const auto pad = [&](std::string& cell) { cell.insert(0, width - cell.size(), ' '); };
  pad(header[column]);
  for (Row& row : rows) pad(row[column]);
}

double share(double part, double sum) { return sum == 0 ? 0 : part / sum; }

}  // namespace

std::vector<CostColumn> price(const SectionParts& parts, const NetworkInfo& network,
                              const BitPolicy& policy) {
  std::vector<CostColumn> columns;
  for (const std::string& name : parts.cost_names()) {
    const CostModel& model = parts.cost_model(name);
    CostColumn column;
    column.name = name;
    column.unit = model.unit();
    column.total = model.total(network, policy);
    column.constant = column.sum = model.constant(network);
    for (const LayerInfo& layer : network.layers) {
      const LayerChoice* choice = policy.find(layer.name);
      column.layers.push_back(model.layer(layer, choice ? *choice : LayerChoice{}));
      column.sum += column.layers.back();
    }
    columns.push_back(column);
  }
  return columns;
}

std::int64_t total_macs(const NetworkInfo& network) {
  std::int64_t sum = 0;
  for (const LayerInfo& layer : network.layers) sum += layer.macs;
  return sum;
}

std::int64_t total_weights(const NetworkInfo& network) {
  std::int64_t sum = 0;
  for (const LayerInfo& layer : network.layers) sum += layer.weights;
  return sum;
}

std::string layer_table(const NetworkInfo& network) {
  Row header = {"layer", "op",      "weight",     "input", "output",
                "MACs",  "weights", "input sign", "pinned"};
  std::vector<Row> rows;
  for (const LayerInfo& layer : network.layers) {
    rows.push_back({layer.name, layer.op, shape(layer.weight_shape), shape(layer.input_shape),
                    shape(layer.output_shape), grouped(layer.macs), grouped(layer.weights),
                    layer.signed_input ? "signed" : "unsigned", layer.pinned ? "yes" : "no"});
  }
  rows.push_back({grouped(static_cast<std::int64_t>(network.layers.size())) + " layers", "", "", "",
                  "", grouped(total_macs(network)), grouped(total_weights(network)), "", ""});
  for (const std::size_t column : {5, 6}) align_right(header, rows, column);
  return console_table(header, rows);
}

std::string cost_table(const NetworkInfo& network, const BitPolicy& policy,
                       const std::vector<CostColumn>& costs) {
  Row header = {"layer", "weight", "input"};
  Row units = {"unit", "", ""}, constants = {"not in layers", "", ""}, totals = {"total", "", ""};
  for (const CostColumn& cost : costs) {
    header.insert(header.end(), {cost.name, "%"});
    units.insert(units.end(), {cost.unit, ""});
    constants.insert(constants.end(),
                     {number(cost.constant), percent(share(cost.constant, cost.sum))});
    totals.insert(totals.end(), {number(cost.total), percent(cost.total == 0 ? 0 : 1)});
  }
  std::vector<Row> rows;
  for (std::size_t i = 0; i < network.layers.size(); ++i) {
    const LayerChoice* found = policy.find(network.layers[i].name);
    const LayerChoice choice = found ? *found : LayerChoice{};
    Row row = {network.layers[i].name, choice.weight.text(), choice.activation.text()};
    for (const CostColumn& cost : costs) {
      row.insert(row.end(), {number(cost.layers[i]), percent(share(cost.layers[i], cost.sum))});
    }
    rows.push_back(row);
  }
  rows.insert(rows.end(), {constants, totals, units});
  for (std::size_t column = 3; column < header.size(); ++column) align_right(header, rows, column);
  return console_table(header, rows);
}

nlohmann::ordered_json costs_json(const NetworkInfo& network,
                                  const std::vector<CostColumn>& costs) {
  auto list = nlohmann::ordered_json::array();
  for (const CostColumn& cost : costs) {
    auto layers = nlohmann::ordered_json::array();
    for (std::size_t i = 0; i < network.layers.size(); ++i) {
      layers.push_back({{"name", network.layers[i].name},
                        {"value", cost.layers[i]},
                        {"share", share(cost.layers[i], cost.sum)}});
    }
    list.push_back({{"name", cost.name},
                    {"unit", cost.unit},
                    {"total", cost.total},
                    {"constant", cost.constant},
                    {"layers", layers}});
  }
  return list;
}

}  // namespace deneb::cli
