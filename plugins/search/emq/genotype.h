#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <vector>

#include "operators.h"

namespace deneb::emq {

/// linear: operators one after the other. tree: two chains, each reduced to its mean, and an
/// operator of two numbers. graph: nodes that add up what their edges, an operator each, make of
/// the inputs and of all nodes before.
enum class Structure { kLinear, kTree, kGraph };
/// "linear", "tree" or "graph".
std::string text_of(Structure structure);
/// ConfigError that begins with `where`.
Structure parse_structure(const std::string& text, const std::string& where);

/// An evolved proxy: what is computed from the inputs of every layer (see score_table.h), by names.
struct Genotype {
  Structure structure = Structure::kTree;
  std::vector<std::string> inputs;  ///< linear 1, tree and graph 2
  /// linear: one chain. tree: two. graph: the edges of every node; node i, 0-based, has i + 2.
  std::vector<std::vector<std::string>> unary;
  std::string binary;  ///< tree only
  Semantics semantics = Semantics::kClean;
};

/// {"type": "tree", "inputs": ["virtual_grad", "weight"], "unary": [["abslog", "softmax"], ["relu",
/// "sqrt"]], "binary": "product", "semantics": "clean"}. linear: "unary" is one list of names.
/// graph: "edges", a list of names for every node.
nlohmann::ordered_json to_json(const Genotype& genotype);
/// The inverse; "semantics" may be missing. DataError `where: what` for what is no such document,
/// names no known operator or has the wrong number of inputs or edges. Inputs are not checked.
Genotype genotype_from_json(const nlohmann::ordered_json& json, const std::string& where);

/// The document on one line: equal for equal genotypes.
std::string text_of(const Genotype& genotype);

/// What it computes, as a formula over layers l of L: b is the width, and the inputs have symbols
/// (W, A, G, V, ...).
std::string formula_of(const Genotype& genotype);
/// The symbol of an input; its name where there is none.
std::string symbol_of(const std::string& input);

/// Another genotype of fewer or other operators that ranks all policies alike, equal for many that
/// differ in writing only: without no_op, without abs and relu of what is not negative, without
/// revert before an even operator, with the operands of sum and product in order, and so on.
/// Graphs stay as they are.
Genotype canonical(const Genotype& genotype);

/// The genotype in the authors' code (exps/rank/rank_mqbench/rank_emq_zc.py, 2023-12), by names:
/// softmax(ln|b V|) and sqrt(relu(b W)), multiplied. Since a softmax over the output channels has
/// the mean 1 / channels whatever it is of, its first factor knows neither data nor width.
Genotype published_genotype();

/// What genotypes are drawn from.
struct GenePool {
  Structure structure = Structure::kTree;
  Semantics semantics = Semantics::kClean;
  std::vector<std::string> inputs;
  std::vector<std::string> unary, binary;
  std::vector<double> unary_shares, binary_shares;  ///< of draws, any positive numbers
};

/// Operators that are not the paper's get the shares of its rarest. `priors`: false = all equal.
GenePool make_gene_pool(Structure structure, Semantics semantics, std::vector<std::string> inputs,
                        std::vector<std::string> unary, std::vector<std::string> binary,
                        bool priors);

Genotype draw(const GenePool& pool, std::mt19937_64& rng);
/// Of two genotypes of the pool's structure.
///   tree: every input, unary operator and the binary one from either parent.
///   linear: the second parent's input, and one of its operators.
///   graph: the second input of the second parent, and every edge of either parent.
Genotype cross(const Genotype& first, const Genotype& second, std::mt19937_64& rng);
/// tree: every input and operator is redrawn with probability 1/2.
/// linear: the input is redrawn, and one operator, all alike.
/// graph: the second input is redrawn, and every edge with probability 1/2, all alike.
Genotype mutate(const Genotype& genotype, const GenePool& pool, std::mt19937_64& rng);

}  // namespace deneb::emq
