#include "score_table.h"

#include <torch/types.h>

#include <cmath>
#include <functional>

#include <deneb/errors.h>

namespace deneb::emq {
namespace {

using at::Tensor;
using Context = UnaryOperator::Context;
using Chain = std::vector<std::string>;

// Adds b to a as Tensor::add() or Tensor::add_() would, false where shapes do not fit: told
// beforehand, since an exception of LibTorch costs more than a whole table.
bool fits(const Tensor& a, const Tensor& b, bool in_place) {
  const auto n = std::max(a.dim(), b.dim());
  for (std::int64_t i = 1; i <= n; ++i) {
    const std::int64_t own = i <= a.dim() ? a.size(-i) : 1;
    const std::int64_t other = i <= b.dim() ? b.size(-i) : 1;
    if (own != other && own != 1 && other != 1) return false;
    if (in_place && (i > a.dim() || (own == 1 && other != 1))) return false;
  }
  return true;
}

// The way of a genotype through one layer at one width. Where an operator looks at other cells, it
// stops and says what it has; it is run again when the others have told theirs.
class Cell {
 public:
  // Of every operator that looks at other cells, in the order of evaluation: a divisor by layer.
  using Divisors = std::vector<std::vector<double>>;

  Cell(std::size_t layer, std::size_t layers, Semantics semantics, const Divisors& divisors)
      : layer_(layer), layers_(layers), semantics_(semantics), divisors_(divisors) {}

  bool apply(const std::string& name, Tensor& x) {
    const UnaryOperator& op = find_unary(name, "operator");
    switch (op.context) {
      case Context::kNothing:
        x = op.apply(x, semantics_);
        return true;
      case Context::kPlace:
        x = x * (double(layer_ + 1) / double(layers_));
        return true;
      case Context::kLayer:
      case Context::kNetwork:
        if (next_ < divisors_.size()) {
          x = x / divisors_[next_++][layer_];
          return true;
        }
        magnitude_ = x.abs().mean().item<double>();
        asks_ = op.context;
        return false;
    }
    return false;
  }
  bool is_waiting() const { return asks_ != Context::kNothing; }
  Context asks() const { return asks_; }
  double magnitude() const { return magnitude_; }
  void reject(const char* reason) { rejected_ = reason; }
  const std::string& rejected() const { return rejected_; }

 private:
  std::size_t layer_, layers_;
  Semantics semantics_;
  const Divisors& divisors_;
  std::size_t next_ = 0;
  Context asks_ = Context::kNothing;
  double magnitude_ = 0;
  std::string rejected_;
};

double mean_of(const Tensor& x) { return x.mean().item<double>(); }

double run_chain(Cell& cell, Tensor x, const Chain& chain) {
  for (const std::string& name : chain) {
    if (!cell.apply(name, x)) return 0;
  }
  return mean_of(x);
}

// Mean over the nodes. With compat a sum is written over the first edge's result, which is the node
// before itself where the operator returns its argument.
double run_graph(Cell& cell, const Genotype& genotype, std::vector<Tensor> states) {
  const bool in_place = genotype.semantics == Semantics::kCompat;
  for (const Chain& edges : genotype.unary) {
    Tensor sum;
    for (std::size_t j = 0; j < edges.size(); ++j) {
      Tensor x = states[j];
      if (!cell.apply(edges[j], x)) return 0;
      if (!sum.defined()) {
        sum = x;
      } else if (!fits(sum, x, in_place)) {
        cell.reject("shape");
        return 0;
      } else {
        sum = in_place ? sum.add_(x) : sum + x;
      }
    }
    states.push_back(sum);
  }
  double total = 0;
  for (std::size_t i = 2; i < states.size(); ++i) total += mean_of(states[i]);
  return total / double(states.size() - 2);
}

// Of every layer the indices of widths to look at.
using Choices = std::vector<std::vector<std::size_t>>;

Choices all_choices(const Inputs& inputs) {
  std::vector<std::size_t> all;
  for (std::size_t w = 0; w < inputs.widths().size(); ++w) all.push_back(w);
  return Choices(inputs.layers(), all);
}

bool usable(double value) { return std::isfinite(value) && value != 0; }

// The mean of magnitudes: of the layer, or of all. Nothing where it cannot divide.
std::optional<std::vector<double>> divisors_of(Context context,
                                               const std::vector<std::vector<double>>& magnitudes) {
  std::vector<double> divisors;
  double total = 0;
  for (const auto& row : magnitudes) {
    double sum = 0;
    for (const double value : row) sum += value;
    divisors.push_back(sum / double(row.size()));
    total += divisors.back() / double(magnitudes.size());
  }
  for (double& divisor : divisors) {
    if (context == Context::kNetwork) divisor = total;
    if (!usable(divisor)) return std::nullopt;
  }
  return divisors;
}

using CellFunction = std::function<double(Cell& cell, std::size_t layer, std::size_t width)>;

Tabulation over_cells(const Choices& choices, Semantics semantics, const CellFunction& function) {
  Cell::Divisors divisors;
  for (;;) {
    std::vector<std::vector<double>> values(choices.size());
    Context asked = Context::kNothing;
    for (std::size_t layer = 0; layer < choices.size(); ++layer) {
      for (const std::size_t width : choices[layer]) {
        Cell cell(layer, choices.size(), semantics, divisors);
        double value = 0;
        try {
          value = function(cell, layer, width);
        } catch (const c10::Error&) {
          return {std::nullopt, "shape"};
        }
        if (!cell.rejected().empty()) return {std::nullopt, cell.rejected()};
        if (cell.is_waiting()) {
          asked = cell.asks();
          value = cell.magnitude();
        }
        if (!std::isfinite(value)) return {std::nullopt, "not_finite"};
        values[layer].push_back(value);
      }
    }
    if (asked == Context::kNothing) return {ScoreTable{std::move(values)}, ""};
    auto next = divisors_of(asked, values);
    if (!next) return {std::nullopt, "not_finite"};
    divisors.push_back(std::move(*next));
  }
}

Tabulation tabulate_chain(const Inputs& inputs, const Choices& choices, const std::string& input,
                          const Chain& chain, Semantics semantics) {
  torch::NoGradGuard no_grad;
  return over_cells(choices, semantics, [&](Cell& cell, std::size_t layer, std::size_t width) {
    return run_chain(cell, inputs.at(input, layer, width), chain);
  });
}

Tabulation tabulate_graph(const Inputs& inputs, const Choices& choices, const Genotype& genotype) {
  torch::NoGradGuard no_grad;
  return over_cells(choices, genotype.semantics,
                    [&](Cell& cell, std::size_t layer, std::size_t width) {
                      return run_graph(cell, genotype,
                                       {inputs.at(genotype.inputs[0], layer, width),
                                        inputs.at(genotype.inputs[1], layer, width)});
                    });
}

// A tree from its two chains.
Tabulation joined(const Tabulation& a, const Tabulation& b, const BinaryOperator& op) {
  if (!a.table) return a;
  if (!b.table) return b;
  if (!op.of_numbers) return {std::nullopt, "shape"};
  ScoreTable table = *a.table;
  for (std::size_t l = 0; l < table.shares.size(); ++l) {
    for (std::size_t w = 0; w < table.shares[l].size(); ++w) {
      double& value = table.shares[l][w];
      value = op.of_numbers(value, b.table->shares[l][w]);
      if (!std::isfinite(value)) return {std::nullopt, "not_finite"};
    }
  }
  return {std::move(table), ""};
}

}  // namespace

Inputs::Inputs(std::size_t layers, std::vector<int> widths)
    : layers_(layers), widths_(std::move(widths)) {}

void Inputs::add(const std::string& name, std::vector<Tensor> by_layer) {
  if (by_layer.size() != layers_) {
    throw RunError("input " + name + " of a proxy has " + std::to_string(by_layer.size()) +
                   " layers, expected " + std::to_string(layers_));
  }
  inputs_[name].plain = std::move(by_layer);
}

void Inputs::add_by_width(const std::string& name, std::vector<std::vector<Tensor>> tensors) {
  if (tensors.size() != layers_) {
    throw RunError("input " + name + " of a proxy has " + std::to_string(tensors.size()) +
                   " layers, expected " + std::to_string(layers_));
  }
  inputs_[name].by_width = std::move(tensors);
}

Tensor Inputs::at(const std::string& name, std::size_t layer, std::size_t width) const {
  const auto found = inputs_.find(name);
  if (found == inputs_.end()) {
    std::string known;
    for (const auto& entry : inputs_) known += (known.empty() ? "" : ", ") + entry.first;
    throw RunError("the proxy reads '" + name + "', which was not collected; there are " + known);
  }
  const Input& input = found->second;
  if (!input.plain.empty()) return input.plain[layer] * double(widths_[width]);
  return input.by_width[layer][width].clone();
}

double ScoreTable::score(const std::vector<int>& choice) const {
  double sum = 0;
  for (std::size_t l = 0; l < shares.size(); ++l) sum += shares[l][std::size_t(choice[l])];
  return sum / double(shares.size());
}

const Tabulation& Tabulator::chain(const std::string& input, const Chain& operators,
                                   Semantics semantics) {
  std::string key = text_of(semantics) + " " + input;
  for (const std::string& name : operators) key += " " + name;
  const auto found = chains_.find(key);
  if (found != chains_.end()) return found->second;
  return chains_[key] = tabulate_chain(inputs_, all_choices(inputs_), input, operators, semantics);
}

Tabulation Tabulator::tabulate(const Genotype& genotype) {
  switch (genotype.structure) {
    case Structure::kLinear:
      return tabulate_chain(inputs_, all_choices(inputs_), genotype.inputs[0], genotype.unary[0],
                            genotype.semantics);
    case Structure::kTree: {
      const BinaryOperator& op = find_binary(genotype.binary, "binary");
      if (!op.of_numbers) return {std::nullopt, "shape"};
      const Tabulation& a = chain(genotype.inputs[0], genotype.unary[0], genotype.semantics);
      if (!a.table) return a;
      return joined(a, chain(genotype.inputs[1], genotype.unary[1], genotype.semantics), op);
    }
    case Structure::kGraph:
      break;
  }
  return tabulate_graph(inputs_, all_choices(inputs_), genotype);
}

std::optional<double> score_of_policy(const Inputs& inputs, const Genotype& genotype,
                                      const std::vector<int>& choice) {
  Choices choices;
  for (const int width : choice) choices.push_back({std::size_t(width)});
  Tabulation result;
  if (genotype.structure == Structure::kGraph) {
    result = tabulate_graph(inputs, choices, genotype);
  } else {
    result =
        tabulate_chain(inputs, choices, genotype.inputs[0], genotype.unary[0], genotype.semantics);
    if (genotype.structure == Structure::kTree) {
      const Tabulation second = tabulate_chain(inputs, choices, genotype.inputs[1],
                                               genotype.unary[1], genotype.semantics);
      result = joined(result, second, find_binary(genotype.binary, "binary"));
    }
  }
  if (!result.table) return std::nullopt;
  return result.table->score(std::vector<int>(choice.size(), 0));
}

}  // namespace deneb::emq
