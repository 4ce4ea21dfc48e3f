#pragma once

#include <deneb/pipeline/pipe_step.h>

#include <string>
#include <vector>

#include "pipeline/model_options.h"

namespace deneb::detail {

/// A model that a training or evaluation step works on.
struct ModelTask {
  std::int64_t id = 0;  ///< 1-based
  std::string origin;   ///< "nas/12", "uniform w4a4", "nas/12, uniform w4a4", "float32"
  BitPolicy policy;
  std::string weights;  ///< start weights; "" = those of the section
};

/// Models that the section names: the artifact `kind` ("policies" or "models") of the nearest
/// earlier step that left one (at most max_models, spread evenly over the sorted costs), one policy
/// file, uniform policies; a first step with none of these has one float model. RunError when the
/// list is empty.
std::vector<ModelTask> collect_models(const TrainStepOptions& options, const RunContext& context,
                                      const Workbench& bench, const std::string& kind);

/// ConfigError for a format of the first or last layer that is none.
BitPolicy baseline_policy(const UniformOptions& options, const NetworkInfo& network);

/// Trains every model, judges it on the test split and leaves models/<id>/. A model that fails is
/// recorded and left out; the step fails with the last one or after more than max_failures.
class TrainStep final : public PipeStep {
 public:
  using Options = TrainStepOptions;
  explicit TrainStep(const Options& options) : options_(options) {}

  void validate(const ValidationContext& context) const override;
  std::vector<std::string> takes(const Registry&, bool first) const override {
    const bool reads = !first && options_.pipe_step.models_folder.empty();
    return reads ? std::vector<std::string>{"policies"} : std::vector<std::string>{};
  }
  /// "policies" and "models": the step's folder; "weights": those of the first model.
  std::vector<std::string> gives(const Registry&) const override {
    return {"policies", "models", "weights"};
  }
  void run(RunContext& context) override;

 private:
  void try_model(RunContext& context, Workbench& bench, const ModelTask& task, std::size_t count);
  std::vector<EpochRow> train_model(RunContext& context, Workbench& bench, const ModelTask& task,
                                    std::size_t count, const std::string& checkpoint,
                                    TrialRow* row);
  void count_failure(const RunContext& context, const std::string& message);
  Options options_;
  int failures_ = 0;
};

/// Measures trained models of an earlier step (models/<id>/) or a weights file, without training.
class EvaluateStep final : public PipeStep {
 public:
  using Options = EvaluateStepOptions;
  explicit EvaluateStep(const Options& options) : options_(options) {}

  void validate(const ValidationContext& context) const override;
  /// A first step without weights serves `deneb evaluate --weights` as a description.
  std::vector<std::string> takes(const Registry&, bool first) const override {
    const bool reads =
        !first && options_.weights.empty() && options_.pipe_step.models_folder.empty();
    return reads ? std::vector<std::string>{"models"} : std::vector<std::string>{};
  }
  void run(RunContext& context) override;

 private:
  Options options_;
};

}  // namespace deneb::detail
