#pragma once

#include <deneb/train/trainer.h>
#include <deneb/train/training_loop.h>

namespace deneb::detail {

/// The plugin `Trainer`: the training loop behind the interface.
class GradientTrainer final : public Trainer {
 public:
  using Options = TrainerOptions;
  explicit GradientTrainer(const Options& options) : options_(options) {}

  FitResult fit(Network& network, const DataLoader& data, const FitRequest& request) const override;
  bool trains() const override { return options_.epochs > 0; }
  bool wants_teacher() const override { return options_.distillation.weight > 0; }
  bool wants_folded_batch_norms() const override { return options_.fold_batch_norms; }
  void check(const TrainerSetting& setting) const override;
  std::string extent() const override { return std::to_string(options_.epochs) + " epoch(s)"; }

 private:
  Options options_;
};

}  // namespace deneb::detail
