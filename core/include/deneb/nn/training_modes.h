#pragma once

#include <torch/nn/module.h>

#include <memory>
#include <utility>
#include <vector>

#include <deneb/errors.h>

namespace deneb {

/// Remembers which modules are in training mode and puts each of them back at the end, whatever
/// train() and eval() did meanwhile: a batch norm that was frozen on purpose stays frozen.
class DENEB_API TrainingModes {
 public:
  explicit TrainingModes(torch::nn::Module& root);
  ~TrainingModes();
  TrainingModes(const TrainingModes&) = delete;
  TrainingModes& operator=(const TrainingModes&) = delete;

 private:
  std::vector<std::pair<torch::nn::Module*, bool>> modes_;      // a module before those inside it
  std::vector<std::shared_ptr<torch::nn::Module>> kept_alive_;  // all but the root
};

}  // namespace deneb
