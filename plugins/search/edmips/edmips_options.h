#pragma once

#include <string>
#include <vector>

#include <deneb/train/trainer_options.h>

#include "assignment_options.h"
#include "target_options.h"

namespace deneb::edmips {

/// A cost in the penalty.
struct PenaltyTerm {
  std::string cost = "bitops";
  double weight = 1;
  template <class V>
  void visit(V& v) {
    v("cost", cost, "name of a cost model whose layers add up");
    v("weight", weight, "its share in the sum", {0, 1e12});
  }
  void check(OptionErrors& errors) const {
    if (cost.empty()) errors.add("cost", "is empty; name a cost model, such as bitops");
  }
};

/// EdMIPS' recipe for ImageNet by default (github.com/zhaoweicai/EdMIPS).
struct EdmipsOptions : searches::AssignmentOptions {
  std::string steps = "gaussian";
  bool share_weights = true;
  double alpha_start = 0.01;
  double alpha_lr = 0.01;
  double alpha_weight_decay = 1e-4;
  double complexity_decay = 0;
  std::string norm = "total";
  std::vector<PenaltyTerm> penalty = {PenaltyTerm()};
  searches::TargetOptions target;
  TrainerOptions trainer = recipe();
  std::string argmax = "default";
  std::string state = "last";
  std::string rounding = "likelihood";
  bool save_weights = false;

  template <class V>
  void visit(V& v) {
    v("steps", steps,
      "candidates: gaussian = fixed steps for normally distributed values (HWGQ, the paper's); lsq "
      "= a learned step size for every width, for any network and float weights",
      {"gaussian", "lsq"});
    v("share_weights", share_weights,
      "one float weight for all candidate widths of a layer; false: one for each");
    v("alpha_start", alpha_start, "architecture parameters at the start", {-100, 100});
    v("alpha_lr", alpha_lr, "learning rate of the architecture parameters, under the same schedule",
      {0, 1e6});
    v("alpha_weight_decay", alpha_weight_decay, "weight decay of the architecture parameters",
      {0, 1e3});
    v("complexity_decay", complexity_decay, "factor of the penalty on the expected cost; 0 = none",
      {0, 1e12});
    v("norm", norm,
      "unit of every cost in the penalty: its value at one bit of all searched layers, or of the "
      "first one alone (the published factors)",
      {"total", "first"});
    v("penalty", penalty, "costs in the penalty");
    v("target", target, "steer the expected cost to this value, in place of complexity_decay");
    v("trainer", trainer, "training of weights and architecture parameters together");
    v("argmax", argmax,
      "policies of the most probable widths: of the last or the best validated epoch, of both, or "
      "none; default = last, and none where there are limits (target, constraints, sweep)",
      {"default", "last", "best", "both", "none"});
    v("state", state, "epoch whose probabilities become the layer scores", {"last", "best"});
    v("rounding", rounding,
      "layer scores: likelihood = -log of the probability; mean = squared distance from the "
      "expected "
      "width, which uses the budget up where probabilities are spread",
      {"likelihood", "mean"});
    v("save_weights", save_weights, "leave the float weights of the search as artifact `weights`");
    AssignmentOptions::visit(v);
  }
  /// Is there anything that an exact assignment keeps?
  bool has_limits() const { return target.is_set() || !constraints.empty() || sweep.is_set(); }
  void check(OptionErrors& errors) const {
    if (!constraints.empty() || sweep.is_set()) AssignmentOptions::check(errors);
    if (target.is_set() && complexity_decay > 0) {
      errors.add("complexity_decay", "is given beside target, which finds it; remove one of them");
    }
    if (target.is_set() && trainer.optimizer.type != "SGD") {
      errors.add("target",
                 "can be steered to with the optimizer SGD only, not " + trainer.optimizer.type);
    }
    if (target.is_set() && alpha_lr <= 0) {
      errors.add("alpha_lr", "is 0, so that the target cannot be reached");
    }
    if (complexity_decay > 0 && penalty.empty()) {
      errors.add("penalty", "is empty; name a cost, or set complexity_decay to 0");
    }
    if (argmax == "none" && !has_limits()) {
      errors.add("argmax", "is none, and there are no constraints, sweep or target: no policy");
    }
    if (save_weights && !share_weights) {
      errors.add("save_weights", "needs share_weights: a layer has one weight for every width");
    }
    for (const auto& set : constraints) {
      if (target.is_set() && set.name == "target") {
        errors.add("constraints", "has a set named 'target', as that of `target` is");
      }
    }
  }

 private:
  static TrainerOptions recipe() {
    TrainerOptions o;
    o.epochs = 25;
    o.optimizer.lr = 0.1;
    o.optimizer.weight_decay = 1e-4;
    o.lr_scheduler.type = "MultiStep";
    o.lr_scheduler.milestones = {10, 20};
    o.lr_scheduler.per_step = false;
    return o;
  }
};

}  // namespace deneb::edmips
