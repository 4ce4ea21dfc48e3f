#include "step_learning.h"

#include <cmath>
#include <string>

namespace deneb::limpq {
namespace {

using torch::Tensor;

constexpr double kLargestDrift = 8;

constexpr const char* kInitial = "initial_steps";
constexpr const char* kVelocity = "step_velocity";

Tensor named(const HookState& state, const std::string& name) {
  for (const auto& [key, tensor] : state) {
    if (key == name) return tensor;
  }
  throw DataError("the state of the indicators lacks " + name +
                  "; delete the checkpoint to train them from the start");
}

}  // namespace

void StepLearning::start() {
  torch::NoGradGuard no_grad;
  if (has_started()) {
    // 1 is the step of a width that has seen nothing but zeros so far (StepBank::steps).
    for (std::size_t i = 0; i < banks_.size(); ++i) {
      const Tensor late = (initial_[i] == 1).logical_and_(velocity_[i] == 0);
      initial_[i] = torch::where(late, banks_[i], initial_[i]);
    }
    return;
  }
  for (const Tensor& bank : banks_) {
    initial_.push_back(bank.detach().clone());
    velocity_.push_back(torch::zeros_like(initial_.back()));
  }
}

void StepLearning::update(double lr, double momentum) {
  torch::NoGradGuard no_grad;
  for (std::size_t i = 0; i < banks_.size(); ++i) {
    Tensor& bank = banks_[i];
    if (!bank.grad().defined()) continue;
    const Tensor slope = (bank.grad() * bank).clamp_(-1, 1);
    velocity_[i].mul_(momentum).add_(slope);
    const Tensor moved = bank * (velocity_[i] * -lr).exp_();
    bank.copy_(moved.maximum(initial_[i] / kLargestDrift).minimum(initial_[i] * kLargestDrift));
    bank.mutable_grad() = Tensor();
  }
}

Tensor StepLearning::initial() const { return torch::stack(initial_); }

HookState StepLearning::save() const {
  if (!has_started()) return {};
  return {{kInitial, initial()}, {kVelocity, torch::stack(velocity_)}};
}

void StepLearning::load(const HookState& state) {
  initial_.clear();
  velocity_.clear();
  if (state.empty()) return;
  const auto rows_of = [&](const char* name) {
    const Tensor rows = named(state, name);
    if (rows.dim() != 2 || rows.size(0) != std::int64_t(banks_.size()) ||
        rows.sizes().slice(1) != banks_[0].sizes()) {
      throw DataError(std::string("the state of the indicators is of other layers (") + name +
                      "); delete the checkpoint to train them from the start");
    }
    std::vector<Tensor> banks;
    for (std::size_t i = 0; i < banks_.size(); ++i) {
      banks.push_back(rows[std::int64_t(i)].to(banks_[i].options()).clone());
    }
    return banks;
  };
  initial_ = rows_of(kInitial);
  velocity_ = rows_of(kVelocity);
}

}  // namespace deneb::limpq
