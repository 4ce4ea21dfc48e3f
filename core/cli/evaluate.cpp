#include <ATen/Parallel.h>
#include <deneb/data/data_loader.h>
#include <deneb/io/weight_file.h>
#include <deneb/nn/walk.h>
#include <deneb/quant/policy_file.h>
#include <stdlib.h>

#include <cmath>
#include <cstdio>
#include <filesystem>
#include <iostream>

#include "commands.h"
#include "failure.h"
#include "model_section.h"
#include "session.h"
#include "text.h"

namespace deneb::cli {
namespace {

namespace fs = std::filesystem;
using nlohmann::ordered_json;

/// A file that is gone at the end.
class TemporaryFile {
 public:
  TemporaryFile() : folder_((fs::temp_directory_path() / "deneb-evaluate-XXXXXX").string()) {
    if (::mkdtemp(folder_.data()) == nullptr) {
      throw RunError(folder_ + ": cannot create a temporary folder; set TMPDIR to one with space");
    }
    path_ = folder_ + "/weights.safetensors";
  }
  ~TemporaryFile() {
    std::error_code ignored;
    fs::remove_all(folder_, ignored);
  }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string folder_, path_;
};

/// What is measured, and on what.
struct Evaluation {
  std::string weights, policy_source;
  BitPolicy policy;
  Split split = Split::kTest;
  std::uint64_t seed = 0;
};

Split parse_split(const std::string& word) {
  if (word.empty() || word == "test") return Split::kTest;
  if (word == "validation") return Split::kValidation;
  throw ConfigError("--split: got '" + word + "', expected test or validation");
}

/// The policy of --policy, or the one that a training step left in the weights file.
void choose_policy(const std::string& file, const TensorFile& weights, Evaluation& evaluation) {
  if (!file.empty()) {
    evaluation.policy = read_policy_file(file).policy;
    evaluation.policy_source = file;
  } else {
    evaluation.policy = trained_policy(weights, evaluation.weights);
    evaluation.policy_source = "from the weights file";
  }
  if (evaluation.policy.empty()) evaluation.policy_source = "none, float32";
}

/// Was the file written by a training step?
bool is_our_file(const TensorFile& weights) { return weights.metadata.count("deneb.network") != 0; }

/// A network with the weights and the quantizer state of the file `weights`, and warnings about
/// what does not fit.
std::shared_ptr<Network> load_network(SectionParts& parts, const Evaluation& evaluation,
                                      const std::string& weights) {
  evaluation.policy.check_against(parts.network_info(), evaluation.policy_source);
  LoadReport report;
  const auto network = parts.make_quantized(evaluation.seed, weights, evaluation.policy, &report);
  for (const std::string& note : load_notes(report, weights)) print_warning(note);
  if (!report.unused.empty() && evaluation.policy.empty()) {
    print_warning("without a policy all layers are float32; name it by --policy");
  }
  parts.calibrate(*network);
  return network;
}

/// Saves the weights, reads them into a new network and measures that. RunError when the result
/// differs.
void check_round_trip(SectionParts& parts, const Evaluation& evaluation, const Network& network,
                      const Metrics& before) {
  const TemporaryFile file;
  TensorFile saved;
  saved.tensors = state_of(network);
  saved.metadata["deneb.policy"] = evaluation.policy.to_json().dump();
  write_safetensors(file.path(), saved);
  const auto copy = load_network(parts, evaluation, file.path());
  const Metrics after = parts.measure(*copy, evaluation.split);
  if (before.to_json() != after.to_json()) {
    throw RunError("round trip: the metrics were " + before.to_json().dump() + " and are " +
                   after.to_json().dump() +
                   " after saving and loading; some state of the network is not saved");
  }
}

/// Shares of samples as percent with their count, everything else as a plain number.
std::string metric_text(const Metric& metric, std::int64_t samples) {
  char text[80];
  const double count = metric.value * static_cast<double>(samples);
  const bool share = metric.name.rfind("accuracy", 0) == 0 && metric.value >= 0 &&
                     metric.value <= 1 && std::abs(count - std::round(count)) < 1e-3;
  if (share) {
    std::snprintf(text, sizeof(text), "%.4f %% (%lld of %lld)", 100 * metric.value,
                  static_cast<long long>(std::llround(count)), static_cast<long long>(samples));
  } else {
    std::snprintf(text, sizeof(text), "%.6f", metric.value);
  }
  return text;
}

Arguments evaluate_arguments() {
  Arguments arguments(
      {"evaluate", "FILE|TASK --weights FILE [options]",
       "Measures a file of weights (safetensors, PyTorch, Hugging Face folder) with the network,\n"
       "dataset and evaluator of a step of a pipeline file (or of a task); names in files from\n"
       "elsewhere follow the step's options rename, fresh and ignore. The policy is taken from\n"
       "--policy or else from the weights file, where training steps leave it; without any the\n"
       "network stays float.",
       "deneb evaluate my.json --weights my.safetensors\n"
       "deneb evaluate first --weights "
       "tasks/first/output/fully_train/models/1/weights.safetensors"});
  arguments.positionals(1, 1, {"FILE or TASK"});
  arguments.value("weights", "FILE", "weights to measure: safetensors, .pth, a folder");
  arguments.value("policy", "FILE", "policy file with the formats of the layers");
  arguments.value("split", "SPLIT", "test (default) or validation");
  arguments.value("step", "NAME", "step whose network and data to use (default: the first one)");
  arguments.flag("round-trip", "also save and load the weights, and demand the same metrics");
  arguments.flag("json", "as a JSON object");
  add_set_option(arguments);
  add_plugin_option(arguments);
  return arguments;
}

void print_result(const Arguments& arguments, const StepModel& model, const Evaluation& evaluation,
                  const Metrics& metrics, std::int64_t samples) {
  const std::string split = evaluation.split == Split::kTest ? "test" : "validation";
  if (arguments.has("json")) {
    ordered_json result = {{"step", model.step},
                           {"network", model.section.network.type},
                           {"dataset", model.section.dataset.type},
                           {"split", split},
                           {"samples", samples},
                           {"weights", evaluation.weights},
                           {"policy", evaluation.policy.to_json()},
                           {"metrics", metrics.to_json()}};
    if (arguments.has("round-trip")) result["round_trip_identical"] = true;
    std::cout << result.dump(2) << "\n";
    return;
  }
  std::cout << model.section.network.type << " with " << evaluation.weights << "\n"
            << "policy: " << evaluation.policy_source << "\n"
            << "data: " << model.section.dataset.type << ", " << split << " split, "
            << grouped(samples) << " samples\n";
  for (const Metric& metric : metrics.all()) {
    std::cout << metric.name << " " << metric_text(metric, samples) << "\n";
  }
  if (arguments.has("round-trip")) std::cout << "after saving and loading: the same\n";
}

}  // namespace

int evaluate_command(const Words& words) {
  Arguments arguments = evaluate_arguments();
  if (!arguments.parse(words)) return kExitOk;
  Evaluation evaluation;
  evaluation.split = parse_split(arguments.text("split"));
  evaluation.weights = arguments.text("weights");
  if (evaluation.weights.empty()) {
    throw ConfigError("evaluate: --weights FILE is missing; `deneb evaluate --help` shows how");
  }
  Session session;
  const Pipeline pipeline = session.open(arguments.positionals().front(), arguments.list("set"),
                                         arguments.list("plugin"));
  StepModel model = read_step_model(pipeline, arguments.text("step"), session.registry());
  at::set_num_threads(pipeline.general.threads);
  evaluation.seed = static_cast<std::uint64_t>(pipeline.general.seed);
  const TensorFile weights = read_weights(evaluation.weights, WeightCheck::kHeaders);
  choose_policy(arguments.text("policy"), weights, evaluation);
  // The section's rules for names are for files from elsewhere.
  model.section.weights = is_our_file(weights) ? "" : evaluation.weights;

  SectionParts parts(session.registry(), model.section, resolve_device(pipeline.general.device));
  const auto network = load_network(parts, evaluation, evaluation.weights);
  const Metrics metrics = parts.measure(*network, evaluation.split);
  if (arguments.has("round-trip")) check_round_trip(parts, evaluation, *network, metrics);
  print_result(arguments, model, evaluation, metrics, parts.data().samples(evaluation.split));
  return kExitOk;
}

}  // namespace deneb::cli
