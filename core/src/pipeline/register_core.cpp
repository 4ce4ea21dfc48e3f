#include <deneb/pipeline/pipeline.h>

#include <utility>

#include "pipeline/search_step.h"
#include "pipeline/train_step.h"

namespace deneb {

void register_core(Registry& registry) {
  struct Collector final : Registrar {
    explicit Collector(Registry& r) : registry(r) {}
    void add_entry(RegistryEntry entry) override {
      entry.plugin = "core";
      registry.add_entry(std::move(entry));
    }
    Registry& registry;
  } registrar(registry);
  registrar.add<PipeStep, detail::SearchStep>("SearchPipeStep", "runs a search, leaves policies");
  registrar.add<PipeStep, detail::TrainStep>(
      "TrainPipeStep", "trains policies of the step before, leaves weights and test metrics");
  registrar.add<PipeStep, detail::EvaluateStep>("EvaluatePipeStep",
                                                "measures trained models on the test split");
}

}  // namespace deneb
