#include "pipeline/train_step.h"

#include <deneb/failure_text.h>
#include <deneb/interrupt.h>
#include <deneb/io/files.h>
#include <deneb/io/safetensors.h>
#include <deneb/io/weight_file.h>
#include <deneb/nn/walk.h>
#include <deneb/quant/policy_file.h>
#include <deneb/random.h>

#include <algorithm>
#include <chrono>
#include <filesystem>

#include "io/number_text.h"
#include "pipeline/section_checks.h"
#include "pipeline/step_results.h"

namespace deneb::detail {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

std::string model_folder(const RunContext& context, std::int64_t id) {
  return context.output_folder() + "/models/" + std::to_string(id);
}

std::vector<BitPolicy> policies_of(const std::vector<ModelTask>& models) {
  std::vector<BitPolicy> policies;
  for (const ModelTask& model : models) policies.push_back(model.policy);
  return policies;
}

void check_models(const SectionParts& parts, const std::vector<ModelTask>& models,
                  const ValidationContext& context) {
  for (const ModelTask& model : models) {
    try {
      parts.check_formats(model.policy);
    } catch (const ConfigError& e) {
      throw ConfigError(std::string(e.what()) + "; needed for: " + model.origin);
    }
  }
  check_section(parts, policies_of(models), context);
}

// The first of these models that has no weights to start from, "" = all have some.
std::string without_weights(const TrainStepOptions& options, const std::vector<ModelTask>& models) {
  if (!options.weights.empty()) return "";
  const auto found = std::find_if(models.begin(), models.end(),
                                  [](const ModelTask& model) { return model.weights.empty(); });
  return found == models.end() ? "" : found->origin;
}

// Weights of a training without a word on the policy are meant with theirs.
void take_policy_of_weights(const TrainStepOptions& options, std::vector<ModelTask>& models) {
  const bool only_float = models.size() == 1 && models[0].policy.empty() &&
                          models[0].weights.empty() && options.policy.empty() &&
                          options.uniform.empty();
  if (!only_float || options.weights.empty() || !fs::exists(options.weights)) return;
  models[0].policy =
      trained_policy(read_weights(options.weights, WeightCheck::kHeaders), options.weights);
  if (!models[0].policy.empty()) models[0].origin = "policy of the weights";
}

void save_model(const std::string& folder, const Network& network, const TrainStepOptions& options,
                const RunContext& context, const ModelTask& task,
                const nlohmann::ordered_json& metrics) {
  TensorFile file;
  file.tensors = state_of(network);
  file.metadata = {{"format", "pt"},
                   {"deneb.network", options.network.type},
                   {"deneb.origin", task.origin},
                   {"deneb.policy", task.policy.to_json().dump()}};
  write_safetensors(folder + "/weights.safetensors", file);
  PolicyFile policy;
  policy.model = {{"type", options.network.type}, {"options", options.network.options}};
  policy.policy = task.policy;
  policy.metrics = metrics;
  policy.provenance = {{"step", context.step},
                       {"model", task.id},
                       {"origin", task.origin},
                       {"seed", context.general.seed},
                       {"weights", "weights.safetensors"}};
  write_policy_file(folder + "/policy.json", policy);
  write_file_atomically(folder + "/metrics.json", metrics.dump(1) + "\n");
}

// The rows of the step as they will be; kept rows of finished models come from the store.
ResultRow make_row(const RunContext& context, const ModelTask& task) {
  ResultRow row;
  row.step = context.step;
  row.id = task.id;
  row.status = "running";
  row.seed = derive_seed(context.step_seed(), static_cast<std::uint64_t>(task.id));
  row.origin = task.origin;
  row.encoding = task.policy.empty() ? "float32" : task.policy.text();
  row.fingerprint = task.policy.fingerprint();
  row.policy = task.policy.to_json();
  return row;
}

Objective main_metric(const SectionParts& parts) {
  const std::vector<Objective> metrics = parts.evaluator().metrics();
  return metrics.empty() ? Objective{"accuracy", Direction::kMaximize} : metrics.front();
}

// What reports compare the models with: costs of policies that need not be trained. A cost model
// may know some formats only; its price of the others is left out.
nlohmann::ordered_json reference_costs(const TrainStepOptions& options, const SectionParts& parts) {
  const auto costs_of = [&](const BitPolicy& policy) {
    auto costs = nlohmann::ordered_json::object();
    for (const std::string& name : parts.cost_names()) {
      try {
        costs[name] = parts.cost_model(name).total(parts.network_info(), policy);
      } catch (const Error&) {
        continue;
      }
    }
    return costs;
  };
  nlohmann::ordered_json all = {{"float32", costs_of({})}};
  UniformOptions uniform = options.uniform.empty() ? UniformOptions() : options.uniform.front();
  uniform.weight = uniform.activation = "";
  for (const int bits : {8, 4, 2}) {
    uniform.weight_bits = uniform.activation_bits = bits;
    const std::string word = std::to_string(bits);
    all["uniform w" + word + "a" + word] = costs_of(baseline_policy(uniform, parts.network_info()));
  }
  return all;
}

void describe_step(RunContext& context, const TrainStepOptions& options,
                   const SectionParts& parts) {
  nlohmann::ordered_json info = {{"dataset", options.dataset.type},
                                 {"network", network_json(parts.network_info())},
                                 {"objectives", nlohmann::ordered_json::array()},
                                 {"reference_costs", reference_costs(options, parts)}};
  std::vector<Objective> objectives = {main_metric(parts)};
  const std::vector<std::string> costs = parts.table_costs();
  if (!costs.empty()) objectives.push_back({costs.front(), Direction::kMinimize});
  for (const Objective& objective : objectives) {
    info["objectives"].push_back(
        {{"name", objective.name}, {"direction", direction_word(objective.direction)}});
  }
  context.store.set_step_info(context.step, info);
}

void add_metrics(nlohmann::ordered_json& target, const Metrics& metrics,
                 const std::string& prefix) {
  for (const Metric& metric : metrics.all()) target[prefix + metric.name] = metric.value;
}

void log_load(const RunContext& context, const LoadReport& loaded, const std::string& weights) {
  for (const std::string& note : load_notes(loaded, weights)) {
    context.console.log("warning", context.step, note);
  }
}

std::string title_of(const ModelTask& task, std::size_t count) {
  return "model " + std::to_string(task.id) + "/" + std::to_string(count) + " (" + task.origin +
         ")";
}

}  // namespace

std::string TrainStep::source_kind(bool first) const { return first ? "" : "policies"; }

void TrainStep::validate(const ValidationContext& context) const {
  const SectionParts parts(context.registry, options_, context.device);
  const std::vector<ModelTask> models =
      foreseen_models(options_, context, parts, source_kind(context.earlier.empty()));
  check_models(parts, models, context);
  const std::string random = without_weights(options_, models);
  if (random.empty() || parts.trainer().trains()) return;
  context.warn("nothing is trained (trainer), and no weights are there for: " + random +
               ". Random weights are measured; set weights, or let the step train");
}

StepOutlook TrainStep::outlook(const ValidationContext& context) const {
  const SectionParts parts(context.registry, options_, context.device);
  return {options_.network, policies_of(foreseen_models(options_, context, parts,
                                                        source_kind(context.earlier.empty())))};
}

void TrainStep::run(RunContext& context) {
  SectionParts parts(context.registry, options_, context.device);
  const std::vector<ModelTask> tasks =
      collect_models(options_, context, parts, source_kind(context.is_first));
  parts.data();
  describe_step(context, options_, parts);
  const std::string extent = parts.trainer().extent();
  context.console.log("info", context.step,
                      "training " + std::to_string(tasks.size()) + " model(s) of " +
                          options_.network.type + (extent.empty() ? "" : " for " + extent));
  for (const ModelTask& task : tasks) try_model(context, parts, task, tasks.size());
  const std::vector<ResultRow> rows = context.store.trials(context.step);
  const auto finished = std::count_if(
      rows.begin(), rows.end(), [](const ResultRow& row) { return row.status == "finished"; });
  print_models(context.console, rows, main_metric(parts).name, parts.table_costs());
  if (finished == 0) {
    throw RunError("step " + context.step +
                   ": no model could be trained; the last one said: " + rows.back().message);
  }
  const auto first = std::find_if(rows.begin(), rows.end(),
                                  [](const ResultRow& row) { return row.status == "finished"; });
  context.artifacts = {{"policies", context.output_folder()},
                       {"models", context.output_folder()},
                       {"weights", model_folder(context, first->id) + "/weights.safetensors"}};
}

// A model that cannot be trained does not take the others with it, and stays failed in a resumed
// step, as trials of a search do. What cannot be read or written ends the step, to be resumed.
void TrainStep::try_model(RunContext& context, SectionParts& parts, const ModelTask& task,
                          std::size_t count) {
  const auto stored = context.store.trial(context.step, task.id);
  if (stored && stored->status == "finished") return;
  if (stored && stored->status == "failed") return count_failure(context, stored->message);
  ResultRow row = make_row(context, task);
  context.store.begin_trial(row);
  const std::string checkpoint = model_folder(context, task.id) + "/checkpoint.safetensors";
  std::vector<EpochRow> epochs;
  try {
    epochs = train_model(context, parts, task, count, checkpoint, &row);
  } catch (const Interrupted&) {
    throw;
  } catch (const DataError&) {
    throw;
  } catch (const WriteError&) {
    throw;
  } catch (const std::exception& e) {
    row.message = failure_text(e);
  }
  row.status = row.message.empty() ? "finished" : "failed";
  context.store.set_epochs(context.step, task.id, epochs);
  context.store.finish_trial(row);
  fs::remove(checkpoint);
  if (row.status == "failed") {
    context.console.log("warning", context.step, title_of(task, count) + " failed: " + row.message);
    return count_failure(context, row.message);
  }
  const std::string metric = main_metric(parts).name;
  context.console.log("info", context.step,
                      title_of(task, count) + ": test " + metric + " " +
                          number_text(row.metrics.value(metric, 0.0)));
}

void TrainStep::count_failure(const RunContext& context, const std::string& message) {
  if (++failures_ <= context.general.max_failures) return;
  throw RunError("step " + context.step + ": " + std::to_string(failures_) +
                 " models failed (general.max_failures is " +
                 std::to_string(context.general.max_failures) + "); the last one said: " + message);
}

// Fills metrics and seconds of the row, leaves the model's folder.
std::vector<EpochRow> TrainStep::train_model(RunContext& context, SectionParts& parts,
                                             const ModelTask& task, std::size_t count,
                                             const std::string& checkpoint, ResultRow* row) {
  const std::string folder = model_folder(context, task.id);
  make_directories(folder);
  const std::string& weights = task.weights.empty() ? options_.weights : task.weights;
  LoadReport loaded;
  const auto network =
      parts.make_quantized(derive_seed(row->seed, "init"), weights, task.policy, &loaded);
  log_load(context, loaded, weights);
  // Random weights show no ranges worth keeping; the first batch of the training is better.
  if (!weights.empty()) parts.calibrate(*network);
  FitRequest request = parts.fit_request(derive_seed(row->seed, "train"));
  request.checkpoint = checkpoint;
  request.hooks.on_progress = [&](const StepInfo& info) {
    char text[96], penalty[32] = "";
    if (info.penalty != 0) {
      std::snprintf(penalty, sizeof(penalty), " (penalty %.4f)", info.penalty);
    }
    std::snprintf(text, sizeof(text), ", loss %.4f%s, lr %.3g", info.loss, penalty, info.lr);
    const std::string stage =
        info.stage.empty() ? "epoch " + std::to_string(info.epoch + 1) : info.stage;
    context.console.progress(context.step, info.step, info.total_steps,
                             title_of(task, count) + ", " + stage + text);
  };
  request.log = [&](const std::string& line) { context.console.log("info", context.step, line); };
  const FitResult fit = parts.trainer().fit(*network, parts.data(), request);
  std::vector<EpochRow> epochs;
  for (const EpochRecord& record : fit.epochs) {
    EpochRow epoch;
    epoch.step = context.step;
    epoch.trial = task.id;
    epoch.epoch = record.epoch;
    epoch.lr = record.lr;
    epoch.train_loss = record.train_loss;
    epoch.penalty = record.penalty;
    epoch.seconds = record.seconds;
    epoch.metrics = record.validation.to_json();
    epochs.push_back(std::move(epoch));
    row->seconds += record.seconds;
  }
  // The test split judges, and chooses nothing.
  add_metrics(row->metrics, parts.measure(*network, Split::kTest), "");
  if (parts.data().samples(Split::kValidation) > 0) {
    add_metrics(row->metrics, parts.measure(*network, Split::kValidation), "validation_");
  }
  for (const auto& [name, value] : parts.costs(task.policy)) row->metrics[name] = value;
  save_model(folder, *network, options_, context, task, row->metrics);
  return epochs;
}

std::string EvaluateStep::source_kind(bool first) const {
  return first || !options_.weights.empty() ? "" : "models";
}

void EvaluateStep::validate(const ValidationContext& context) const {
  const SectionParts parts(context.registry, options_, context.device);
  std::vector<ModelTask> models =
      foreseen_models(options_, context, parts, source_kind(context.earlier.empty()));
  take_policy_of_weights(options_, models);
  check_models(parts, models, context);
  const std::string random = without_weights(options_, models);
  if (random.empty()) return;
  context.add(Finding::Kind::kLater,
              "has no weights to evaluate for: " + random +
                  "; set weights (`deneb evaluate --weights FILE` needs none here), or "
                  "pipe_step.models_folder to trained models");
}

void EvaluateStep::run(RunContext& context) {
  SectionParts parts(context.registry, options_, context.device);
  std::vector<ModelTask> tasks =
      collect_models(options_, context, parts, source_kind(context.is_first));
  take_policy_of_weights(options_, tasks);
  describe_step(context, options_, parts);
  for (const ModelTask& task : tasks) {
    throw_if_stopping();
    const auto stored = context.store.trial(context.step, task.id);
    if (stored && stored->status == "finished") continue;
    if (task.weights.empty() && options_.weights.empty()) {
      throw ConfigError("step " + context.step + ": model " + task.origin +
                        " has no weights to evaluate; train it first or set weights");
    }
    ResultRow row = make_row(context, task);
    context.store.begin_trial(row);
    const auto start = Clock::now();
    const std::string& weights = task.weights.empty() ? options_.weights : task.weights;
    LoadReport loaded;
    const auto network =
        parts.make_quantized(derive_seed(row.seed, "init"), weights, task.policy, &loaded);
    log_load(context, loaded, weights);
    parts.calibrate(*network);
    add_metrics(row.metrics, parts.measure(*network, Split::kTest), "");
    for (const auto& [name, value] : parts.costs(task.policy)) row.metrics[name] = value;
    row.status = "finished";
    row.seconds = std::chrono::duration<double>(Clock::now() - start).count();
    context.store.finish_trial(row);
    context.console.progress(context.step, task.id, std::int64_t(tasks.size()), task.origin);
  }
  print_models(context.console, context.store.trials(context.step), main_metric(parts).name,
               parts.table_costs());
}

}  // namespace deneb::detail
