#include "pipeline/worker_split.h"

#include <deneb/io/files.h>
#include <deneb/platform.h>

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "pipeline/trial_worker.h"
#include "pipeline/worker_pool.h"

namespace deneb::detail {
namespace {

constexpr double kSeconds = 1.0;  // of a measurement

std::string text_of(const WorkerSplit& split) {
  return std::to_string(split.workers) + " x " + std::to_string(split.threads) +
         (split.threads == 1 ? " thread" : " threads");
}

// Samples a second of all processes together; 0 when one of them failed.
double rate_of(const RunContext& context, const WorkerSplit& split, const BitPolicy& policy,
               std::string& failure) {
  WorkerPool pool(worker_command(context, split.threads), split.workers, 0);
  double rate = 0;
  // The first round starts the processes, so that those of the second all run at the same time.
  for (const double seconds : {0.0, kSeconds}) {
    rate = 0;
    const std::vector<nlohmann::json> requests(static_cast<std::size_t>(split.workers),
                                               measure_request(policy, seconds));
    pool.run(
        requests, [](std::size_t) {},
        [&](std::size_t, const WorkerPool::Answer& answer) {
          if (answer.failure.empty() && answer.json.contains("samples_per_second")) {
            rate += answer.json["samples_per_second"].get<double>();
            return;
          }
          failure =
              answer.failure.empty() ? answer.json.value("error", "no answer") : answer.failure;
        });
    if (!failure.empty()) return 0;
  }
  return rate;
}

WorkerSplit read_split(const std::string& path) {
  try {
    const auto json = nlohmann::json::parse(read_file(path));
    return {json.at("workers").get<int>(), json.at("threads_per_worker").get<int>()};
  } catch (const nlohmann::json::exception& e) {
    throw DataError(path + ": is damaged (" + e.what() + "); remove it to measure again");
  }
}

}  // namespace

std::vector<WorkerSplit> possible_splits(int cores) {
  std::vector<WorkerSplit> splits;
  for (int threads = 1; threads < cores; threads *= 2) splits.push_back({cores / threads, threads});
  splits.push_back({1, cores});
  return splits;
}

WorkerSplit fastest(const std::vector<WorkerSplit>& splits, const std::vector<double>& rates) {
  std::size_t best = 0;
  for (std::size_t i = 1; i < splits.size(); ++i) {
    if (rates[i] > rates[best]) best = i;
  }
  return splits[best];
}

std::vector<std::string> worker_command(const RunContext& context, int threads) {
  return {context.program, "trial-worker", context.task_folder,
          context.step,    "--threads",    std::to_string(threads)};
}

WorkerSplit measured_split(RunContext& context, const BitPolicy& policy) {
  const std::string path = context.output_folder() + "/workers.json";
  if (std::filesystem::exists(path)) return read_split(path);
  const std::vector<WorkerSplit> splits = possible_splits(available_cores());
  std::vector<double> rates;
  std::string text, failure;
  auto measured = nlohmann::ordered_json::array();
  for (const WorkerSplit& split : splits) {
    std::string problem;
    rates.push_back(rate_of(context, split, policy, problem));
    if (!problem.empty()) failure = problem;
    text += (text.empty() ? "" : ", ") + text_of(split) + " " +
            (problem.empty() ? std::to_string(std::lround(rates.back())) + " samples/s"
                             : "failed (" + problem + ")");
    measured.push_back({{"workers", split.workers},
                        {"threads_per_worker", split.threads},
                        {"samples_per_second", rates.back()}});
  }
  const WorkerSplit best = fastest(splits, rates);
  const std::string line = "workers: measured " + text;
  context.console.log("info", context.step, line + "; trials run by " + text_of(best));
  context.store.add_event(context.step, "info", line + "; trials run by " + text_of(best));
  if (*std::max_element(rates.begin(), rates.end()) <= 0) {
    throw RunError("step " + context.step +
                   ": general.workers is \"auto\", but no split could be " +
                   "measured: " + failure + "; give a number");
  }
  const nlohmann::ordered_json json = {
      {"workers", best.workers}, {"threads_per_worker", best.threads}, {"measured", measured}};
  write_file_atomically(path, json.dump(1) + "\n");
  return best;
}

}  // namespace deneb::detail
