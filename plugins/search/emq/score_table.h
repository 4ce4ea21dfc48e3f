#pragma once

#include <ATen/core/Tensor.h>

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "genotype.h"

namespace deneb::emq {

/// What genotypes see of a network: for every input a tensor of every layer at every width.
class Inputs {
 public:
  Inputs(std::size_t layers, std::vector<int> widths);

  /// A statistic that knows no width: enters as width times tensor (the paper's way).
  void add(const std::string& name, std::vector<at::Tensor> by_layer);
  /// One that does: [layer][width].
  void add_by_width(const std::string& name, std::vector<std::vector<at::Tensor>> tensors);

  std::size_t layers() const { return layers_; }
  const std::vector<int>& widths() const { return widths_; }
  bool has(const std::string& name) const { return inputs_.count(name) > 0; }
  /// A tensor of its own. `width` is an index. RunError when there is no such input.
  at::Tensor at(const std::string& name, std::size_t layer, std::size_t width) const;

 private:
  struct Input {
    std::vector<at::Tensor> plain;
    std::vector<std::vector<at::Tensor>> by_width;
  };
  std::size_t layers_;
  std::vector<int> widths_;
  std::map<std::string, Input> inputs_;
};

/// A proxy's score of any policy. No operator mixes the widths of layers, so that a score is the
/// mean over layers of a number for the layer at its width: these numbers, [layer][width].
struct ScoreTable {
  std::vector<std::vector<double>> shares;
  /// `choice`: of every layer the index of its width.
  double score(const std::vector<int>& choice) const;
};

/// A table, or why there is none.
struct Tabulation {
  std::optional<ScoreTable> table;
  std::string rejected;  ///< "shape" or "not_finite"; empty with a table
};

/// Makes tables of genotypes. Chains of trees are kept: with k inputs and n operators a tree has
/// k n^2 of them, and whatever is evolved from these costs additions only.
class Tabulator {
 public:
  explicit Tabulator(Inputs inputs) : inputs_(std::move(inputs)) {}
  const Inputs& inputs() const { return inputs_; }
  /// Gives up at the first number that is not finite.
  Tabulation tabulate(const Genotype& genotype);

 private:
  const Tabulation& chain(const std::string& input, const std::vector<std::string>& operators,
                          Semantics semantics);
  Inputs inputs_;
  std::map<std::string, Tabulation> chains_;
};

/// The score of one policy by its definition, without tables: for tests and to compare times.
/// Nothing where it is rejected. Operators that look at all widths (UnaryOperator::Context) see
/// those of the policy only.
std::optional<double> score_of_policy(const Inputs& inputs, const Genotype& genotype,
                                      const std::vector<int>& choice);

}  // namespace deneb::emq
