#include "train/optimizer.h"

#include <torch/optim/adam.h>
#include <torch/optim/adamw.h>
#include <torch/optim/sgd.h>
#include <torch/types.h>
#include <torch/utils.h>

namespace deneb::detail {

std::unique_ptr<torch::optim::Optimizer> make_optimizer(const OptimizerOptions& o,
                                                        const Network& network) {
  std::vector<torch::Tensor> decayed, plain;
  for (const torch::Tensor& p : network.parameters()) {
    (p.dim() > 1 || o.decay_1d ? decayed : plain).push_back(p);
  }
  std::vector<torch::optim::OptimizerParamGroup> groups;
  const auto add = [&](std::vector<torch::Tensor> parameters, const auto& options) {
    if (parameters.empty()) return;
    groups.emplace_back(std::move(parameters),
                        std::make_unique<std::decay_t<decltype(options)>>(options));
  };
  if (o.type == "SGD") {
    const auto options = torch::optim::SGDOptions(o.lr).momentum(o.momentum).nesterov(o.nesterov);
    add(decayed, torch::optim::SGDOptions(options).weight_decay(o.weight_decay));
    add(plain, torch::optim::SGDOptions(options).weight_decay(0));
    return std::make_unique<torch::optim::SGD>(std::move(groups), options);
  }
  const auto betas = std::make_tuple(o.betas.at(0), o.betas.at(1));
  if (o.type == "AdamW") {
    const auto options = torch::optim::AdamWOptions(o.lr).betas(betas).eps(o.eps);
    add(decayed, torch::optim::AdamWOptions(options).weight_decay(o.weight_decay));
    add(plain, torch::optim::AdamWOptions(options).weight_decay(0));
    return std::make_unique<torch::optim::AdamW>(std::move(groups), options);
  }
  const auto options = torch::optim::AdamOptions(o.lr).betas(betas).eps(o.eps);
  add(decayed, torch::optim::AdamOptions(options).weight_decay(o.weight_decay));
  add(plain, torch::optim::AdamOptions(options).weight_decay(0));
  return std::make_unique<torch::optim::Adam>(std::move(groups), options);
}

}  // namespace deneb::detail
