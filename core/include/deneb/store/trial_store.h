#pragma once

#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include <deneb/errors.h>

namespace deneb {

/// What a step has cost, in all its runs together: one that is resumed goes on counting.
struct StepWork {
  double seconds = 0;                   ///< in which it ran
  std::int64_t training_samples = 0;    ///< drawn in training order (data/sample_counts.h), in
  std::int64_t evaluation_samples = 0;  ///< worker processes too; in fixed order
};

/// A step of the pipeline as the store knows it.
struct StepRow {
  std::string name;               ///< "nas", "fully_train"
  std::string type;               ///< "SearchPipeStep"
  std::string status;             ///< "running", "finished", "failed", "interrupted"
  std::string started, finished;  ///< UTC, ISO 8601; "" = not yet
  std::string message;
  /// Facts for reports: {"objectives": [{"name","direction"}], "network": {...layers...},
  /// "algorithm": ..., "dataset": ..., "inputs": {kind of artifact: earlier step that a search got
  /// it from without naming the step}, "figures": [to_json(Figure), ...], "heat_maps":
  /// [to_json(HeatMap), ...], "reference_costs": {"float32": {cost: value, ...}, "uniform w8a8":
  /// {...}, ...}, "cache": {"answered": trials}, "marks": {"12": "knee"}}; written by the step,
  /// read by reports.
  nlohmann::ordered_json info = nlohmann::ordered_json::object();
  std::optional<StepWork> work;  ///< nothing where none was recorded
};

/// A trial of a search, or a model of a training step.
struct ResultRow {
  std::string step;
  std::int64_t id = 0;  ///< 1-based within the step, in the order of requests
  std::string status;   ///< "running", "finished", "failed", "timeout", "rejected"
  std::uint64_t seed = 0;
  std::string origin;       ///< where it came from: "random", "generation 3", "nas/12"
  std::string encoding;     ///< widths on one line: BitPolicy::text()
  std::string fingerprint;  ///< BitPolicy::fingerprint()
  nlohmann::ordered_json policy = nlohmann::ordered_json::array();    ///< BitPolicy::to_json()
  nlohmann::ordered_json metrics = nlohmann::ordered_json::object();  ///< name -> number
  std::string message;  ///< error text of a failed trial
  double seconds = 0;   ///< run time; 0 for a policy that a search found without trying it
  bool front = false;   ///< member of the result: the Pareto front, or else what was asked for
  int attempts = 0;     ///< how often it was begun (kill -9 and resume begins it again)
};

/// One epoch of a trial or model.
struct EpochRow {
  std::string step;
  std::int64_t trial = 0;
  std::int64_t epoch = 0;  ///< 1-based
  double lr = 0, train_loss = 0, seconds = 0;
  double penalty = 0;  ///< part of train_loss that a search added to the task's loss
  nlohmann::ordered_json metrics = nlohmann::ordered_json::object();  ///< validation; may be empty
};

/// The record of a task: one SQLite file in WAL mode. A trial is in it or is not, also after
/// kill -9: every write is one transaction. One writer process; readers (`deneb report`) may look
/// on. Calls are serialised by a mutex. Errors: RunError with the file and SQLite's reason (disk
/// full, written by a newer Deneb), DataError for a damaged file or one that is no database.
class DENEB_API TrialStore {
 public:
  enum class Mode { kReadWrite, kReadOnly };
  explicit TrialStore(const std::string& path, Mode mode = Mode::kReadWrite);
  ~TrialStore();
  TrialStore(const TrialStore&) = delete;
  TrialStore& operator=(const TrialStore&) = delete;

  /// Inserts the step as "running", or sets an existing one to "running" again.
  void begin_step(const std::string& name, const std::string& type);
  void set_step_info(const std::string& name, const nlohmann::ordered_json& info);
  /// Adds to what is recorded.
  void add_work(const std::string& name, const StepWork& work);
  void finish_step(const std::string& name, const std::string& status, const std::string& message);
  std::optional<StepRow> step(const std::string& name) const;
  std::vector<StepRow> steps() const;  ///< in the order of their first begin
  /// Removes the step with its trials and epochs (for `--from STEP`).
  void erase_step(const std::string& name);
  /// Trials that failed or were out of time are to be done again, as if they had been stopped, and
  /// so is a finished step that has some. Returns how many.
  std::int64_t retry_failed(const std::string& step);
  /// The lowest id that retry_failed() has met in the step, 0 = none. What that trial gave then may
  /// have led a search elsewhere, so that trials of higher ids may be of other policies now.
  std::int64_t retried_from(const std::string& step) const;

  /// Inserts as "running" with attempts 1, or counts one more attempt of an unfinished trial.
  void begin_trial(const ResultRow& trial);
  /// Stores status, metrics, message and seconds; RunError when it is finished already.
  void finish_trial(const ResultRow& trial);
  std::optional<ResultRow> trial(const std::string& step, std::int64_t id) const;
  /// Removes the trials of a step from this id on, with their epochs. Returns how many.
  std::int64_t erase_trials(const std::string& step, std::int64_t first);
  /// Whose policies trials() fetches; other rows get an empty list. Most of the time goes there.
  enum class Policies { kAll, kFront };
  std::vector<ResultRow> trials(const std::string& step,
                                Policies policies = Policies::kAll) const;  ///< by id
  /// Sets `front` for exactly these ids.
  void mark_front(const std::string& step, const std::vector<std::int64_t>& ids);

  /// Inserts or replaces the epochs of a trial.
  void set_epochs(const std::string& step, std::int64_t trial, const std::vector<EpochRow>& epochs);
  std::vector<EpochRow> epochs(const std::string& step, std::int64_t trial) const;

  /// A line of the task's history.
  void add_event(const std::string& step, const std::string& level, const std::string& text);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace deneb
