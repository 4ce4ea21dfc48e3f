#pragma once

#include <c10/core/Device.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include <deneb/errors.h>
#include <deneb/io/artifact.h>
#include <deneb/pipeline/console.h>
#include <deneb/plugin/registry.h>
#include <deneb/quant/policy.h>
#include <deneb/store/trial_store.h>

namespace deneb {

/// The `general` section.
struct TaskOptions {
  std::string local_base_path = "./tasks";
  std::string task_id;
  template <class V>
  void visit(V& v) {
    v("local_base_path", local_base_path,
      "folder that gets a folder per task; relative to the working directory");
    v("task_id", task_id, "name of the task's folder; empty = start time");
  }
};

/// A report of `general.reports` with options of its own.
struct ReportSection {
  PluginSpec report;
  template <class V>
  void visit(V& v) {
    v.plugin("report", report, "report", "report plugin and its options");
  }
};

struct GeneralOptions {
  TaskOptions task;
  std::int64_t seed = 0;
  std::string device = "auto";
  int threads = 0;
  nlohmann::json workers = 1;  ///< a number or "auto"
  int threads_per_worker = 1;
  std::string cache;
  double trial_timeout = 0;
  int max_failures = 10;
  std::vector<std::string> reports = {"tables", "html"};
  std::vector<ReportSection> report_options;
  template <class V>
  void visit(V& v) {
    v("task", task, "where results go");
    v("seed", seed, "root of all random numbers", {0, 9e15});
    v("device", device, "auto, cpu, cuda or cuda:<index>");
    v("threads", threads,
      "threads of the main process (training steps); 0 = all cores. Other thread counts change "
      "results in the last digits",
      {0, 1024});
    v("workers", workers,
      "trials that run at once, each in a process of its own, 1 to 256; changes speed, never "
      "results. \"auto\": as many, with as many threads each, as a measurement of some seconds at "
      "the first trial finds fastest (other thread counts change results in the last digits)");
    v("threads_per_worker", threads_per_worker, "threads of one trial, unless workers is auto",
      {1, 256});
    v("cache", cache,
      "folder that keeps results of trials for later tasks, relative to the working directory; "
      "empty = none. A trial of the same policy, network, weights, data, settings, general.seed, "
      "threads and code is answered from it. Remove the folder to clear it");
    v("trial_timeout", trial_timeout,
      "seconds after which a trial is stopped and counted as "
      "failed; 0 = none",
      {0, 1e9});
    v("max_failures", max_failures, "failed trials after which the run ends with an error",
      {0, 1e9});
    v("reports", reports, "report plugins to write after every step");
    v("report_options", report_options, "options of some of the reports");
  }
  void check(OptionErrors& errors) const {
    const bool number = workers.is_number_integer() && workers >= 1 && workers <= 256;
    if (number || measures_workers()) return;
    errors.add("workers",
               "is " + workers.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) +
                   "; expected an integer from 1 to 256, or \"auto\"");
  }
  bool measures_workers() const { return workers == "auto"; }
};

/// What a step runs in. References live as long as the run.
struct RunContext {
  const Registry& registry;
  const GeneralOptions& general;
  const nlohmann::ordered_json& config;  ///< the resolved pipeline, defaults filled in
  std::string step;                      ///< name of the running step
  bool is_first;                         ///< no step comes before it
  std::string task_folder;
  std::string program;  ///< path of the deneb program, for worker processes
  TrialStore& store;
  Console& console;
  c10::Device device;
  /// What the step leaves for later ones; run() adds one of every kind of PipeStep::gives().
  std::vector<Artifact> artifacts = {};

  /// Path of the artifact of that kind of the nearest earlier step that left one; RunError when
  /// there is none.
  std::string input(const std::string& kind) const;
  /// Root of the step's RNG tree.
  std::uint64_t step_seed() const;
  /// <task>/output/<step>, created.
  std::string output_folder() const;
};

/// What validation finds that is no error of the file as such.
struct Finding {
  enum class Kind {
    kWarning,    ///< may be meant
    kLater,      ///< the step cannot run so; commands that only look at its network can
    kNoData,     ///< files that the section names are not there, or not whole
    kNoDataHere  ///< data are not where they are by default: a file may be checked elsewhere
  };
  Kind kind = Kind::kWarning;
  std::string step, text;
};

/// What is known of the results of a step before it has run.
struct StepOutlook {
  PluginSpec network;  ///< of its policies and weights; empty = not known
  /// Together they give every layer every format that its policies may give it; empty = not known.
  std::vector<BitPolicy> policies;
};

/// A step before the one that is validated.
struct EarlierStep {
  std::string name;
  std::string folder;  ///< of its output
  std::vector<std::string> gives;
  StepOutlook outlook;
};

/// What validation knows; no data are read, no weights trained. That files of options (FileRef)
/// exist has been checked; those that an earlier step makes are not there yet, and their options
/// say `step:kind`.
struct DENEB_API ValidationContext {
  const Registry& registry;
  const GeneralOptions& general;
  c10::Device device;
  std::string step = {};
  std::vector<EarlierStep> earlier = {};     ///< in the order in which they run
  std::vector<Finding>* findings = nullptr;  ///< gets those of the step

  void add(Finding::Kind kind, const std::string& text) const;
  void warn(const std::string& text) const { add(Finding::Kind::kWarning, text); }
  /// The earlier step that makes `file`, the value of an option of type file (a path into its
  /// folder, or `step:kind`); for "" the nearest one that gives `kind`. nullptr: none.
  const EarlierStep* maker(const std::string& file, const std::string& kind) const;
};

/// A step of the pipeline. Constructed from its whole section: once for validation, once to run.
/// Reads what earlier steps left on disk, so that it can be rerun alone, and leaves its own results
/// on disk.
class DENEB_API PipeStep {
 public:
  static constexpr const char* kKind = "pipe_step";
  virtual ~PipeStep();

  /// Checks that need constructed parts (networks, search spaces); throws deneb errors. Under a
  /// second, touches no disk but for reading.
  virtual void validate(const ValidationContext& context) const;
  /// For the validation of later steps; called after validate(), and only if that has found no
  /// error. The default knows nothing.
  virtual StepOutlook outlook(const ValidationContext& context) const;
  /// Kinds of artifacts that the step needs of some earlier step (`first`: there is none), beside
  /// those that its options name, and that it leaves: "policies", "weights", ... The chain is
  /// checked before anything runs.
  virtual std::vector<std::string> takes(const Registry& registry, bool first) const;
  virtual std::vector<std::string> gives(const Registry& registry) const;
  /// Must be able to start again after a kill at any time.
  virtual void run(RunContext& context) = 0;
};

}  // namespace deneb
