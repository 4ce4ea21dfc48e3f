#include <deneb/nn/training_modes.h>

namespace deneb {

TrainingModes::TrainingModes(torch::nn::Module& root) {
  modes_.emplace_back(&root, root.is_training());
  for (const auto& module : root.modules(/*include_self=*/false)) {
    modes_.emplace_back(module.get(), module->is_training());
    kept_alive_.push_back(module);
  }
}

// In this order each call overwrites what that of the parent set.
TrainingModes::~TrainingModes() {
  for (const auto& [module, training] : modes_) module->train(training);
}

}  // namespace deneb
