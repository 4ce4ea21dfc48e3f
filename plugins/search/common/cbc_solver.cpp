#include "cbc_solver.h"

#if defined(DENEB_WITH_CBC)

#include <coin/Cbc_C_Interface.h>
#include <omp.h>

#include <algorithm>
#include <chrono>
#include <limits>
#include <memory>

namespace deneb::searches {
namespace {

// CBC takes a choice for a better one only if it gains about 1e-5: costs are stretched to this.
constexpr double kSpread = 1e7;
constexpr int kAttempts = 100;

struct ModelDeleter {
  void operator()(Cbc_Model* model) const { Cbc_deleteModel(model); }
};
using ModelPointer = std::unique_ptr<Cbc_Model, ModelDeleter>;

// CBC's many small calls of BLAS run tens of times slower on two threads than on one where other
// processes want the processors.
class OneThread {
 public:
  OneThread() : threads_(omp_get_max_threads()) { omp_set_num_threads(1); }
  ~OneThread() { omp_set_num_threads(threads_); }
  OneThread(const OneThread&) = delete;
  OneThread& operator=(const OneThread&) = delete;

 private:
  int threads_;
};

// One row "at most `most`" over all options, all uses counted from the least of their group.
struct Limit {
  std::vector<double> uses;
  double most;
};

// The columns are the options, group by group.
class Program {
 public:
  explicit Program(const KnapsackProblem& problem) : problem_(problem) {
    starts_.push_back(0);
    for (const KnapsackGroup& group : problem.groups) {
      starts_.push_back(starts_.back() + int(group.options.size()));
    }
    allowed_.assign(std::size_t(starts_.back()), true);
    set_costs();
    for (std::size_t row = 0; row < problem.rows.size(); ++row) {
      const KnapsackRow& bounds = problem.rows[row];
      if (bounds.most) add_limit(row, 1, *bounds.most);
      constexpr std::int64_t kLargest = std::numeric_limits<std::int64_t>::max();
      if (bounds.least) add_limit(row, -1, -std::max(*bounds.least, -kLargest));
    }
  }

  double unit() const { return unit_; }
  double base_cost() const { return base_cost_; }

  ModelPointer model() const {
    ModelPointer model(Cbc_newModel());
    Cbc_setParameter(model.get(), "log", "0");
    const int size = starts_.back();
    for (int i = 0; i < size; ++i) {
      Cbc_addCol(model.get(), "", 0, allowed_[i] ? 1 : 0, costs_[i], 1, 0, nullptr, nullptr);
    }
    std::vector<int> columns(static_cast<std::size_t>(size));
    for (int i = 0; i < size; ++i) columns[i] = i;
    const std::vector<double> ones(columns.size(), 1);
    for (std::size_t g = 0; g + 1 < starts_.size(); ++g) {
      Cbc_addRow(model.get(), "", starts_[g + 1] - starts_[g], &columns[starts_[g]], ones.data(),
                 'E', 1);
    }
    for (const Limit& limit : limits_) {
      Cbc_addRow(model.get(), "", size, columns.data(), limit.uses.data(), 'L', limit.most);
    }
    for (const std::vector<int>& chosen : forbidden_) {
      Cbc_addRow(model.get(), "", int(chosen.size()), chosen.data(), ones.data(), 'L',
                 double(chosen.size()) - 1);
    }
    Cbc_setObjSense(model.get(), 1);
    return model;
  }

  // The option with the largest value of each group.
  std::vector<int> chosen(const double* values) const {
    std::vector<int> result;
    for (std::size_t g = 0; g + 1 < starts_.size(); ++g) {
      const double* first = values + starts_[g];
      result.push_back(int(std::max_element(first, values + starts_[g + 1]) - first));
    }
    return result;
  }

  void forbid(std::vector<int> chosen) {
    for (std::size_t g = 0; g < chosen.size(); ++g) chosen[g] += starts_[g];
    forbidden_.push_back(std::move(chosen));
  }

 private:
  void set_costs() {
    double spread = 0;
    for (const KnapsackGroup& group : problem_.groups) {
      const auto [least, most] =
          std::minmax_element(group.options.begin(), group.options.end(),
                              [](const auto& a, const auto& b) { return a.cost < b.cost; });
      for (const KnapsackOption& option : group.options) {
        costs_.push_back(option.cost - least->cost);
      }
      spread += most->cost - least->cost;
      base_cost_ += least->cost;
    }
    unit_ = spread > 0 ? spread / kSpread : 1;
    for (double& cost : costs_) cost /= unit_;
  }

  void add_limit(std::size_t row, std::int64_t sign, std::int64_t most) {
    std::vector<std::int64_t> uses;
    std::int64_t least_sum = 0, most_sum = 0;
    for (const KnapsackGroup& group : problem_.groups) {
      std::int64_t least = std::numeric_limits<std::int64_t>::max(), largest = -least;
      for (const KnapsackOption& option : group.options) {
        least = std::min(least, sign * option.uses[row]);
        largest = std::max(largest, sign * option.uses[row]);
      }
      for (const KnapsackOption& option : group.options) {
        uses.push_back(sign * option.uses[row] - least);
      }
      least_sum += least;
      most_sum += largest;
    }
    if (most >= most_sum) return;  // no choice breaks it
    most -= least_sum;
    // CBC's tolerance is absolute: right-hand sides are 1, no coefficient is larger.
    const double unit = double(std::max<std::int64_t>(most, 1));
    Limit limit{{}, double(most) / unit};
    for (std::size_t i = 0; i < uses.size(); ++i) {
      if (uses[i] > most) allowed_[i] = false;
      limit.uses.push_back(uses[i] > most ? 0 : double(uses[i]) / unit);
    }
    limits_.push_back(std::move(limit));
  }

  const KnapsackProblem& problem_;
  std::vector<int> starts_;    // first column of each group, and the number of columns
  std::vector<double> costs_;  // from the least of each group, in units of unit_
  std::vector<char> allowed_;  // alone it breaks no limit
  std::vector<Limit> limits_;
  std::vector<std::vector<int>> forbidden_;  // columns that must not be chosen together
  double unit_ = 1, base_cost_ = 0;
};

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// Whether a choice was found; false if there is none.
bool solve_once(const Program& program, double max_seconds, std::vector<int>& chosen,
                KnapsackSolution& solution) {
  const ModelPointer model = program.model();
  if (max_seconds > 0) {
    Cbc_setParameter(model.get(), "sec", std::to_string(max_seconds).c_str());
  }
  const OneThread one_thread;
  const auto start = std::chrono::steady_clock::now();
  Cbc_solve(model.get());
  solution.states += Cbc_getNodeCount(model.get());
  // Stopped by its limit while it prepares the problem, CBC 2.10 calls that "proven infeasible",
  // with the status of a finished search: said near the limit, it proves nothing. Half of it, as
  // CBC's clock is not ours.
  const bool in_time = max_seconds <= 0 || seconds_since(start) < max_seconds / 2;
  if (in_time && Cbc_isProvenInfeasible(model.get())) return false;
  if (!Cbc_isProvenOptimal(model.get())) {
    throw RunError("CBC proved no answer" +
                   (max_seconds > 0 ? " within " + std::to_string(max_seconds) + " s" : "") +
                   " (status " + std::to_string(Cbc_status(model.get())) +
                   "); give it more time or take solver mckp");
  }
  chosen = program.chosen(Cbc_getColSolution(model.get()));
  solution.bound = program.base_cost() + program.unit() * Cbc_getBestPossibleObjValue(model.get());
  return true;
}

void solve(const KnapsackProblem& problem, double max_seconds, KnapsackSolution& solution) {
  Program program(problem);
  std::vector<int> chosen;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    if (!problem.groups.empty() && !solve_once(program, max_seconds, chosen, solution)) {
      solution.reason = knapsack_conflict(problem);
      return;
    }
    const std::vector<std::int64_t> used = knapsack_uses(problem, chosen);
    if (knapsack_keeps_rows(problem, used)) {
      solution.status = KnapsackSolution::Status::kOptimal;
      solution.chosen = chosen;
      solution.used = used;
      solution.cost = knapsack_cost(problem, chosen);
      solution.bound = std::min(solution.bound, solution.cost);
      return;
    }
    program.forbid(chosen);  // a row was kept within CBC's tolerance only
  }
  throw RunError("CBC's answers break a row by less than its tolerance, " +
                 std::to_string(kAttempts) + " times in a row; take solver mckp");
}

}  // namespace

bool has_cbc() { return true; }

KnapsackSolution solve_by_cbc(const KnapsackProblem& problem, double max_seconds) {
  const auto start = std::chrono::steady_clock::now();
  check_knapsack(problem);
  KnapsackSolution solution;
  solution.reason = knapsack_obstacle(problem);
  if (solution.reason.empty()) solve(problem, max_seconds, solution);
  if (solution.status == KnapsackSolution::Status::kInfeasible) {
    solution.cost = solution.bound = std::numeric_limits<double>::infinity();
  }
  solution.seconds = seconds_since(start);
  return solution;
}

}  // namespace deneb::searches

#else

namespace deneb::searches {

bool has_cbc() { return false; }

KnapsackSolution solve_by_cbc(const KnapsackProblem&, double) {
  throw ConfigError(
      "solver cbc: Deneb was built without CBC; install coinor-libcbc-dev and build again, or take "
      "solver mckp");
}

}  // namespace deneb::searches

#endif
