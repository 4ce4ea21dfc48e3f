#include "train/optimizer_state.h"

#include <torch/optim/adam.h>
#include <torch/optim/adamw.h>
#include <torch/optim/sgd.h>

#include <map>
#include <memory>
#include <sstream>
#include <type_traits>

#include <deneb/errors.h>

namespace deneb::detail {
namespace {

using torch::Tensor;
using torch::optim::Optimizer;
using torch::optim::OptimizerParamState;

// LibTorch 1.x finds the state of a parameter by its address as text, 2.x by the address.
template <class Key>
Key key_of(const Tensor& parameter) {
  if constexpr (std::is_same_v<Key, std::string>) {
    std::ostringstream text;
    text << parameter.unsafeGetTensorImpl();
    return text.str();
  } else {
    return parameter.unsafeGetTensorImpl();
  }
}
using Key = std::decay_t<decltype(std::declval<Optimizer&>().state())>::key_type;

std::vector<Tensor> all_parameters(Optimizer& optimizer) {
  std::vector<Tensor> parameters;
  for (auto& group : optimizer.param_groups()) {
    parameters.insert(parameters.end(), group.params().begin(), group.params().end());
  }
  return parameters;
}

template <class Moments>
void append_moments(NamedTensors& state, const std::string& prefix, const Moments& moments) {
  state.emplace_back(prefix + "step", torch::full({}, moments.step(), torch::kInt64));
  state.emplace_back(prefix + "exp_avg", moments.exp_avg());
  state.emplace_back(prefix + "exp_avg_sq", moments.exp_avg_sq());
}

// The tensors of a file, each to be taken once.
class Source {
 public:
  Source(const NamedTensors& state, std::string where) : where_(std::move(where)) {
    for (const auto& [name, tensor] : state) tensors_[name] = tensor;
  }

  bool has(const std::string& name) const { return tensors_.count(name) > 0; }
  Tensor take(const std::string& name, c10::IntArrayRef shape, torch::ScalarType type) {
    const auto it = tensors_.find(name);
    if (it == tensors_.end()) fail("'" + name + "' is missing");
    Tensor tensor = it->second;
    tensors_.erase(it);
    if (tensor.sizes() != shape || tensor.scalar_type() != type) {
      fail("'" + name + "' has another shape or type than the network's parameter");
    }
    return tensor;
  }
  // With the device and the memory layout of the parameter.
  Tensor take_like(const std::string& name, const Tensor& parameter) {
    const Tensor tensor = take(name, parameter.sizes(), parameter.scalar_type());
    return torch::empty_like(parameter).copy_(tensor);
  }
  void finish() const {
    if (!tensors_.empty()) fail("'" + tensors_.begin()->first + "' belongs to no parameter");
  }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    throw DataError(where_ + ": optimizer state " + what +
                    "; delete the file to train from the start");
  }
  std::string where_;
  std::map<std::string, Tensor> tensors_;
};

template <class Moments>
std::unique_ptr<OptimizerParamState> take_moments(Source& source, const std::string& prefix,
                                                  const Tensor& parameter) {
  auto moments = std::make_unique<Moments>();
  moments->step(source.take(prefix + "step", {}, torch::kInt64).template item<std::int64_t>());
  moments->exp_avg(source.take_like(prefix + "exp_avg", parameter));
  moments->exp_avg_sq(source.take_like(prefix + "exp_avg_sq", parameter));
  return moments;
}

}  // namespace

NamedTensors optimizer_state(Optimizer& optimizer) {
  NamedTensors state;
  const std::vector<Tensor> parameters = all_parameters(optimizer);
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    const auto found = optimizer.state().find(key_of<Key>(parameters[i]));
    if (found == optimizer.state().end()) continue;  // without a gradient so far
    const OptimizerParamState* memory = found->second.get();
    const std::string prefix = std::to_string(i) + ".";
    if (const auto* sgd = dynamic_cast<const torch::optim::SGDParamState*>(memory)) {
      state.emplace_back(prefix + "momentum_buffer", sgd->momentum_buffer());
    } else if (const auto* adam = dynamic_cast<const torch::optim::AdamParamState*>(memory)) {
      append_moments(state, prefix, *adam);
    } else if (const auto* adamw = dynamic_cast<const torch::optim::AdamWParamState*>(memory)) {
      append_moments(state, prefix, *adamw);
    } else {
      throw RunError("checkpoint: this kind of optimizer cannot be stored; use SGD, Adam or AdamW");
    }
  }
  return state;
}

void restore_optimizer(Optimizer& optimizer, const NamedTensors& state, const std::string& where) {
  torch::NoGradGuard no_grad;
  Source source(state, where);
  const std::vector<Tensor> parameters = all_parameters(optimizer);
  const bool is_adam = dynamic_cast<torch::optim::Adam*>(&optimizer) != nullptr;
  const bool is_adamw = dynamic_cast<torch::optim::AdamW*>(&optimizer) != nullptr;
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    const std::string prefix = std::to_string(i) + ".";
    std::unique_ptr<OptimizerParamState> memory;
    if (is_adam && source.has(prefix + "step")) {
      memory = take_moments<torch::optim::AdamParamState>(source, prefix, parameters[i]);
    } else if (is_adamw && source.has(prefix + "step")) {
      memory = take_moments<torch::optim::AdamWParamState>(source, prefix, parameters[i]);
    } else if (source.has(prefix + "momentum_buffer")) {
      auto momentum = std::make_unique<torch::optim::SGDParamState>();
      momentum->momentum_buffer(source.take_like(prefix + "momentum_buffer", parameters[i]));
      memory = std::move(momentum);
    }
    if (memory) optimizer.state()[key_of<Key>(parameters[i])] = std::move(memory);
  }
  source.finish();
}

}  // namespace deneb::detail
