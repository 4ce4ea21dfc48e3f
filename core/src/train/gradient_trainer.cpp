#include "train/gradient_trainer.h"

#include "train/optimizer.h"

namespace deneb::detail {

FitResult GradientTrainer::fit(Network& network, const DataLoader& data,
                               const FitRequest& request) const {
  return TrainingLoop(options_).fit(network, data, request);
}

void GradientTrainer::check(const TrainerSetting& setting) const {
  if (options_.keep == "best" && !setting.validation) {
    throw ConfigError(
        "trainer.keep: \"best\" needs validation samples, but data_loader.train_portion is 1; "
        "lower it or keep the last");
  }
  if (options_.distillation.weight > 0 && !setting.start_weights) {
    throw ConfigError(
        "trainer.distillation: the teacher is the float network of `weights`, which is not set; "
        "set weights, or distillation.weight to 0");
  }
  if (options_.fold_batch_norms && !setting.start_weights) {
    throw ConfigError(
        "trainer.fold_batch_norms: batch norms without statistics cannot be folded, and `weights` "
        "is not set; set weights, or fold_batch_norms to false");
  }
  if (options_.optimizer.groups.empty() || !setting.for_each_network || !trains()) return;
  setting.for_each_network([&](Network& network) {
    std::vector<std::string> names;
    for (const auto& item : network.named_parameters()) names.push_back(item.key());
    check_groups(options_.optimizer, names);
  });
}

}  // namespace deneb::detail
