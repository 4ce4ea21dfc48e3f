#pragma once

#include <string>

#include <deneb/train/trainer_options.h>

#include "assignment_options.h"

namespace deneb::limpq {

/// How the step sizes themselves are learned.
struct StepOptions {
  std::string update = "absolute";
  double lr_factor = 6;
  template <class V>
  void visit(V& v) {
    v("update", update,
      "absolute: by the optimizer, with LSQ's gradient scale for the whole batch (the paper's "
      "code). relative: steps are multiplied by exp(-lr u), u the running sum (trainer.optimizer."
      "momentum) of the loss's derivative by the logarithm of the step, so that they move alike in "
      "all layers and far enough in a few hundred passes",
      {"absolute", "relative"});
    v("lr_factor", lr_factor, "relative: lr as a multiple of the trainer's learning rate",
      {0, 1e6});
  }
};

/// How indicators are trained: LIMPQ's recipe (github.com/1hunters/LIMPQ, ResNet-50) by default.
struct TrainingOptions {
  TrainerOptions trainer = recipe();
  StepOptions steps;
  std::string indicator = "step";
  int mixed_passes = 1;
  bool inplace_distillation = false;
  bool freeze_weights = false;
  template <class V>
  void visit(V& v) {
    v("trainer", trainer,
      "optimizer, schedule, clipping; the step's data_loader.train_limit says how much data, its "
      "criterion what the loss is");
    v("steps", steps, "update of the step sizes");
    v("indicator", indicator,
      "step: the learned step size (the paper). noise: its square in units of the step that LSQ "
      "starts the narrowest width of the same tensor with, so that tensors of all magnitudes "
      "compare",
      {"step", "noise"});
    v("mixed_passes", mixed_passes,
      "passes per step with a random width for every layer, after one pass for each width",
      {0, 100});
    v("inplace_distillation", inplace_distillation,
      "passes after the first, of the largest width, learn its answers instead of the labels");
    v("freeze_weights", freeze_weights, "train step sizes and batch norms only");
  }

 private:
  static TrainerOptions recipe() {
    TrainerOptions o;
    o.epochs = 3;
    o.valid_interval = 0;
    o.grad_clip_value = 1;
    o.optimizer.lr = 0.01;
    o.optimizer.nesterov = true;
    o.optimizer.weight_decay = 2.5e-5;
    o.optimizer.decay_1d = false;
    o.lr_scheduler.type = "Cosine";
    o.lr_scheduler.min_lr = 1e-5;
    o.lr_scheduler.per_step = false;
    return o;
  }
};

struct LimpqOptions : searches::AssignmentOptions {
  LimpqOptions() {
    alpha = 2.0;
    erase_outliers = true;
  }
  std::string indicators;
  TrainingOptions training;
  template <class V>
  void visit(V& v) {
    v.file("indicators", indicators, "layer_scores",
           "file of learned indicators; empty = learn them first");
    v("training", training, "how to learn them");
    AssignmentOptions::visit(v);
  }
  void check(OptionErrors& errors) const {
    AssignmentOptions::check(errors);
    if (training.trainer.distillation.weight > 0) {
      errors.add("training", "has no teacher for trainer.distillation; set inplace_distillation");
    }
  }
};

}  // namespace deneb::limpq
