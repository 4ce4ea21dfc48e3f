#include "genotype.h"

#include <algorithm>
#include <map>
#include <utility>

#include <deneb/errors.h>
#include <deneb/random.h>

namespace deneb::emq {
namespace {

using nlohmann::ordered_json;
using Chain = std::vector<std::string>;

constexpr std::size_t kChainLength = 4;   // of a linear genotype
constexpr std::size_t kBranchLength = 2;  // of a tree's
constexpr std::size_t kNodes = 3;         // of a graph

std::string replaced(const std::string& formula, char place, const std::string& by) {
  std::string text;
  for (const char c : formula) text += c == place ? by : std::string(1, c);
  return text;
}

const UnaryOperator& unary(const std::string& name) { return find_unary(name, "operator"); }

std::string applied(const std::string& name, const std::string& argument) {
  return replaced(unary(name).formula, '#', argument);
}

std::string chain_formula(const std::string& input, const Chain& chain) {
  std::string text = symbol_of(input);
  for (const std::string& name : chain) text = applied(name, text);
  return text;
}

bool is_scalar(const std::string& name) {
  return unary(name).result == UnaryOperator::Result::kScalar;
}

// One rewriting from the left; false when none fits.
bool simplify_once(Chain& chain) {
  const auto erase = [&](std::size_t i) {
    chain.erase(chain.begin() + std::ptrdiff_t(i));
    return true;
  };
  for (std::size_t i = 0; i < chain.size(); ++i) {
    const std::string& name = chain[i];
    if (name == "no_op") return erase(i);
    const bool after = i > 0;
    if (after && unary(chain[i - 1]).non_negative && (name == "abs" || name == "relu")) {
      return erase(i);
    }
    if (after && chain[i - 1] == "revert") {
      if (unary(name).even) return erase(i - 1);
      if (name == "revert") {
        erase(i);
        return erase(i - 1);
      }
    }
    if (after && is_scalar(chain[i - 1])) {
      if (name == "to_mean_scalar" || name == "normalized_sum" || name == "to_sum_scalar" ||
          name == "to_min_scalar" || name == "to_max_scalar") {
        return erase(i);
      }
      if (name == "l1_norm" || name == "frobenius_norm") {
        chain[i] = "abs";
        return true;
      }
    }
  }
  // The chain's end is reduced to its mean.
  if (!chain.empty()) {
    std::string& last = chain.back();
    if (last == "to_mean_scalar" || last == "normalized_sum") return erase(chain.size() - 1);
    if (last == "l1_norm") {
      last = "abs";
      return true;
    }
  }
  return false;
}

void simplify(Chain& chain) {
  while (simplify_once(chain)) {
  }
}

Chain names_of(const ordered_json& json, const std::string& where) {
  if (!json.is_array()) throw DataError(where + ": is no list of names");
  Chain names;
  for (const auto& item : json) {
    if (!item.is_string()) throw DataError(where + ": holds " + item.dump() + ", expected names");
    names.push_back(item.get<std::string>());
  }
  return names;
}

Chain operators_of(const ordered_json& json, const std::string& where) {
  Chain names = names_of(json, where);
  for (const std::string& name : names) {
    try {
      find_unary(name, where);
    } catch (const ConfigError& e) {
      throw DataError(e.what());
    }
  }
  return names;
}

const ordered_json& member(const ordered_json& json, const char* key, const std::string& where) {
  const auto found = json.find(key);
  if (found == json.end()) throw DataError(where + ": has no key '" + key + "'");
  return *found;
}

void check_count(std::size_t found, std::size_t expected, const char* what,
                 const std::string& where) {
  if (found == expected) return;
  throw DataError(where + ": has " + std::to_string(found) + " " + what + ", expected " +
                  std::to_string(expected));
}

std::size_t draw_index(const std::vector<double>& shares, std::mt19937_64& rng) {
  double sum = 0;
  for (const double share : shares) sum += share;
  double at = uniform_real(rng) * sum;
  for (std::size_t i = 0; i + 1 < shares.size(); ++i) {
    if (at < shares[i]) return i;
    at -= shares[i];
  }
  return shares.size() - 1;
}

const std::string& any_of(const std::vector<std::string>& names, std::mt19937_64& rng) {
  return names[std::size_t(uniform_index(rng, names.size()))];
}

bool coin(std::mt19937_64& rng) { return uniform_index(rng, 2) == 0; }

// Draws by the shares of the pool.
const std::string& any_unary(const GenePool& pool, std::mt19937_64& rng) {
  return pool.unary[draw_index(pool.unary_shares, rng)];
}
const std::string& any_binary(const GenePool& pool, std::mt19937_64& rng) {
  return pool.binary[draw_index(pool.binary_shares, rng)];
}

void cross_lists(std::vector<Chain>& own, const std::vector<Chain>& other, std::mt19937_64& rng) {
  for (std::size_t i = 0; i < own.size(); ++i) {
    for (std::size_t j = 0; j < own[i].size(); ++j) {
      if (!coin(rng)) own[i][j] = other[i][j];
    }
  }
}

std::string structure_formula(const Genotype& g) {
  if (g.structure == Structure::kLinear) {
    return "mean(" + chain_formula(g.inputs[0], g.unary[0]) + ")";
  }
  if (g.structure == Structure::kTree) {
    const std::string a = "mean(" + chain_formula(g.inputs[0], g.unary[0]) + ")";
    const std::string b = "mean(" + chain_formula(g.inputs[1], g.unary[1]) + ")";
    std::string text;
    for (const char c : find_binary(g.binary, "binary").formula) {
      text += c == '#' ? a : c == '@' ? b : std::string(1, c);
    }
    return text;
  }
  std::string nodes, sum;
  for (std::size_t i = 0; i < g.unary.size(); ++i) {
    const std::string node = "n" + std::to_string(i + 1);
    std::string text;
    for (std::size_t j = 0; j < g.unary[i].size(); ++j) {
      const std::string from = j < 2 ? symbol_of(g.inputs[j]) : "n" + std::to_string(j - 1);
      text += (j > 0 ? " + " : "") + applied(g.unary[i][j], from);
    }
    nodes += (i > 0 ? ", " : "") + node + " = " + text;
    sum += (i > 0 ? " + " : "") + ("mean(" + node + ")");
  }
  return "(" + sum + ")/" + std::to_string(g.unary.size()) + " with " + nodes;
}

}  // namespace

std::string text_of(Structure structure) {
  return structure == Structure::kLinear ? "linear"
         : structure == Structure::kTree ? "tree"
                                         : "graph";
}

Structure parse_structure(const std::string& text, const std::string& where) {
  for (const Structure s : {Structure::kLinear, Structure::kTree, Structure::kGraph}) {
    if (text_of(s) == text) return s;
  }
  throw ConfigError(where + ": is '" + text + "', expected linear, tree or graph");
}

ordered_json to_json(const Genotype& genotype) {
  ordered_json json = {{"type", text_of(genotype.structure)}, {"inputs", genotype.inputs}};
  switch (genotype.structure) {
    case Structure::kLinear:
      json["unary"] = genotype.unary.at(0);
      break;
    case Structure::kTree:
      json["unary"] = genotype.unary;
      json["binary"] = genotype.binary;
      break;
    case Structure::kGraph:
      json["edges"] = genotype.unary;
      break;
  }
  json["semantics"] = text_of(genotype.semantics);
  return json;
}

Genotype genotype_from_json(const ordered_json& json, const std::string& where) {
  if (!json.is_object()) throw DataError(where + ": is no JSON object");
  Genotype genotype;
  const auto word = [&](const char* key) {
    const ordered_json& value = member(json, key, where);
    if (!value.is_string()) throw DataError(where + "." + key + ": is no text");
    return value.get<std::string>();
  };
  try {
    genotype.structure = parse_structure(word("type"), where + ".type");
    if (json.contains("semantics")) {
      genotype.semantics = parse_semantics(word("semantics"), where + ".semantics");
    }
    if (genotype.structure == Structure::kTree) {
      genotype.binary = word("binary");
      find_binary(genotype.binary, where + ".binary");
    }
  } catch (const ConfigError& e) {
    throw DataError(e.what());
  }
  const bool linear = genotype.structure == Structure::kLinear;
  genotype.inputs = names_of(member(json, "inputs", where), where + ".inputs");
  check_count(genotype.inputs.size(), linear ? 1 : 2, "inputs", where + ".inputs");
  const char* key = genotype.structure == Structure::kGraph ? "edges" : "unary";
  const ordered_json& lists = member(json, key, where);
  const std::string place = where + "." + key;
  if (linear) {
    genotype.unary = {operators_of(lists, place)};
    return genotype;
  }
  if (!lists.is_array()) throw DataError(place + ": is no list of lists");
  for (const auto& list : lists) {
    const std::string at = place + "[" + std::to_string(genotype.unary.size()) + "]";
    genotype.unary.push_back(operators_of(list, at));
    if (genotype.structure == Structure::kGraph) {
      check_count(genotype.unary.back().size(), genotype.unary.size() + 1, "edges", at);
    }
  }
  if (genotype.structure == Structure::kTree) {
    check_count(genotype.unary.size(), 2, "chains", place);
  } else if (genotype.unary.empty()) {
    throw DataError(place + ": is empty; a graph has one node or more");
  }
  return genotype;
}

std::string text_of(const Genotype& genotype) { return to_json(genotype).dump(); }

std::string symbol_of(const std::string& input) {
  static const std::map<std::string, std::string> symbols = {
      {"act", "b A"},
      {"grad", "b G"},
      {"virtual_grad", "b V"},
      {"weight", "b W"},
      {"act_grad", "b dA"},
      {"fisher", "b F"},
      {"hessian_trace", "b Tr(H)"},
      {"hessian_eigenvalue", "b lambda(H)"},
      {"weight_error", "(W - Q_b(W))^2"},
      {"act_error", "(A - A_b)^2"},
      {"grad_error", "G (W - Q_b(W))"},
      {"fisher_error", "F (W - Q_b(W))^2"},
      {"trace_error", "Tr(H) ||W - Q_b(W)||^2 / n"}};
  const auto found = symbols.find(input);
  return found == symbols.end() ? input : found->second;
}

std::string formula_of(const Genotype& genotype) {
  const std::string body = structure_formula(genotype);
  if (genotype.structure == Structure::kGraph) return "1/L sum_l " + body;
  return "1/L sum_l [ " + body + " ]";
}

Genotype canonical(const Genotype& genotype) {
  Genotype result = genotype;
  if (result.structure == Structure::kGraph) return result;
  for (Chain& chain : result.unary) simplify(chain);
  if (result.structure == Structure::kTree && find_binary(result.binary, "binary").commutes &&
      std::make_pair(result.inputs[1], result.unary[1]) <
          std::make_pair(result.inputs[0], result.unary[0])) {
    std::swap(result.inputs[0], result.inputs[1]);
    std::swap(result.unary[0], result.unary[1]);
  }
  return result;
}

Genotype published_genotype() {
  return {Structure::kTree,
          {"virtual_grad", "weight"},
          {{"abslog", "softmax"}, {"relu", "sqrt"}},
          "product",
          Semantics::kClean};
}

GenePool make_gene_pool(Structure structure, Semantics semantics, std::vector<std::string> inputs,
                        std::vector<std::string> unary, std::vector<std::string> binary,
                        bool priors) {
  GenePool pool{structure, semantics, std::move(inputs), std::move(unary), std::move(binary),
                {},        {}};
  const auto shares = [&](const auto& names, const auto& all, const auto& find) {
    double rarest = 1;
    for (const auto& op : all) {
      if (op.share > 0) rarest = std::min(rarest, op.share);
    }
    std::vector<double> shares;
    for (const std::string& name : names) {
      const double share = find(name).share;
      shares.push_back(!priors ? 1 : share > 0 ? share : rarest);
    }
    return shares;
  };
  pool.unary_shares = shares(pool.unary, unary_operators(), [](const std::string& name) {
    return find_unary(name, "search_algorithm.unary");
  });
  pool.binary_shares = shares(pool.binary, binary_operators(), [](const std::string& name) {
    return find_binary(name, "search_algorithm.binary");
  });
  return pool;
}

Genotype draw(const GenePool& pool, std::mt19937_64& rng) {
  Genotype genotype;
  genotype.structure = pool.structure;
  genotype.semantics = pool.semantics;
  const std::size_t inputs = pool.structure == Structure::kLinear ? 1 : 2;
  for (std::size_t i = 0; i < inputs; ++i) genotype.inputs.push_back(any_of(pool.inputs, rng));
  std::vector<std::size_t> lengths;
  if (pool.structure == Structure::kLinear) lengths = {kChainLength};
  if (pool.structure == Structure::kTree) lengths = {kBranchLength, kBranchLength};
  if (pool.structure == Structure::kGraph) {
    for (std::size_t i = 0; i < kNodes; ++i) lengths.push_back(i + 2);
  }
  for (const std::size_t length : lengths) {
    Chain chain;
    for (std::size_t i = 0; i < length; ++i) chain.push_back(any_unary(pool, rng));
    genotype.unary.push_back(std::move(chain));
  }
  if (pool.structure == Structure::kTree) genotype.binary = any_binary(pool, rng);
  return genotype;
}

Genotype cross(const Genotype& first, const Genotype& second, std::mt19937_64& rng) {
  Genotype child = first;
  switch (first.structure) {
    case Structure::kTree:
      for (std::size_t i = 0; i < child.inputs.size(); ++i) {
        if (!coin(rng)) child.inputs[i] = second.inputs[i];
      }
      cross_lists(child.unary, second.unary, rng);
      if (!coin(rng)) child.binary = second.binary;
      break;
    case Structure::kLinear: {
      child.inputs = second.inputs;
      const std::size_t at = std::size_t(uniform_index(rng, child.unary[0].size()));
      child.unary[0][at] = second.unary[0][at];
      break;
    }
    case Structure::kGraph:
      child.inputs[1] = second.inputs[1];
      cross_lists(child.unary, second.unary, rng);
      break;
  }
  return child;
}

Genotype mutate(const Genotype& genotype, const GenePool& pool, std::mt19937_64& rng) {
  Genotype child = genotype;
  switch (genotype.structure) {
    case Structure::kTree:
      for (std::string& input : child.inputs) {
        if (!coin(rng)) input = any_of(pool.inputs, rng);
      }
      for (Chain& chain : child.unary) {
        for (std::string& name : chain) {
          if (!coin(rng)) name = any_unary(pool, rng);
        }
      }
      if (!coin(rng)) child.binary = any_binary(pool, rng);
      break;
    case Structure::kLinear:
      child.inputs[0] = any_of(pool.inputs, rng);
      child.unary[0][std::size_t(uniform_index(rng, child.unary[0].size()))] =
          any_of(pool.unary, rng);
      break;
    case Structure::kGraph:
      child.inputs[1] = any_of(pool.inputs, rng);
      for (Chain& edges : child.unary) {
        for (std::string& name : edges) {
          if (!coin(rng)) name = any_of(pool.unary, rng);
        }
      }
      break;
  }
  return child;
}

}  // namespace deneb::emq
