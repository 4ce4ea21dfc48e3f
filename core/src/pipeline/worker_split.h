#pragma once

#include <deneb/pipeline/pipe_step.h>
#include <deneb/quant/policy.h>

#include <string>
#include <vector>

namespace deneb::detail {

/// How trials share the processor: processes, and threads of each.
struct WorkerSplit {
  int workers = 1;
  int threads = 1;
};

/// Splits that use all cores: from a process a core to one process, threads doubling.
DENEB_API std::vector<WorkerSplit> possible_splits(int cores);

/// The split with the most samples a second, which is in `rates` at the place of `splits`; of equal
/// ones the first.
DENEB_API WorkerSplit fastest(const std::vector<WorkerSplit>& splits,
                              const std::vector<double>& rates);

/// Command of a worker process of the step; `threads`: of a trial.
std::vector<std::string> worker_command(const RunContext& context, int threads);

/// What `general.workers: "auto"` comes to in this step: measured by worker processes that push a
/// training batch through the network under `policy` for a second, logged, and written to
/// workers.json in the step's folder, from where a resumed run takes it. RunError when no split
/// could be measured.
WorkerSplit measured_split(RunContext& context, const BitPolicy& policy);

}  // namespace deneb::detail
