#pragma once

#include <deneb/io/files.h>
#include <deneb/options/options.h>
#include <deneb/quant/format.h>
#include <deneb/search/cost_limit.h>

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace deneb::searches {

struct BitOpsLimit {
  int wb = 0, ab = 0;
  double giga = 0;
  template <class V>
  void visit(V& v) {
    v("wb", wb, "as many as uniform weights of this width ...", {0, 16});
    v("ab", ab, "... with uniform activations of this width take in the searched layers", {0, 16});
    v("giga", giga, "or so many 1e9 for the whole network, fixed layers included", {0, 1e12});
  }
  bool is_set() const { return giga > 0 || wb > 0; }
  void check(OptionErrors& errors) const {
    if ((wb > 0) != (ab > 0)) errors.add("", "wb and ab belong together; give both");
    if (wb > 0 && giga > 0) errors.add("giga", "is given beside wb and ab; keep one of them");
  }
};

struct AverageLimit {
  double w = 0, a = 0;
  template <class V>
  void visit(V& v) {
    v("w", w, "largest mean width of weights over the searched layers, each counting once",
      {0, 16});
    v("a", a, "the same of activations", {0, 16});
  }
};

struct LatencyLimit {
  std::string table;
  double budget_ms = 0;
  template <class V>
  void visit(V& v) {
    v.file("table", table, "",
           "JSON file {layer: {\"w4a4\": milliseconds, ...}}; pairs that it lacks are not chosen");
    v("budget_ms", budget_ms, "largest sum over the searched layers", {0, 1e9});
  }
  void check(OptionErrors& errors) const {
    if (table.empty() != (budget_ms <= 0)) {
      errors.add("", "table and budget_ms belong together; give both");
    }
  }
};

/// "w4a8" of two integer formats, their words as in "e2m1/int4" otherwise: a key of tables.
std::string pair_word(const Format& weight, const Format& activation);
/// Is it such a key?
bool is_pair_word(const std::string& word);

inline void check_widths(const std::vector<int>& bits, const char* key, OptionErrors& errors) {
  if (std::set<int>(bits.begin(), bits.end()).size() != bits.size()) {
    errors.add(key, "names a width twice");
  }
}

/// What a policy has to keep: all of it at once.
struct ConstraintSet {
  std::string name;
  BitOpsLimit bitops;
  double compression_ratio = 0;
  double size_mib = 0;
  AverageLimit avg_bits;
  LatencyLimit latency;
  std::vector<CostLimit> costs;
  std::optional<double> alpha;
  std::vector<int> bits;
  std::optional<int> fixed_act_bits;
  bool reversed = false;
  template <class V>
  void visit(V& v) {
    v("name", name, "name of the policy file: w3a4_cr12.2");
    v("bitops", bitops, "bit operations");
    v("compression_ratio", compression_ratio,
      "least ratio of the float32 weights' size to the quantized one, fixed layers included",
      {0, 32});
    v("size_mib", size_mib, "largest size of all weights, in MiB", {0, 1e9});
    v("avg_bits", avg_bits, "mean widths");
    v("latency", latency, "sum of measured times");
    v("costs", costs, "bounds on cost models, each for the whole network");
    v("alpha", alpha, "instead of search_algorithm.alpha", {0, 1e6});
    v("bits", bits, "instead of search_algorithm.bits", {2, 16});
    v("fixed_act_bits", fixed_act_bits, "instead of search_algorithm.fixed_act_bits", {0, 16});
    v("reversed", reversed,
      "a check of the scores: the policy of the largest sum that uses at least 95 % of the first "
      "of "
      "its limits (bitops, then size)");
  }
  bool is_empty() const {
    return !bitops.is_set() && compression_ratio <= 0 && size_mib <= 0 && avg_bits.w <= 0 &&
           avg_bits.a <= 0 && latency.table.empty() && costs.empty();
  }
  void check(OptionErrors& errors) const {
    check_widths(bits, "bits", errors);
    if (name.empty()) errors.add("name", "is empty; it names the policy file, e.g. w3a4");
    if (is_empty()) {
      errors.add("",
                 "has no limit, so the widest policy would win; give bitops, compression_ratio, "
                 "size_mib, avg_bits, latency or costs");
    }
    const bool limits_cost = bitops.is_set() || size_mib > 0 || compression_ratio > 0;
    if (reversed && !limits_cost) {
      errors.add("reversed", "needs bitops, size_mib or compression_ratio beside it");
    }
    if (size_mib > 0 && compression_ratio > 0) {
      errors.add("size_mib", "is given beside compression_ratio, which limits the same; keep one");
    }
  }
};

/// A front of policies: a set of limits for every point of a grid.
struct SweepOptions {
  int bitops = 0, size = 0;
  template <class V>
  void visit(V& v) {
    v("bitops", bitops,
      "limits of the BitOps, from the narrowest policy's to the widest one's in even ratios",
      {0, 1000});
    v("size", size, "the same of the size; with both, all combinations", {0, 1000});
  }
  bool is_set() const { return bitops > 0 || size > 0; }
  void check(OptionErrors& errors) const {
    if (bitops == 1) errors.add("bitops", "is 1; a sweep has 2 limits or more");
    if (size == 1) errors.add("size", "is 1; a sweep has 2 limits or more");
  }
};

/// How scores become policies; part of the options of every search that does it.
struct AssignmentOptions {
  std::vector<int> bits;
  double alpha = 1.0;
  bool erase_outliers = false;
  int fixed_act_bits = 0;
  std::vector<std::string> pairs;
  std::string bitops_counting = "exact";
  double fill = 0;
  std::vector<ConstraintSet> constraints;
  SweepOptions sweep;
  bool allow_infeasible = false;
  std::string solver = "mckp";
  std::int64_t max_states = 5'000'000;
  template <class V>
  void visit(V& v) {
    v("bits", bits, "integer widths to choose from; empty = all of the search space", {2, 16});
    v("alpha", alpha, "weight of the weights' scores against the activations'", {0, 1e6});
    v("erase_outliers", erase_outliers,
      "leave out integer widths whose score is smaller than that of the next larger width");
    v("fixed_act_bits", fixed_act_bits,
      "search weights only, with all activations at this width; 0 = search both", {0, 16});
    v("pairs", pairs,
      "the only pairs of formats that the hardware can do: w4a4, or words as in e2m1/e4m3; empty = "
      "any");
    v("bitops_counting", bitops_counting,
      "MACs by the true output size, or as LIMPQ's code counts them (cost model bitops)",
      {"exact", "limpq"});
    v("fill", fill,
      "least share of the first limit of its set, after what is fixed, that a policy uses: for "
      "scores that do not fall with the width",
      {0, 1});
    v("constraints", constraints, "sets of limits, one policy each from the same scores");
    v("sweep", sweep, "sets of limits all over BitOps and size, beside the constraints");
    v("allow_infeasible", allow_infeasible,
      "a set that cannot be kept does not make the run fail in the end");
    v("solver", solver, "mckp: Deneb's own; cbc: COIN-OR CBC, far slower; both exact",
      {"mckp", "cbc"});
    v("max_states", max_states,
      "mckp: partial policies to remember before a slower search with less memory takes over",
      {1, 1e12});
  }
  void check(OptionErrors& errors) const {
    check_widths(bits, "bits", errors);
    for (const std::string& pair : pairs) {
      if (is_pair_word(pair)) continue;
      errors.add("pairs", "holds '" + pair + "', expected words like w4a8 or e2m1/e4m3");
    }
    if (constraints.empty() && !sweep.is_set()) {
      errors.add("constraints", "is empty; give one set of limits or more, or a sweep");
    }
    std::set<std::string> names;
    for (const ConstraintSet& set : constraints) {
      if (sweep.is_set() && set.name.rfind("sweep_", 0) == 0) {
        errors.add("constraints", "has a set named '" + set.name + "', as those of the sweep are");
      }
      if (!set.name.empty() && !names.insert(set.name).second) {
        errors.add("constraints", "has two sets named '" + set.name + "'; every name is a file");
      }
      if (!set.name.empty() && !is_plain_file_name(set.name)) {
        errors.add("constraints", "has a set named '" + set.name +
                                      "', which cannot be the name of a file; use letters, digits, "
                                      "_, - and .");
      }
    }
  }
};

}  // namespace deneb::searches
