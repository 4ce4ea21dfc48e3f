#include "format_policy.h"

#include <algorithm>
#include <cmath>

#include <deneb/random.h>

namespace deneb::fliqs {
namespace {

// Below it a probability counts as this: its logarithm stays finite.
constexpr double kLeastProbability = 1e-8;

std::vector<double> softmax(const std::vector<double>& logits, double temperature) {
  const double top = *std::max_element(logits.begin(), logits.end());
  std::vector<double> p;
  double sum = 0;
  for (const double l : logits) {
    p.push_back(std::exp((l - top) / temperature));
    sum += p.back();
  }
  double clamped = 0;
  for (double& v : p) {
    v = std::max(v / sum, kLeastProbability);
    clamped += v;
  }
  for (double& v : p) v /= clamped;
  return p;
}

Table zeros_like(const Table& table) {
  Table zeros = table;
  for (auto& row : zeros) std::fill(row.begin(), row.end(), 0.0);
  return zeros;
}

}  // namespace

FormatPolicy::FormatPolicy(const std::vector<std::size_t>& options, double temperature,
                           AdamConstants adam, double start)
    : temperature_(temperature), adam_(adam) {
  for (const std::size_t n : options) logits_.emplace_back(n, start);
  mean_ = square_ = zeros_like(logits_);
}

Table FormatPolicy::probabilities() const {
  Table p;
  for (const auto& row : logits_) p.push_back(softmax(row, temperature_));
  return p;
}

std::vector<int> FormatPolicy::sample(std::mt19937_64& rng, bool uniform) const {
  std::vector<int> choice;
  for (const auto& row : logits_) {
    const double drawn = uniform_real(rng);
    if (uniform) {
      choice.push_back(int(drawn * double(row.size())));
      continue;
    }
    const std::vector<double> p = softmax(row, temperature_);
    std::size_t option = 0;
    double below = p[0];
    while (option + 1 < p.size() && drawn >= below) below += p[++option];
    choice.push_back(int(option));
  }
  return choice;
}

FormatPolicy::Gradient FormatPolicy::gradient(const std::vector<int>& choice,
                                              const std::vector<double>& advantages,
                                              double entropy_weight) const {
  Gradient result;
  const double decisions = double(logits_.size());
  for (std::size_t i = 0; i < logits_.size(); ++i) {
    const std::vector<double> p = softmax(logits_[i], temperature_);
    double entropy = 0;
    for (const double v : p) entropy -= v * std::log(v);
    const auto taken = std::size_t(choice[i]);
    result.loss -= advantages[i] * std::log(p[taken]) / decisions;
    result.mean_entropy += entropy / decisions;
    std::vector<double> row;
    for (std::size_t j = 0; j < p.size(); ++j) {
      const double likelihood = (j == taken ? 1 : 0) - p[j];
      row.push_back(
          -(advantages[i] * likelihood + entropy_weight * p[j] * (std::log(p[j]) + entropy)) /
          (decisions * temperature_));
    }
    result.logits.push_back(std::move(row));
  }
  result.loss += entropy_weight * result.mean_entropy;
  return result;
}

FormatPolicy::Gradient FormatPolicy::learn(const std::vector<int>& choice,
                                           const std::vector<double>& advantages,
                                           double entropy_weight) {
  Gradient result = gradient(choice, advantages, entropy_weight);
  ++steps_;
  const double first = 1 - std::pow(adam_.beta1, double(steps_));
  const double second = 1 - std::pow(adam_.beta2, double(steps_));
  for (std::size_t i = 0; i < logits_.size(); ++i) {
    for (std::size_t j = 0; j < logits_[i].size(); ++j) {
      const double g = result.logits[i][j];
      mean_[i][j] = adam_.beta1 * mean_[i][j] + (1 - adam_.beta1) * g;
      square_[i][j] = adam_.beta2 * square_[i][j] + (1 - adam_.beta2) * g * g;
      logits_[i][j] -=
          adam_.lr * (mean_[i][j] / first) / (std::sqrt(square_[i][j] / second) + adam_.eps);
    }
  }
  return result;
}

std::vector<double> FormatPolicy::state() const {
  std::vector<double> flat = {double(steps_)};
  for (const Table* table : {&logits_, &mean_, &square_}) {
    for (const auto& row : *table) flat.insert(flat.end(), row.begin(), row.end());
  }
  return flat;
}

bool FormatPolicy::set_state(const std::vector<double>& state) {
  if (state.size() != this->state().size()) return false;
  auto at = state.begin();
  steps_ = std::int64_t(*at++);
  for (Table* table : {&logits_, &mean_, &square_}) {
    for (auto& row : *table) {
      for (double& value : row) value = *at++;
    }
  }
  return true;
}

double Baseline::advantage(double reward) {
  mean_ = count_ == 0 ? reward : decay_ * mean_ + (1 - decay_) * reward;
  count_ += 1;
  return reward - mean_;
}

bool Baseline::set_state(const std::vector<double>& state) {
  if (state.size() != 2) return false;
  count_ = state[0];
  mean_ = state[1];
  return true;
}

void Spread::take(const std::vector<double>& advantages) {
  double square = 0;
  for (const double a : advantages) square += a * a / double(advantages.size());
  square_ = decay_ * square_ + (1 - decay_) * square;
  weight_ = decay_ * weight_ + (1 - decay_);
}

double Spread::value() const { return weight_ > 0 ? std::sqrt(square_ / weight_) : 0; }

bool Spread::set_state(const std::vector<double>& state) {
  if (state.size() != 2) return false;
  square_ = state[0];
  weight_ = state[1];
  return true;
}

}  // namespace deneb::fliqs
