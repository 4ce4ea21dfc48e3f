#include "pipeline/search_run.h"

#include <ATen/Parallel.h>
#include <deneb/interrupt.h>
#include <deneb/io/files.h>
#include <deneb/options/config.h>
#include <deneb/random.h>
#include <deneb/search/pareto.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <exception>
#include <filesystem>
#include <mutex>
#include <thread>

#include "io/number_text.h"
#include "io/sha256.h"
#include "pipeline/step_results.h"

#include "pipeline/trial_identity.h"
#include "pipeline/trial_worker.h"

namespace deneb::detail {

SearchRun::SearchRun(RunContext& context, const SearchStepOptions& options)
    : context_(context),
      options_(options),
      basis_(context.registry, options, context.device),
      parts_(basis_.parts()),
      retried_from_(context.store.retried_from(context.step)) {
  // What has no price ends the step here, not after its first trial.
  for (const auto& genome : {space().narrowest(), space().widest()}) costs(space().decode(genome));
  if (context.general.cache.empty()) return;
  cache_ = std::make_unique<TrialCache>(context.general.cache, [this](const std::string& text) {
    context_.console.log("warning", context_.step, text);
    context_.store.add_event(context_.step, "warning", text);
  });
  const auto known = context.store.step(context.step);
  if (known && known->info.is_object()) {
    cached_trials_ = known->info.value("/cache/answered"_json_pointer, std::int64_t{0});
  }
}

// Ids follow the order of requests, so that a replayed search meets its own trials again.
std::int64_t SearchRun::assign_id(const TrialRequest& request) {
  const std::string fingerprint = request.policy.fingerprint();
  const auto known = id_of_policy_.find(fingerprint);
  if (known != id_of_policy_.end()) return known->second;
  const auto id = static_cast<std::int64_t>(id_of_policy_.size()) + 1;
  id_of_policy_[fingerprint] = id;
  ResultRow row;
  auto stored = context_.store.trial(context_.step, id);
  if (stored && stored->fingerprint != fingerprint && retried_from_ > 0 && id > retried_from_) {
    const std::int64_t gone = context_.store.erase_trials(context_.step, id);
    log("another policy follows now that failed trials were tried again; " + std::to_string(gone) +
        " trial(s), from " + std::to_string(id) + " on, are done anew");
    stored.reset();
  }
  if (stored) {
    if (stored->fingerprint != fingerprint) {
      throw RunError("resume: trial " + std::to_string(id) + " of step " + context_.step +
                     " was another policy before (" + stored->encoding + "), now " +
                     request.policy.text() +
                     "; the search does not repeat itself, or its plugin changed; start anew with "
                     "--from " +
                     context_.step);
    }
    row = *stored;
  } else {
    row.step = context_.step;
    row.id = id;
    row.status = "running";
    // With a cache by the policy alone, whatever step or search asks for it: what the cache holds
    // changes no result.
    row.seed = cache_
                   ? derive_seed(derive_seed(std::uint64_t(context_.general.seed), "cached trials"),
                                 fingerprint)
                   : derive_seed(context_.step_seed(), static_cast<std::uint64_t>(id));
    row.origin = request.origin;
    row.encoding = request.policy.text();
    row.fingerprint = fingerprint;
    row.policy = request.policy.to_json();
  }
  rows_[id] = row;
  return id;
}

std::vector<TrialResult> SearchRun::evaluate(const std::vector<TrialRequest>& requests) {
  std::vector<std::int64_t> ids, fresh;
  std::vector<bool> repeated;
  for (const TrialRequest& request : requests) {
    const std::size_t before = rows_.size();
    const std::int64_t id = assign_id(request);
    repeated.push_back(rows_.size() == before);
    ids.push_back(id);
    ResultRow& row = rows_[id];
    // A policy that an exception ended before its answer is asked for again.
    const bool asked = std::find(fresh.begin(), fresh.end(), id) != fresh.end();
    if (repeated.back() && (row.status != "running" || asked)) continue;
    if (row.status == "running") {
      row.message = basis_.broken_limit(request.policy);
      if (row.message.empty()) {
        fresh.push_back(id);
      } else {
        reject(row);
      }
    } else if (row.status == "failed" || row.status == "timeout") {
      count_failure(row);
    }
  }
  if (!fresh.empty()) run_new(fresh);
  std::vector<TrialResult> results;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    results.push_back(result_of(ids[i]));
    results.back().repeated = repeated[i];
  }
  return results;
}

// Whether the search asks within_limits() or not: no policy above a limit is trained.
void SearchRun::reject(ResultRow& row) {
  row.status = "rejected";
  for (const auto& [name, value] : costs(BitPolicy::from_json(row.policy, "trial"))) {
    row.metrics[name] = value;
  }
  context_.store.begin_trial(row);
  context_.store.finish_trial(row);
}

void SearchRun::count_failure(const ResultRow& row) {
  if (++failures_ <= context_.general.max_failures) return;
  throw RunError("step " + context_.step + ": " + std::to_string(failures_) +
                 " trials failed (general.max_failures is " +
                 std::to_string(context_.general.max_failures) +
                 "); the last one said: " + row.message);
}

const WorkerSplit& SearchRun::split() {
  if (!split_) {
    const GeneralOptions& general = context_.general;
    split_ = general.measures_workers()
                 ? measured_split(context_, space().decode(space().narrowest()))
                 : WorkerSplit{general.workers.get<int>(), general.threads_per_worker};
  }
  return *split_;
}

std::optional<std::int64_t> SearchRun::cached_trials() const {
  if (!cache_ || rows_.empty()) return std::nullopt;
  return cached_trials_;
}

std::string SearchRun::cache_key(const ResultRow& row) {
  if (identity_.empty()) {
    identity_ =
        trial_identity(options_, parts_, context_.registry, context_.task_folder, split().threads);
  }
  return sha256(identity_ + " " + row.fingerprint + " " + std::to_string(row.seed));
}

std::vector<std::int64_t> SearchRun::answer_from_cache(const std::vector<std::int64_t>& ids) {
  if (!cache_) return ids;
  std::vector<std::int64_t> rest;
  for (const std::int64_t id : ids) {
    const auto known = cache_->find(cache_key(rows_[id]));
    if (!known || !known->contains("metrics") || !known->contains("epochs")) {
      rest.push_back(id);
      continue;
    }
    context_.store.begin_trial(rows_[id]);
    record(id, {*known, "", false, known->value("seconds", 0.0)});  // what it took when it ran
    ++cached_trials_;
  }
  if (rest.size() < ids.size()) {
    // A run that is resumed goes on counting.
    nlohmann::ordered_json info = context_.store.step(context_.step)->info;
    info["cache"] = {{"answered", cached_trials_}};
    context_.store.set_step_info(context_.step, info);
  }
  return rest;
}

void SearchRun::run_new(const std::vector<std::int64_t>& asked) {
  parts_.data();  // missing data end the run here, not in every worker
  const std::vector<std::int64_t> ids = answer_from_cache(asked);
  if (ids.empty()) return;
  if (!workers_) {
    workers_ = std::make_unique<WorkerPool>(worker_command(context_, split().threads),
                                            split().workers, context_.general.trial_timeout);
  }
  std::vector<nlohmann::json> requests;
  for (const std::int64_t id : ids) {
    const ResultRow& row = rows_[id];
    requests.push_back(trial_request(id, BitPolicy::from_json(row.policy, "trial"), row.seed));
  }
  workers_->run(
      requests, [&](std::size_t i) { context_.store.begin_trial(rows_[ids[i]]); },
      [&](std::size_t i, const WorkerPool::Answer& answer) {
        record(ids[i], answer);
        if (cache_ && rows_[ids[i]].status == "finished") {
          cache_->add(cache_key(rows_[ids[i]]), {{"metrics", answer.json["metrics"]},
                                                 {"epochs", answer.json["epochs"]},
                                                 {"seconds", answer.seconds}});
        }
      });
}

void SearchRun::record(std::int64_t id, const WorkerPool::Answer& answer) {
  // No trial can succeed with damaged data: the run ends, and the trial stays to be done.
  if (answer.failure.empty() && answer.json.contains("data_error")) {
    throw DataError(answer.json["data_error"].get<std::string>());
  }
  if (answer.json.contains("training_samples")) {
    context_.store.add_work(context_.step, {0, answer.json["training_samples"].get<std::int64_t>(),
                                            answer.json["evaluation_samples"].get<std::int64_t>()});
  }
  ResultRow& row = rows_[id];
  row.seconds = answer.seconds;
  if (!answer.failure.empty()) {
    row.status = answer.timed_out ? "timeout" : "failed";
    row.message = answer.failure;
  } else if (answer.json.contains("error")) {
    row.status = "failed";
    row.message = answer.json["error"].get<std::string>();
  } else {
    row.status = "finished";
    for (const auto& [name, value] : answer.json.at("metrics").items()) row.metrics[name] = value;
  }
  for (const auto& [name, value] : costs(BitPolicy::from_json(row.policy, "trial"))) {
    row.metrics[name] = value;
  }
  std::vector<EpochRow> epochs;
  if (row.status == "finished") {
    for (const auto& item : answer.json.at("epochs")) {
      EpochRow epoch;
      epoch.step = context_.step;
      epoch.trial = id;
      epoch.epoch = item.at("epoch");
      epoch.lr = item.at("lr");
      epoch.train_loss = item.at("train_loss");
      epoch.penalty = item.at("penalty");
      epoch.seconds = item.at("seconds");
      epoch.metrics = item.at("metrics");
      epochs.push_back(epoch);
    }
  }
  context_.store.set_epochs(context_.step, id, epochs);
  context_.store.finish_trial(row);
  if (row.status != "finished") {
    log("trial " + std::to_string(id) + " failed: " + row.message);
    count_failure(row);
    return;
  }
  std::string text = "trial " + std::to_string(id) + " (" + row.origin + ")";
  for (const Objective& measure : parts_.evaluator().metrics()) {
    if (row.metrics.contains(measure.name) && row.metrics[measure.name].is_number()) {
      text += ", " + measure.name + " " + number_text(row.metrics[measure.name].get<double>());
    }
  }
  context_.console.log("debug", context_.step, text + ", " + number_text(row.seconds) + " s");
}

TrialResult SearchRun::result_of(std::int64_t id) const {
  const ResultRow& row = rows_.at(id);
  TrialResult result;
  result.id = id;
  result.ok = row.status == "finished";
  result.message = row.message;
  for (const auto& [name, value] : row.metrics.items()) {
    if (value.is_number()) result.metrics[name] = value.get<double>();
  }
  return result;
}

std::int64_t SearchRun::record_of(const Candidate& candidate) {
  if (candidate.trial > 0) return candidate.trial;
  const std::int64_t id = assign_id({candidate.policy, candidate.name});
  ResultRow& row = rows_[id];
  if (row.status != "running") return id;  // tried after all, or recorded before a resume
  row.status = "finished";
  for (const auto& [name, value] : costs(candidate.policy)) row.metrics[name] = value;
  for (const auto& [name, value] : candidate.metrics) row.metrics[name] = value;
  context_.store.begin_trial(row);
  context_.store.finish_trial(row);
  return id;
}

void SearchRun::forget_rest() {
  if (retried_from_ == 0) return;
  const auto last = static_cast<std::int64_t>(id_of_policy_.size());
  const std::int64_t gone = context_.store.erase_trials(context_.step, last + 1);
  if (gone > 0) log(std::to_string(gone) + " trial(s) after " + std::to_string(last) + " removed");
}

bool SearchRun::is_front(const std::vector<std::int64_t>& ids,
                         const std::vector<Objective>& objectives) const {
  std::vector<std::vector<double>> rows;
  std::vector<std::size_t> members;
  for (const auto& [id, row] : rows_) {
    if (std::find(ids.begin(), ids.end(), id) != ids.end()) members.push_back(rows.size());
    rows.emplace_back();
    for (const Objective& objective : objectives) {
      const bool known = row.status == "finished" && row.metrics.contains(objective.name) &&
                         row.metrics[objective.name].is_number();
      rows.back().push_back(known ? row.metrics[objective.name].get<double>() : std::nan(""));
    }
  }
  return is_pareto_front(members, rows, objectives);
}

std::map<std::string, double> SearchRun::float_metrics() {
  if (options_.weights.empty()) return {};
  std::map<std::string, double> metrics;
  const auto network = make_network();
  const Metrics measured = parts_.measure(*network, options_.evaluation_split());
  for (const Metric& metric : measured.all()) metrics[metric.name] = metric.value;
  return metrics;
}

nlohmann::ordered_json SearchRun::provenance() {
  const auto spec = [](const PluginSpec& plugin) {
    nlohmann::ordered_json json = {{"type", plugin.type}};
    json.update(plugin.options);
    return json;
  };
  QuantizerOptions quantizer = options_.quantizer;
  const std::int64_t calibration =
      std::min(parts_.data().samples(Split::kTrain),
               std::int64_t{quantizer.calibration_batches} * options_.data_loader.batch_size);
  nlohmann::ordered_json json = {{"network", spec(options_.network)},
                                 {"dataset", spec(options_.dataset)},
                                 {"evaluated_on", options_.evaluate_on},
                                 {"samples", parts_.data().samples(options_.evaluation_split())},
                                 {"quantizer", write_options(walk(quantizer))},
                                 {"calibration_samples", calibration},
                                 {"trainer", spec(options_.trainer)},
                                 {"seed", context_.general.seed}};
  if (!options_.weights.empty() && std::filesystem::is_regular_file(options_.weights)) {
    json["weights_sha256"] = sha256(read_file(options_.weights));
  }
  return json;
}

std::mt19937_64 SearchRun::rng(const std::string& label) const {
  return std::mt19937_64(seed(label));
}

std::uint64_t SearchRun::seed(const std::string& label) const {
  return derive_seed(derive_seed(context_.step_seed(), "search"), label);
}

std::shared_ptr<Network> SearchRun::make_network() { return parts_.make_network(seed("network")); }

std::shared_ptr<Quantizer> SearchRun::make_quantizer(const PluginSpec& spec) {
  return context_.registry.make<Quantizer>(spec);
}

std::shared_ptr<Quantizer> SearchRun::make_quantizer(QuantizerRole role, const Format& format) {
  return parts_.make_quantizer(role, format);
}

void SearchRun::in_parallel(std::size_t tasks, const std::function<Task()>& make_worker) {
  const std::size_t count = std::min(tasks, static_cast<std::size_t>(std::max(1, split().workers)));
  std::vector<Task> workers;
  for (std::size_t i = 0; i < count; ++i) workers.push_back(make_worker());
  const int threads = at::get_num_threads();
  at::set_num_threads(split().threads);
  std::atomic<std::size_t> next{0};
  std::mutex mutex;
  std::exception_ptr failure;
  const auto work = [&](const Task& task) {
    at::init_num_threads();  // takes over what is set now, for LibTorch and for its libraries
    for (;;) {
      const std::size_t i = next++;
      if (i >= tasks) return;
      try {
        throw_if_stopping();
        task(i);
      } catch (...) {
        const std::lock_guard<std::mutex> lock(mutex);
        if (!failure) failure = std::current_exception();
        next = tasks;
        return;
      }
    }
  };
  std::vector<std::thread> running;
  for (const Task& task : workers) running.emplace_back([&work, &task] { work(task); });
  for (std::thread& thread : running) thread.join();
  at::set_num_threads(threads);
  if (failure) std::rethrow_exception(failure);
}

std::string SearchRun::artifact_path(const std::string& file) const {
  return context_.output_folder() + "/" + file;
}

void SearchRun::progress(std::int64_t done, std::int64_t total, const std::string& text) {
  context_.console.progress(context_.step, done, total, text);
}

void SearchRun::log(const std::string& text) {
  context_.console.log("info", context_.step, text);
  context_.store.add_event(context_.step, "info", text);
}

}  // namespace deneb::detail
