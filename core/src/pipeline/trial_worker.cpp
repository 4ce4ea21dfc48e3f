#include "pipeline/trial_worker.h"

#include <ATen/Parallel.h>
#include <deneb/data/sample_counts.h>
#include <deneb/failure_text.h>
#include <deneb/interrupt.h>
#include <deneb/pipeline/pipeline.h>
#include <torch/utils.h>

#include <algorithm>
#include <chrono>

#include "io/descriptor.h"
#include "pipeline/search_step.h"
#include "pipeline/trial_runner.h"

namespace deneb {
namespace {

nlohmann::json answer_trial(SectionParts& parts, Split split, const nlohmann::json& request) {
  try {
    const auto policy = BitPolicy::from_json(request.at("policy"), "trial request");
    const detail::TrialOutcome outcome =
        detail::run_trial(parts, policy, request.at("seed").get<std::uint64_t>(), split);
    nlohmann::ordered_json metrics = outcome.metrics.to_json();
    return {{"id", request.at("id")},
            {"metrics", metrics},
            {"epochs", detail::epochs_json(outcome.fit)}};
  } catch (const Interrupted&) {
    throw;
  } catch (const DataError& e) {
    return {{"id", request.at("id")}, {"data_error", e.what()}};
  } catch (const std::exception& e) {
    return {{"id", request.at("id")}, {"error", failure_text(e)}};
  }
}

nlohmann::json answer_measure(SectionParts& parts, const nlohmann::json& request) {
  using Clock = std::chrono::steady_clock;
  try {
    const double seconds = request.at("measure");
    if (seconds <= 0) return {{"samples_per_second", 0.0}};
    const auto policy = BitPolicy::from_json(request.at("policy"), "measure request");
    const auto network = parts.make_quantized(0, parts.section().weights, policy);
    Batch batch;
    parts.data().train(0, /*epoch=*/0)->next(batch);
    batch = batch.to(parts.device());
    const torch::NoGradGuard no_grad;
    network->train();
    network->forward(batch);  // sets ranges and steps that come from data
    network->eval();
    const auto start = Clock::now();
    double samples = 0, passed = 0;
    do {
      network->forward(batch);
      samples += static_cast<double>(batch.size());
      passed = std::chrono::duration<double>(Clock::now() - start).count();
    } while (passed < seconds);
    return {{"samples_per_second", samples / passed}};
  } catch (const c10::Error& e) {
    return {{"error", e.what_without_backtrace()}};
  } catch (const std::exception& e) {
    return {{"error", e.what()}};
  }
}

// Messages of libraries may be no UTF-8.
bool write_line(int fd, const nlohmann::json& json) {
  return detail::write_all(
      fd, json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
}

}  // namespace

namespace detail {

nlohmann::json trial_request(std::int64_t id, const BitPolicy& policy, std::uint64_t seed) {
  return {{"id", id}, {"policy", policy.to_json()}, {"seed", seed}};
}

nlohmann::json measure_request(const BitPolicy& policy, double seconds) {
  return {{"measure", seconds}, {"policy", policy.to_json()}};
}

}  // namespace detail

void run_worker(const std::string& task_folder, const std::string& step, const Pipeline& pipeline,
                const Registry& registry, int in_fd, int out_fd) {
  at::set_num_threads(pipeline.general.threads_per_worker);
  const bool known =
      std::find(pipeline.steps.begin(), pipeline.steps.end(), step) != pipeline.steps.end();
  const auto object = known ? make_step(pipeline, step, registry) : nullptr;
  const auto* search = dynamic_cast<const detail::SearchStep*>(object.get());
  if (!search) throw ConfigError(task_folder + ": has no search step '" + step + "'");
  SectionParts parts(registry, search->options(), resolve_device(pipeline.general.device));
  parts.data();
  const Split split = search->options().evaluation_split();
  if (!write_line(out_fd, {{"ready", true}})) return;
  detail::LineReader requests(in_fd);
  while (const auto line = requests.next()) {
    const auto request = nlohmann::json::parse(*line);
    const SampleCounts before = samples_drawn();
    nlohmann::json answer = request.contains("measure") ? answer_measure(parts, request)
                                                        : answer_trial(parts, split, request);
    const SampleCounts after = samples_drawn();
    answer["training_samples"] = after.training - before.training;
    answer["evaluation_samples"] = after.evaluation - before.evaluation;
    if (!write_line(out_fd, answer)) return;
  }
}

}  // namespace deneb
