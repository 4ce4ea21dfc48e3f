#pragma once

#include <deneb/search/multiple_choice_knapsack.h>

namespace deneb::searches {

/// Whether this build contains CBC.
bool has_cbc();

/// The problem as an integer program, solved by COIN-OR CBC: another opinion on what
/// solve_multiple_choice_knapsack says, far slower. The answer is checked against the rows in
/// integers. Among equally good choices any may come; `unique` and `second_best` are not set,
/// `states` are CBC's nodes. One thread, nothing printed; calls may run in parallel.
///
/// max_seconds: 0 for no limit. ConfigError: a wrong problem, or a build without CBC. RunError: no
/// proven answer (the time limit), or one that still breaks a row after a hundred attempts.
KnapsackSolution solve_by_cbc(const KnapsackProblem& problem, double max_seconds = 0);

}  // namespace deneb::searches
