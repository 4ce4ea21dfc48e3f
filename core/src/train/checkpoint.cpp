#include "train/checkpoint.h"

#include <ATen/CPUGeneratorImpl.h>
#include <deneb/io/safetensors.h>
#include <deneb/nn/walk.h>

#include <map>
#include <set>

namespace deneb::detail {
namespace {

constexpr const char* kOptimizer = "optimizer.";
constexpr const char* kGenerator = "generator";

void append(TensorFile& file, const std::string& prefix, const NamedTensors& tensors) {
  for (const auto& [name, tensor] : tensors) file.tensors.emplace_back(prefix + name, tensor);
}

NamedTensors with_prefix(const TensorFile& file, const std::string& prefix) {
  NamedTensors found;
  for (const auto& [name, tensor] : file.tensors) {
    if (name.rfind(prefix, 0) == 0) found.emplace_back(name.substr(prefix.size()), tensor);
  }
  return found;
}

nlohmann::ordered_json progress_of(const TensorFile& file, const std::string& path) {
  const auto it = file.metadata.find("progress");
  auto json = it == file.metadata.end() ? nlohmann::ordered_json()
                                        : nlohmann::ordered_json::parse(it->second, nullptr, false);
  if (!json.is_object()) {
    throw DataError(path +
                    ": no training checkpoint (it has no progress record); delete it to "
                    "train from the start");
  }
  return json;
}

}  // namespace

void write_checkpoint(const std::string& path, const Checkpoint& checkpoint,
                      torch::optim::Optimizer& optimizer) {
  TensorFile file;
  append(file, "model.", checkpoint.model);
  append(file, "ema.", checkpoint.ema);
  append(file, "best.", checkpoint.best);
  append(file, "hooks.", checkpoint.hooks);
  append(file, kOptimizer, optimizer_state(optimizer));
  file.tensors.emplace_back(kGenerator, at::detail::getDefaultCPUGenerator().get_state());
  file.metadata["progress"] = checkpoint.progress.dump();
  write_safetensors(path, file);
}

Checkpoint read_checkpoint(const std::string& path, torch::optim::Optimizer& optimizer) {
  const TensorFile file = read_safetensors(path);
  Checkpoint checkpoint;
  checkpoint.progress = progress_of(file, path);
  checkpoint.model = with_prefix(file, "model.");
  checkpoint.ema = with_prefix(file, "ema.");
  checkpoint.best = with_prefix(file, "best.");
  checkpoint.hooks = with_prefix(file, "hooks.");
  restore_optimizer(optimizer, with_prefix(file, kOptimizer), path);
  try {
    at::Generator(at::detail::getDefaultCPUGenerator()).set_state(file.find(kGenerator));
  } catch (const c10::Error& e) {
    throw DataError(path + ": the state of the random generator is missing or damaged (" +
                    e.what_without_backtrace() + "); delete it to train from the start");
  }
  return checkpoint;
}

nlohmann::ordered_json read_checkpoint_progress(const std::string& path) {
  return progress_of(read_safetensors(path), path);
}

NamedTensors copy_state(const Network& network) {
  NamedTensors copy;
  for (const auto& [name, tensor] : state_of(network)) {
    copy.emplace_back(name, tensor.detach().clone());
  }
  return copy;
}

void restore_state(Network& network, const NamedTensors& state) {
  torch::NoGradGuard no_grad;
  std::map<std::string, torch::Tensor> own;
  for (auto& [name, tensor] : state_of(network)) own[name] = tensor;
  const auto misfit = [](const std::string& name, const std::string& what) {
    return DataError("checkpoint: tensor '" + name + "' " + what +
                     "; the state belongs to another network, delete the checkpoint to train from "
                     "the start");
  };
  std::set<std::string> seen;
  for (const auto& [name, tensor] : state) {
    const auto it = own.find(name);
    if (it == own.end()) throw misfit(name, "is not in the network");
    if (it->second.sizes() != tensor.sizes() || it->second.dtype() != tensor.dtype()) {
      throw misfit(name, "has another shape or type");
    }
    seen.insert(name);
  }
  for (const auto& entry : own) {
    if (!seen.count(entry.first)) throw misfit(entry.first, "is missing");
  }
  // Only now, so that an error leaves the network as it was.
  for (const auto& [name, tensor] : state) own[name].copy_(tensor);
}

}  // namespace deneb::detail
