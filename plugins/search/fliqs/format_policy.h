#pragma once

#include <cstddef>
#include <cstdint>
#include <random>
#include <vector>

namespace deneb::fliqs {

/// A row of numbers for every decision, one for each of its options.
using Table = std::vector<std::vector<double>>;

/// Learning rate and constants of Adam (Kingma and Ba 2015), without weight decay.
struct AdamConstants {
  double lr = 5e-3, beta1 = 0.9, beta2 = 0.999, eps = 1e-8;
};

/// The policy of FLIQS (Dotzel et al. 2024, arXiv 2308.03290): a table of logits, a softmax for
/// every decision, no input and no network, trained by REINFORCE.
class FormatPolicy {
 public:
  /// `options[i]`: number of options of decision i, at least 1. All logits start at `start`.
  FormatPolicy(const std::vector<std::size_t>& options, double temperature, AdamConstants adam,
               double start = 0.5);

  Table probabilities() const;
  /// One option for every decision: uniform where `uniform`, else by the probabilities. As many
  /// numbers of `rng` as there are decisions.
  std::vector<int> sample(std::mt19937_64& rng, bool uniform) const;
  /// The loss -mean advantages[i] log p[i][choice[i]] + entropy_weight * mean H[i] and its gradient
  /// by the logits, means over decisions i.
  struct Gradient {
    double loss = 0, mean_entropy = 0;
    Table logits;
  };
  Gradient gradient(const std::vector<int>& choice, const std::vector<double>& advantages,
                    double entropy_weight) const;
  /// One step of Adam down that gradient.
  Gradient learn(const std::vector<int>& choice, const std::vector<double>& advantages,
                 double entropy_weight);

  const Table& logits() const { return logits_; }
  void set_logits(const Table& logits) { logits_ = logits; }

  /// All that is remembered, flat, for checkpoints.
  std::vector<double> state() const;
  /// Of state(); false (and no change) when it belongs to another policy.
  bool set_state(const std::vector<double>& state);

 private:
  double temperature_;
  AdamConstants adam_;
  std::int64_t steps_ = 0;
  Table logits_, mean_, square_;
};

/// Exponential average of rewards (or qualities), which is what an advantage is measured from.
class Baseline {
 public:
  explicit Baseline(double decay) : decay_(decay) {}
  /// Takes a reward in and returns its advantage over the average with it: 0 for the first.
  double advantage(double reward);
  double mean() const { return mean_; }

  std::vector<double> state() const { return {count_, mean_}; }
  bool set_state(const std::vector<double>& state);

 private:
  double decay_;
  double count_ = 0, mean_ = 0;
};

/// How far advantages spread: root of the exponential average of their mean square.
class Spread {
 public:
  explicit Spread(double decay) : decay_(decay) {}
  /// The advantages of the decisions of a step.
  void take(const std::vector<double>& advantages);
  double value() const;

  std::vector<double> state() const { return {square_, weight_}; }
  bool set_state(const std::vector<double>& state);

 private:
  double decay_;
  double square_ = 0, weight_ = 0;
};

}  // namespace deneb::fliqs
