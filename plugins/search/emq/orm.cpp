#include "orm.h"

#include <torch/utils.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>

#include <deneb/errors.h>

namespace deneb::emq {
namespace {

using torch::Tensor;

constexpr std::int64_t kColumns = 1 << 16;  // of features that are widened at a time

// Searches the roundings of values[0 .. left) for the largest sum of uses within `room`.
class Rounding {
 public:
  Rounding(const std::vector<double>& values, const std::vector<double>& uses)
      : values_(values), uses_(uses), chosen_(values.size()), best_(values.size()) {
    // What the values below can add at most: bounds the search.
    most_.push_back(0);
    for (std::size_t i = 0; i < values.size(); ++i) {
      room_ += uses[i] * values[i];
      most_.push_back(most_.back() + uses[i] * std::ceil(values[i]));
      best_[i] = int(std::floor(values[i]));
    }
  }
  std::vector<int> run() {
    descend(values_.size(), room_ + 1e-9 * std::max(1.0, std::fabs(room_)), 0);
    return best_;
  }

 private:
  void descend(std::size_t left, double room, double sum) {
    if (room < 0 || sum + most_[left] <= best_sum_) return;
    if (left == 0) {
      best_ = chosen_;
      best_sum_ = sum;
      return;
    }
    const std::size_t i = left - 1;
    const int low = int(std::floor(values_[i])), high = int(std::ceil(values_[i]));
    for (int value = low; value <= high; ++value) {
      chosen_[i] = value;
      descend(i, room - uses_[i] * value, sum + uses_[i] * value);
    }
  }

  const std::vector<double>&values_, &uses_;
  std::vector<double> most_;
  std::vector<int> chosen_, best_;
  double room_ = 0, best_sum_ = -1;
};

}  // namespace

Tensor centered_gram(const Tensor& features) {
  torch::NoGradGuard no_grad;
  const Tensor flat = features.reshape({features.size(0), -1});
  Tensor gram = torch::zeros({flat.size(0), flat.size(0)}, flat.options().dtype(torch::kFloat64));
  for (std::int64_t from = 0; from < flat.size(1); from += kColumns) {
    Tensor part = flat.narrow(1, from, std::min(kColumns, flat.size(1) - from)).to(torch::kFloat64);
    part = part - part.mean(0, /*keepdim=*/true);  // as centering rows and columns of the product
    gram += torch::matmul(part, part.t());
  }
  return gram;
}

double orthogonality(const Tensor& gram_a, const Tensor& gram_b) {
  const double norms = gram_a.norm().item<double>() * gram_b.norm().item<double>();
  return norms == 0 ? 0 : (gram_a * gram_b).sum().item<double>() / norms;
}

std::vector<double> redundancies(const std::vector<Tensor>& grams) {
  std::vector<double> sums(grams.size(), 0);
  for (std::size_t i = 0; i < grams.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      const double shared = orthogonality(grams[i], grams[j]);
      sums[i] += shared;
      sums[j] += shared;
    }
  }
  return sums;
}

std::vector<double> orthogonal_worths(const std::vector<double>& redundancies, double beta) {
  std::vector<double> worths;
  for (const double redundancy : redundancies) worths.push_back(std::exp(-beta * redundancy));
  return worths;
}

std::vector<double> solve_box_program(const BoxProgram& program) {
  std::vector<double> x = program.least;
  double room = program.budget;
  for (std::size_t i = 0; i < x.size(); ++i) room -= program.uses[i] * x[i];
  if (room < -1e-9 * std::fabs(program.budget)) {
    throw RunError("linear program: the least values use " + std::to_string(program.budget - room) +
                   ", more than the budget of " + std::to_string(program.budget) +
                   "; raise it or allow less");
  }
  std::vector<std::size_t> order(x.size());
  std::iota(order.begin(), order.end(), 0);
  const auto gain = [&](std::size_t i) { return -program.costs[i] / program.uses[i]; };
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return gain(a) > gain(b); });
  for (const std::size_t i : order) {
    if (gain(i) <= 0) break;
    const double step = std::min(program.most[i] - x[i], std::max(room, 0.0) / program.uses[i]);
    x[i] += step;
    room -= step * program.uses[i];
  }
  return x;
}

std::vector<double> suffix_mean_costs(const std::vector<double>& worths) {
  std::vector<double> costs(worths.size());
  double sum = 0;
  for (std::size_t i = worths.size(); i-- > 0;) {
    sum += worths[i];
    costs[i] = -sum / double(worths.size() - i);
  }
  return costs;
}

std::vector<int> round_within(const std::vector<double>& values, const std::vector<double>& uses) {
  return Rounding(values, uses).run();
}

std::vector<int> round_to_nearest(const std::vector<double>& values) {
  std::vector<int> rounded;
  for (const double value : values) rounded.push_back(int(std::nearbyint(value)));
  return rounded;
}

}  // namespace deneb::emq
