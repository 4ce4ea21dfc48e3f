#pragma once

#include <string>

#include <deneb/train/trainer_options.h>

#include "assignment_options.h"
#include "target_options.h"

namespace deneb::fliqs {

/// Reward of a sampled policy.
struct RewardOptions {
  std::string form = "tunas_abs";
  double beta = 1;
  bool raw_beta = false;
  std::string quality = "train_loss";
  template <class V>
  void visit(V& v) {
    v("form", form,
      "with quality q and rho = cost / target: q - beta |1 - rho|; q - beta (max(1, rho) - 1); q "
      "rho^beta; q max(1, rho)^beta",
      {"tunas_abs", "one_sided_tunas_abs", "soft_exponential", "hard_exponential"});
    v("beta", beta, "weight of the cost", {-1e6, 1e6});
    v("raw_beta", raw_beta,
      "take beta as it is; else the size of beta, with the sign that punishes cost (a published "
      "-0.07 for accuracies and 0.07 mean the same)");
    v("quality", quality,
      "losses count with their sign turned; valid: of a batch of the validation split, other than "
      "the weights learn from",
      {"train_loss", "train_accuracy", "valid_loss", "valid_accuracy"});
  }
  bool on_validation() const { return quality.rfind("valid", 0) == 0; }
  bool is_loss() const { return quality.find("loss") != std::string::npos; }
  void check(OptionErrors& errors) const {
    if (raw_beta && beta < 0 && form.find("tunas") != std::string::npos) {
      errors.add("beta", "is negative, which rewards what misses the target; turn its sign");
    }
  }
};

/// What makes the policy decide.
struct EntropyOptions {
  double weight = 0.1;
  std::string scale = "spread";
  std::string schedule = "cosine";
  template <class V>
  void visit(V& v) {
    v("weight", weight, "of the entropy in the policy's loss, at the end of the schedule",
      {0, 1e6});
    v("scale", scale,
      "spread: the weight counts in units of the running spread of the advantages, so that it fits "
      "any reward; fixed: as it is (the open code's 0.5 decides at once, for what came first)",
      {"spread", "fixed"});
    v("schedule", schedule, "from 0 at the end of the delay to all of it at the end",
      {"cosine", "linear", "constant", "heaviside"});
  }
};

struct PolicyOptions {
  double lr = 5e-3;
  double temperature = 1;
  std::string baseline = "reward";
  double baseline_decay = 0.99;
  double delay = 0.1;
  EntropyOptions entropy;
  template <class V>
  void visit(V& v) {
    v("lr", lr, "learning rate of the logits (Adam), which move by about that in a step", {0, 1e6});
    v("temperature", temperature, "the logits are divided by it", {1e-6, 1e6});
    v("baseline", baseline,
      "what a reward is compared with. reward: the running mean of rewards (the paper). decision: "
      "for every decision the reward at the running mean of the quality and at the policy's cost "
      "with this decision averaged out, so that the cost of the others, which is most of the "
      "noise, does not count as its merit",
      {"reward", "decision"});
    v("baseline_decay", baseline_decay, "of the running means of rewards and qualities",
      {0, 0.999999});
    v("delay", delay,
      "share of all steps at the beginning in which policies are uniformly random and the weights "
      "alone learn",
      {0, 1});
    v("entropy", entropy, "what makes the policy decide");
  }
};

struct FliqsOptions : searches::AssignmentOptions {
  searches::TargetOptions target;
  RewardOptions reward;
  PolicyOptions policy;
  TrainerOptions trainer = recipe();
  int batch_norm_recalibration = 50;
  int probes = 20;
  std::string rounding = "likelihood";
  bool argmax = true;

  template <class V>
  void visit(V& v) {
    v("target", target, "the cost that rewards compare with");
    v("reward", reward, "what a sampled policy earns");
    v("policy", policy, "how the probabilities of the formats learn");
    v("trainer", trainer, "training of the weights, which all policies share");
    v("batch_norm_recalibration", batch_norm_recalibration,
      "training batches that estimate the batch norms of what was found anew, since those of the "
      "search mix all policies; 0 = off",
      {0, 1e6});
    v("probes", probes,
      "how often the search compares the most probable policy, a sampled one and uniform ones on "
      "one batch, for the report; 0 = never",
      {0, 1000});
    v("rounding", rounding,
      "layer scores: likelihood = -log of the probability; mean = squared distance from the "
      "expected width",
      {"likelihood", "mean"});
    v("argmax", argmax,
      "also the most probable policy, as the paper has it, which may miss the target; left out "
      "where it is one of those within limits");
    AssignmentOptions::visit(v);
  }
  void check(OptionErrors& errors) const {
    if (!constraints.empty() || sweep.is_set()) AssignmentOptions::check(errors);
    if (!target.is_set()) {
      errors.add("target",
                 "is missing; rewards need a cost and a budget, such as {\"cost\": "
                 "\"bitops\", \"weight_bits\": 4, \"activation_bits\": 4}");
    }
    for (const auto& set : constraints) {
      if (set.name == "target" || set.name == "argmax") {
        errors.add("constraints", "has a set named '" + set.name + "', as one of the search's own");
      }
    }
  }

 private:
  static TrainerOptions recipe() {
    TrainerOptions o;
    o.epochs = 3;
    o.optimizer.type = "AdamW";
    o.optimizer.lr = 5e-5;
    o.optimizer.weight_decay = 0;
    o.lr_scheduler.type = "Linear";
    return o;
  }
};

}  // namespace deneb::fliqs
