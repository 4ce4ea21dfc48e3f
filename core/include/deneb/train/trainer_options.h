#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <deneb/errors.h>
#include <deneb/options/options.h>
#include <deneb/train/learning_rate.h>

namespace deneb {

/// Parameters with a learning rate or decay of their own.
struct ParameterGroup {
  std::string match;
  double lr_factor = 1;
  std::optional<double> weight_decay;
  std::optional<double> lr;

  template <class V>
  void visit(V& v) {
    v("match", match, "glob over parameter names: fc.*, *_quantizer.scale");
    v("lr_factor", lr_factor, "times the learning rate", {0, 1e6});
    v("weight_decay", weight_decay,
      "in place of the optimizer's, for parameters of one dimension too", {0, 1e3});
    v("lr", lr, "base learning rate in place of the optimizer's; the schedule starts from it",
      {0, 1e6});
  }
  void check(OptionErrors& errors) const {
    if (match.empty()) errors.add("match", "is empty; name parameters, such as fc.*");
  }
};

struct OptimizerOptions {
  std::string type = "SGD";
  double lr = 0.1;
  double momentum = 0.9;
  bool nesterov = false;
  double weight_decay = 1e-4;
  bool decay_1d = true;
  std::vector<double> betas = {0.9, 0.999};
  double eps = 1e-8;
  std::vector<ParameterGroup> groups;

  template <class V>
  void visit(V& v) {
    v("type", type, "rule of the update", {"SGD", "Adam", "AdamW"});
    v("lr", lr, "base learning rate", {0, 1e6});
    v("momentum", momentum, "SGD", {0, 1});
    v("nesterov", nesterov, "SGD: Nesterov momentum");
    v("weight_decay", weight_decay, "L2 penalty (AdamW: decoupled)", {0, 1e3});
    v("decay_1d", decay_1d,
      "decay what is no weight, too: biases, norms, and all that quantizers learn (step sizes, "
      "clip "
      "values, rounding)");
    v("betas", betas, "Adam, AdamW: decay rates of the two moments", {0, 1});
    v("eps", eps, "Adam, AdamW: added to the denominator", {0, 1});
    v("groups", groups,
      "parameters with rates of their own, by name; of several groups that match, the last counts");
  }
  void check(OptionErrors& errors) const {
    if (betas.size() != 2) errors.add("betas", "needs exactly two numbers, such as [0.9, 0.999]");
    for (const double beta : betas) {
      if (beta == 1) errors.add("betas", "has a 1, by which Adam divides by 0; stay below 1");
    }
    if (nesterov && momentum == 0) errors.add("nesterov", "needs momentum > 0");
  }
};

/// Learning from a teacher network beside the labels (Hinton et al. 2015, arXiv 1503.02531):
/// loss = (1 - weight) criterion + weight T^2 KL(teacher / T || student / T), over the classes,
/// averaged over the samples or tokens that the criterion counts.
struct DistillationOptions {
  double weight = 0;
  double temperature = 4;
  std::string average = "samples";

  template <class V>
  void visit(V& v) {
    v("weight", weight, "share of the teacher's answers in the loss; 0 = labels only", {0, 1});
    v("temperature", temperature, "T: larger shows more of the classes that come second",
      {0.1, 100});
    v("average", average,
      "of the divergence: over samples or tokens; or over all their classes as well, which divides "
      "it by the number of classes (HAWQ-V3's code)",
      {"samples", "elements"});
  }
};

/// Options of the training loop: of the trainer `Trainer`, and of searches that drive the loop.
struct TrainerOptions {
  int epochs = 1;
  std::int64_t max_steps = 0;
  OptimizerOptions optimizer;
  LrSchedulerOptions lr_scheduler;
  DistillationOptions distillation;
  double grad_clip_norm = 0;
  double grad_clip_value = 0;
  double ema_decay = 0;
  int valid_interval = 1;
  std::string keep = "last";
  int batch_norm_recalibration = 0;
  bool fold_batch_norms = false;
  std::string precision = "float32";
  bool channels_last = true;
  int checkpoint_seconds = 120;

  template <class V>
  void visit(V& v) {
    v("epochs", epochs, "passes over the training split; 0 = no training", {0, 1e6});
    v("max_steps", max_steps, "end after so many steps in all; 0 = no limit", {0, 1e12});
    v("optimizer", optimizer, "update rule");
    v("lr_scheduler", lr_scheduler, "learning rate over time");
    v("distillation", distillation,
      "learn from the float network that the section's start weights make, too");
    v("grad_clip_norm", grad_clip_norm, "largest norm of all gradients together; 0 = off",
      {0, 1e12});
    v("grad_clip_value", grad_clip_value, "largest magnitude of a gradient element; 0 = off",
      {0, 1e12});
    v("ema_decay", ema_decay, "evaluate and keep a moving average of the weights; 0 = off", {0, 1});
    v("valid_interval", valid_interval, "epochs between validations; 0 = never", {0, 1e6});
    v("keep", keep, "which weights: those of the last epoch, or of the best validation",
      {"last", "best"});
    v("batch_norm_recalibration", batch_norm_recalibration,
      "training batches that estimate batch-norm statistics anew before every validation and after "
      "training; 0 = off",
      {0, 1e6});
    v("fold_batch_norms", fold_batch_norms,
      "batch norms become part of the convolutions before them, with the statistics of the start "
      "weights, and are trained as their weights and biases: what is quantized is what is "
      "deployed");
    v("precision", precision,
      "of convolutions and products in training: bf16 computes them in bfloat16 (autocast), keeps "
      "float32 weights and gains on processors with bfloat16 instructions only; evaluation is "
      "float32",
      {"float32", "bf16"});
    v("channels_last", channels_last, "memory layout of images and convolution weights");
    v("checkpoint_seconds", checkpoint_seconds, "also write a checkpoint so often within an epoch",
      {1, 1e6});
  }
  void check(OptionErrors& errors) const {
    if (keep == "best" && valid_interval == 0) {
      errors.add("keep", "\"best\" needs validations; set valid_interval to 1 or more");
    }
  }
};

}  // namespace deneb
