#pragma once

#include <c10/core/Device.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include <deneb/errors.h>
#include <deneb/io/artifact.h>
#include <deneb/options/options.h>
#include <deneb/quant/cost_model.h>
#include <deneb/quant/policy.h>
#include <deneb/quant/quantizer_role.h>
#include <deneb/search/figure.h>
#include <deneb/search/pareto.h>
#include <deneb/search/search_space.h>
#include <deneb/train/metrics.h>

namespace deneb {

// Searches that call these include their headers; the others need none of LibTorch's.
class BatchStream;
class Criterion;
class DataLoader;
class Evaluator;
class Network;
class Quantizer;

/// A policy to be tried, and where it came from (for reports): "random", "generation 3".
struct TrialRequest {
  BitPolicy policy;
  std::string origin;
};

/// What became of it.
struct TrialResult {
  std::int64_t id = 0;    ///< 1-based; a repeated policy gets the id of its first trial
  bool ok = false;        ///< false: failed, timed out or rejected; metrics hold only the costs
  bool repeated = false;  ///< answered from the record, cost no trial
  std::string message;    ///< why it failed
  std::map<std::string, double> metrics;  ///< evaluator's metrics and all costs, by name
};

/// A policy that a search puts forward.
struct Candidate {
  std::string name;  ///< file name of the policy: "12", "w3a4_cr12.2"
  BitPolicy policy;
  std::map<std::string, double> metrics;
  std::int64_t trial = 0;  ///< 0 = never tried; it gets a record with these metrics then
  std::string weights;     ///< path of weights to start training from; "" = none
  std::string mark = {};   ///< shown beside it in reports: "knee"; one or two words, may be empty
};

struct SearchResult {
  std::vector<Candidate> candidates;  ///< for later steps, in the order of preference
  std::vector<Objective> objectives;  ///< for reports; may be empty
  std::string failure = {};  ///< what could not be found; the step keeps the candidates, then fails
  std::vector<Figure> figures = {};     ///< shown in the report, in this order
  std::vector<HeatMap> heat_maps = {};  ///< likewise, after the figures
  /// One of every kind of SearchAlgorithm::gives() but "policies", which are the candidates.
  std::vector<Artifact> artifacts = {};
};

/// One of the step's `limits`.
struct Limit {
  std::string cost;  ///< name of the cost model
  double most = 0;   ///< largest value that a policy may take
};

/// What a search knows before anything runs. References live as long as the object.
class DENEB_API SearchSetup {
 public:
  virtual ~SearchSetup();

  virtual const SearchSpace& space() const = 0;  ///< space().network(): the layer facts
  /// Everything that a trial's result holds: the evaluator's metrics, then all costs.
  virtual std::vector<Objective> measures() const = 0;
  /// All costs of a policy by name: "bitops", "size", "flops", "params", ... No training.
  virtual std::map<std::string, double> costs(const BitPolicy& policy) const = 0;
  /// The cost model of that name; ConfigError lists the known ones.
  virtual const CostModel& cost_model(const std::string& name) const = 0;
  /// The step's `limits` in its order, for searches that aim at them; empty = none.
  virtual std::vector<Limit> limits() const = 0;
  /// False when the policy breaks one of limits(); searches resample.
  virtual bool within_limits(const BitPolicy& policy) const = 0;
  /// Does the step name start weights? The default says yes.
  virtual bool has_weights() const;
};

/// What a search sees of the run. Implemented by the pipeline; tests use an analytic one. Methods
/// are called from the thread that runs the search.
class DENEB_API SearchContext : public SearchSetup {
 public:
  ~SearchContext() override;

  /// Builds, trains and validates each policy as the step says, several at once when there are
  /// workers; results in the order of requests. A policy that was tried before (in this run or
  /// before a resume) is answered from the record. Never throws for a failed trial; RunError after
  /// too many; Interrupted when a stop was asked for.
  virtual std::vector<TrialResult> evaluate(const std::vector<TrialRequest>& requests) = 0;
  /// The evaluator's metrics of the float network that the step's weights make, on the samples that
  /// trials are measured on; empty when the step has no weights. Measured at every call.
  virtual std::map<std::string, double> float_metrics() = 0;
  /// What trials of this step are made of and with, for artifacts that outlive the task: objects
  /// "network", "dataset" and "trainer" (their "type" and options) and "quantizer",
  /// "calibration_samples", "evaluated_on" (the split), "samples" (their number there), "seed", and
  /// "weights_sha256" if the weights are one file.
  virtual nlohmann::ordered_json provenance() = 0;

  /// Generator of a named branch of the step's RNG tree; the same label gives the same numbers in
  /// every run with the same seed. A search that draws from these alone is resumed by replay:
  /// run() starts over and evaluate() answers from the record.
  virtual std::mt19937_64 rng(const std::string& label) const = 0;
  virtual std::uint64_t seed(const std::string& label) const = 0;

  /// For searches that train themselves: a fresh network with the step's start weights, the data,
  /// the loss to minimize, the evaluator, the device, and the folder for their own artifacts and
  /// checkpoints.
  virtual std::shared_ptr<Network> make_network() = 0;
  /// A quantizer by its registered name, for apply_policy(); ConfigError as for pipeline files.
  virtual std::shared_ptr<Quantizer> make_quantizer(const PluginSpec& spec) = 0;
  /// The step's own method for a format, not attached yet.
  virtual std::shared_ptr<Quantizer> make_quantizer(QuantizerRole role, const Format& format) = 0;
  /// The training batches that set fixed ranges (`quantizer.calibration_batches`), always the same.
  virtual std::unique_ptr<BatchStream> calibration_data() = 0;
  virtual const DataLoader& data() = 0;
  virtual const Criterion& criterion() const = 0;
  virtual const Evaluator& evaluator() const = 0;
  virtual c10::Device device() const = 0;
  virtual std::string artifact_path(const std::string& file) const = 0;
  /// Path of the artifact of that kind that the nearest earlier step left which gives it; RunError
  /// when there is none.
  virtual std::string input(const std::string& kind) const = 0;

  /// Work for several threads: task(i) is called once for every i < tasks, by `general.workers`
  /// threads that each keep LibTorch to `general.threads_per_worker`. make_worker() is called for
  /// each of them beforehand, one after the other, and returns its task function, so that every
  /// thread can have a network of its own. Tasks begin in the order of i. The first exception ends
  /// the others after their current task and is thrown; Interrupted when a stop was asked for. Of
  /// this context tasks may call progress() alone, one at a time.
  using Task = std::function<void(std::size_t)>;
  virtual void in_parallel(std::size_t tasks, const std::function<Task()>& make_worker) = 0;

  virtual void progress(std::int64_t done, std::int64_t total, const std::string& text) = 0;
  virtual void log(const std::string& text) = 0;
};

/// The measure of that name; ConfigError that begins with `where` and lists the known ones.
DENEB_API Objective find_measure(const std::vector<Objective>& measures, const std::string& name,
                                 const std::string& where);

/// A search. Errors: ConfigError for options that do not fit the space, RunError otherwise.
class DENEB_API SearchAlgorithm {
 public:
  static constexpr const char* kKind = "search_algorithm";
  virtual ~SearchAlgorithm();
  /// Checks before anything runs that the options fit the space and name known measures;
  /// ConfigError. The default accepts all. Artifacts of earlier steps are not there yet.
  virtual void validate(const SearchSetup& setup) const;
  /// Kinds of artifacts that some earlier step has to leave, beside those that options of type file
  /// name; read with SearchContext::input(). Default: none.
  virtual std::vector<std::string> takes() const;
  /// Kinds that run() leaves. Default: "policies". A search that does not list it gives no
  /// policies: its candidates are only recorded.
  virtual std::vector<std::string> gives() const;
  /// Why run() needs trained start weights, to go on "LIMPQ ..." with: "learns how much layers
  /// matter from the start weights". Without them users are warned. Default: "", it does not.
  virtual std::string needs_weights() const;
  virtual SearchResult run(SearchContext& context) = 0;
};

}  // namespace deneb
