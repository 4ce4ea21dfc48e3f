#pragma once

#include <deneb/pipeline/pipe_step.h>

#include <string>
#include <vector>

#include "pipeline/model_list.h"

namespace deneb::detail {

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
  StepOutlook outlook(const ValidationContext& context) const override;
  /// "policies" and "models": the step's folder; "weights": those of the first model.
  std::vector<std::string> gives(const Registry&) const override {
    return {"policies", "models", "weights"};
  }
  void run(RunContext& context) override;

 private:
  // Of the artifact that models come from where the section names no folder; "" = none.
  std::string source_kind(bool first) const;
  void try_model(RunContext& context, SectionParts& parts, const ModelTask& task,
                 std::size_t count);
  std::vector<EpochRow> train_model(RunContext& context, SectionParts& parts, const ModelTask& task,
                                    std::size_t count, const std::string& checkpoint,
                                    ResultRow* row);
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
  /// A first step without weights serves `deneb evaluate --weights` as a description; it cannot
  /// run.
  std::vector<std::string> takes(const Registry&, bool first) const override {
    const bool reads =
        !first && options_.weights.empty() && options_.pipe_step.models_folder.empty();
    return reads ? std::vector<std::string>{"models"} : std::vector<std::string>{};
  }
  void run(RunContext& context) override;

 private:
  std::string source_kind(bool first) const;
  Options options_;
};

}  // namespace deneb::detail
