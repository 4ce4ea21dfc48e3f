#include <deneb/pipeline/pipeline.h>
#include <deneb/train/cross_entropy.h>

#include "pipeline/search_step.h"
#include "pipeline/train_step.h"
#include "train/gradient_trainer.h"

namespace deneb {

void register_core(Registry& registry) {
  registry.add_plugin("core", [](Registrar& registrar) {
    registrar.add<PipeStep, detail::SearchStep>("SearchPipeStep", "runs a search, leaves policies");
    registrar.add<PipeStep, detail::TrainStep>(
        "TrainPipeStep", "trains policies of an earlier step, leaves weights and test metrics");
    registrar.add<PipeStep, detail::EvaluateStep>("EvaluatePipeStep",
                                                  "measures trained models on the test split");
    registrar.add<Trainer, detail::GradientTrainer>(
        "Trainer", "gradient descent over epochs, with schedules, distillation and checkpoints");
    registrar.add<Criterion, CrossEntropy>("CrossEntropy",
                                           "cross-entropy of labels, of samples or token by token");
  });
}

}  // namespace deneb
