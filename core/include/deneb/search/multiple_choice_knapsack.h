#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <deneb/errors.h>

namespace deneb {

/// One way to settle a group: what it costs and what it uses of each row. An option that is not
/// allowed is simply absent. Costs are finite, of any sign and unit; uses are integers of any sign,
/// one per row of the problem.
struct KnapsackOption {
  double cost = 0;
  std::vector<std::int64_t> uses;
};

/// Exactly one option of a group is chosen. Of equally good ones the earlier is preferred.
struct KnapsackGroup {
  std::vector<KnapsackOption> options;
};

/// Bounds on the sum of the chosen uses, inclusive; without both the row only breaks ties.
struct KnapsackRow {
  std::string name;  ///< as error texts say it, e.g. "BitOps"
  std::optional<std::int64_t> most;
  std::optional<std::int64_t> least;
};

/// Minimize the sum of the chosen costs such that every row keeps its bounds.
struct KnapsackProblem {
  std::vector<KnapsackGroup> groups;
  std::vector<KnapsackRow> rows;  ///< 0..4
};

struct KnapsackOptions {
  /// Partial choices that dynamic programming may keep, over all its passes. Each takes 8 bytes,
  /// those of two groups at a time about 60 more. Beyond, a depth-first search takes over: as exact
  /// and with little memory, but possibly far slower.
  std::int64_t max_states = 5'000'000;
  /// Find second_best and unique as well; without them the solver takes about half of the time.
  bool second_best = true;
};

struct KnapsackSolution {
  enum class Status { kOptimal, kInfeasible };
  Status status = Status::kInfeasible;
  std::vector<int> chosen;  ///< index of the option per group; empty when infeasible
  double cost = 0;          ///< sum of the chosen costs in the order of groups; inf if infeasible
  double bound = 0;         ///< no choice costs less; what the first relaxation proves
  /// No other choice is as cheap (see solve_multiple_choice_knapsack on ties); false if not asked.
  bool unique = false;
  /// Least cost among all other choices that keep the rows; none if there is no other or not asked.
  std::optional<double> second_best;
  std::vector<std::int64_t> used;  ///< per row
  std::string reason;       ///< why nothing is feasible: the row, its bound, what it can reach
  std::int64_t states = 0;  ///< partial choices that were kept or visited
  double seconds = 0;       ///< wall time
};

/// The best choice, proven. Costs within 1e-12 max(1, |least cost|) of the least count as equal; of
/// equal choices the one that uses less of row 0 is returned, then of row 1, ..., then the one
/// whose option indices come first lexicographically. Deterministic; one thread; calls may run in
/// parallel.
///
/// Method: Lagrangian multipliers of the rows give lower bounds; dynamic programming over the
/// groups keeps the partial choices whose bound lies in the window below the best cost known and
/// that no other partial choice dominates in cost and uses.
///
/// ConfigError: more than 4 rows, an option whose uses do not match the rows, a cost that is not
/// finite, a row with least > most, uses that could overflow (sum over groups of the largest
/// magnitude above 2^61). Interrupted when the user asks to stop.
DENEB_API KnapsackSolution solve_multiple_choice_knapsack(const KnapsackProblem& problem,
                                                          const KnapsackOptions& options = {});

/// The same answer by trying all choices, for tests and tiny problems; `bound` is the cost.
/// ConfigError also for more than max_combinations choices.
DENEB_API KnapsackSolution solve_by_enumeration(const KnapsackProblem& problem,
                                                double max_combinations = 1e7);

/// The ConfigErrors above, for other solvers of the same problem.
DENEB_API void check_knapsack(const KnapsackProblem& problem);
/// Names the first row that no choice can keep even alone, with its bound and the value that can be
/// reached, or a group without options; empty if there is none.
DENEB_API std::string knapsack_obstacle(const KnapsackProblem& problem);
/// Reason for problems without obstacle of which no choice keeps all rows.
DENEB_API std::string knapsack_conflict(const KnapsackProblem& problem);

/// Sum of the chosen costs, in the order of groups.
DENEB_API double knapsack_cost(const KnapsackProblem& problem, const std::vector<int>& chosen);
/// Sum of the chosen uses per row.
DENEB_API std::vector<std::int64_t> knapsack_uses(const KnapsackProblem& problem,
                                                  const std::vector<int>& chosen);
/// Whether every row keeps its bounds.
DENEB_API bool knapsack_keeps_rows(const KnapsackProblem& problem,
                                   const std::vector<std::int64_t>& used);

}  // namespace deneb
