#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <deneb/errors.h>
#include <deneb/options/options.h>

namespace deneb {

struct LrSchedulerOptions {
  std::string type = "Constant";
  std::vector<int> milestones;
  double gamma = 0.1;
  double min_lr = 0;
  double warmup_epochs = 0;
  double warmup_lr = 0;
  bool shift = true;
  double cooldown_epochs = 0;
  double warmup_share = 0.3;
  bool per_step = true;

  template <class V>
  void visit(V& v) {
    v("type", type, "shape over the epochs",
      {"Constant", "MultiStep", "Cosine", "OneCycle", "Linear"});
    v("milestones", milestones, "MultiStep: epochs after which lr is multiplied by gamma",
      {0, 1e6});
    v("gamma", gamma, "MultiStep: factor", {0, 1});
    v("min_lr", min_lr, "Cosine, OneCycle, Linear: lr at the end", {0, 1e6});
    v("warmup_epochs", warmup_epochs, "linear rise from warmup_lr to lr first; 0 = none", {0, 1e6});
    v("warmup_lr", warmup_lr, "lr at the start of the warm-up", {0, 1e6});
    v("shift", shift,
      "Cosine: the curve begins after the warm-up; false: at epoch 0, under the warm-up (timm's "
      "default)");
    v("cooldown_epochs", cooldown_epochs, "Cosine: so many of the last epochs stay at min_lr",
      {0, 1e6});
    v("warmup_share", warmup_share, "OneCycle: share of all steps that rise from lr/25", {0, 1});
    v("per_step", per_step, "change lr at every step (false: once an epoch)");
  }
  /// What a shape would ignore is refused, but for what searches set by default (milestones,
  /// min_lr): a pipeline that changes their type need not take it back.
  void check(OptionErrors& errors) const {
    const LrSchedulerOptions other;
    const bool one_cycle = type == "OneCycle", cosine = type == "Cosine";
    const auto ignored = [&](bool changed, const char* key, const char* instead) {
      if (changed) errors.add(key, "has no effect on " + type + "; " + instead);
    };
    if (type == "MultiStep" && milestones.empty()) {
      errors.add("milestones", "is empty; name the epochs after which lr falls, or use Constant");
    }
    ignored(one_cycle && warmup_epochs != 0, "warmup_epochs", "which rises by warmup_share");
    ignored(one_cycle && warmup_lr != 0, "warmup_lr", "which rises from lr/25");
    ignored(!one_cycle && warmup_share != other.warmup_share, "warmup_share",
            "use OneCycle, or warmup_epochs");
    ignored(!cosine && !shift, "shift", "use Cosine, or remove it");
    ignored(!cosine && cooldown_epochs != 0, "cooldown_epochs", "use Cosine, or remove it");
    if (warmup_lr != 0 && warmup_epochs == 0 && !one_cycle) {
      errors.add("warmup_lr", "has no effect without warmup_epochs; set them, or remove it");
    }
  }
};

/// Learning rate before step `step` (0-based) of `total_steps`. Cosine as in SGDR without restarts
/// (Loshchilov and Hutter 2017), OneCycle as Smith and Topin 2018 with cosine annealing, lr only
/// (the momentum stays), Linear as BERT is fine-tuned (Devlin et al. 2019): a straight line from
/// the end of the warm-up to min_lr after the last step.
DENEB_API double learning_rate(const LrSchedulerOptions& schedule, double base_lr,
                               std::int64_t step, std::int64_t steps_per_epoch,
                               std::int64_t total_steps);

}  // namespace deneb
