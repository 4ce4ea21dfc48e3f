#pragma once

#include <deneb/pipeline/pipe_step.h>

#include <string>
#include <vector>

#include "pipeline/model_options.h"

namespace deneb::detail {

/// A model that a training or evaluation step works on.
struct ModelTask {
  std::int64_t id = 0;   ///< 1-based
  std::string origin;    ///< "nas/12", "uniform w4a4", "float32"
  BitPolicy policy;
  std::string weights;   ///< start weights; "" = those of the section
};

/// Models that the section names: policies of the step before (at most max_models, spread evenly
/// over the sorted costs), one policy file, uniform policies; a first step with none of these has
/// one float model. RunError when the list is empty.
std::vector<ModelTask> collect_models(const TrainStepOptions& options, const RunContext& context,
                                      const Workbench& bench);

/// Trains every model, judges it on the test split and leaves models/<id>/.
class TrainStep final : public PipeStep {
 public:
  using Options = TrainStepOptions;
  explicit TrainStep(const Options& options) : options_(options) {}

  void validate(const ValidationContext& context) const override;
  std::vector<std::string> gives() const override { return {"policies", "weights"}; }
  void run(RunContext& context) override;

 private:
  void run_model(RunContext& context, Workbench& bench, const ModelTask& task, std::size_t count);
  Options options_;
};

/// Measures trained models of an earlier step (models/<id>/) or a weights file, without training.
class EvaluateStep final : public PipeStep {
 public:
  using Options = EvaluateStepOptions;
  explicit EvaluateStep(const Options& options) : options_(options) {}

  void validate(const ValidationContext& context) const override;
  std::vector<std::string> gives() const override { return {}; }
  void run(RunContext& context) override;

 private:
  Options options_;
};

}  // namespace deneb::detail
