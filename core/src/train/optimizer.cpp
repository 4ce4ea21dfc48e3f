#include "train/optimizer.h"

#include <deneb/options/config.h>
#include <deneb/quant/policy.h>
#include <deneb/quant/quantizer.h>
#include <torch/optim/adam.h>
#include <torch/optim/adamw.h>
#include <torch/optim/sgd.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <algorithm>
#include <map>
#include <set>
#include <utility>

namespace deneb::detail {
namespace {

constexpr int kNoGroup = -1;

/// Parameters that share all options.
struct Share {
  int group = kNoGroup;
  double weight_decay = 0;
  std::vector<torch::Tensor> parameters;
};

// What is fixed of a glob, against as much of every name, from the end at which it is fixed.
std::string nearest_parameter(const std::string& glob, const std::vector<std::string>& names) {
  std::string fixed;
  for (const char c : glob) {
    if (c != '*' && c != '?') fixed += c;
  }
  std::vector<std::string> parts;
  for (const std::string& name : names) {
    const std::size_t size = std::min(fixed.size(), name.size());
    parts.push_back(glob.front() == '*' ? name.substr(name.size() - size) : name.substr(0, size));
  }
  const std::string nearest = nearest_name(fixed, parts);
  const auto at = std::find(parts.begin(), parts.end(), nearest);
  return nearest.empty() || at == parts.end() ? "" : names[std::size_t(at - parts.begin())];
}

[[noreturn]] void fail_unmatched(std::size_t group, const std::string& glob,
                                 const std::vector<std::string>& names) {
  const std::string nearest = nearest_parameter(glob, names);
  throw ConfigError("trainer.optimizer.groups[" + std::to_string(group) + "].match: '" + glob +
                    "' matches none of the network's " + std::to_string(names.size()) +
                    " parameters" +
                    (!nearest.empty() ? "; did you mean '" + nearest + "'?"
                     : names.empty()  ? ""
                                      : ", such as '" + names.front() + "'"));
}

}  // namespace

void check_groups(const OptimizerOptions& options, const std::vector<std::string>& parameters) {
  for (std::size_t i = 0; i < options.groups.size(); ++i) {
    const std::string& glob = options.groups[i].match;
    const bool matched =
        std::any_of(parameters.begin(), parameters.end(),
                    [&](const std::string& name) { return glob_match(glob, name); });
    if (!matched) fail_unmatched(i, glob, parameters);
  }
}

namespace {

// What is no weight by its role, whatever its dimensions: steps by channel, rounding of weights.
std::set<const void*> learned_by_quantizers(const Network& network) {
  std::set<const void*> found;
  for (const auto& module : network.modules(/*include_self=*/false)) {
    const auto* quantizer = dynamic_cast<const Quantizer*>(module.get());
    if (!quantizer) continue;
    for (const torch::Tensor& p : quantizer->parameters(/*recurse=*/false)) {
      if (!quantizer->is_weight(p)) found.insert(p.unsafeGetTensorImpl());
    }
  }
  return found;
}

std::vector<Share> shares_of(const OptimizerOptions& o, const Network& network) {
  std::vector<std::string> names;
  std::vector<int> group_of;
  const auto parameters = network.named_parameters();
  for (const auto& item : parameters) {
    int group = kNoGroup;
    for (std::size_t i = 0; i < o.groups.size(); ++i) {
      if (glob_match(o.groups[i].match, item.key())) group = static_cast<int>(i);
    }
    names.push_back(item.key());
    group_of.push_back(group);
  }
  check_groups(o, names);
  // Group by group, parameters that decay by the optimizer's rule first: checkpoints count on it.
  std::map<std::pair<int, bool>, Share> shares;
  const std::set<const void*> learned = learned_by_quantizers(network);
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    const torch::Tensor& p = parameters[i].value();
    const ParameterGroup* group =
        group_of[i] == kNoGroup ? nullptr : &o.groups[std::size_t(group_of[i])];
    const bool own = group && group->weight_decay;
    const bool is_weight = p.dim() > 1 && learned.count(p.unsafeGetTensorImpl()) == 0;
    const bool plain = !own && !is_weight && !o.decay_1d;
    Share& share = shares[{group_of[i], plain}];
    share.group = group_of[i];
    share.weight_decay = own ? *group->weight_decay : plain ? 0 : o.weight_decay;
    share.parameters.push_back(p);
  }
  std::vector<Share> all;
  for (auto& entry : shares) all.push_back(std::move(entry.second));
  return all;
}

template <class Optimizer, class Options>
std::unique_ptr<torch::optim::Optimizer> make(const Options& options,
                                              const std::vector<Share>& shares) {
  std::vector<torch::optim::OptimizerParamGroup> groups;
  for (const Share& share : shares) {
    groups.emplace_back(share.parameters, std::make_unique<Options>(
                                              Options(options).weight_decay(share.weight_decay)));
  }
  return std::make_unique<Optimizer>(std::move(groups), options);
}

}  // namespace

GroupedOptimizer::GroupedOptimizer(const OptimizerOptions& o, const Network& network) {
  const std::vector<Share> shares = shares_of(o, network);
  for (const Share& share : shares) group_of_.push_back(share.group);
  for (const ParameterGroup& group : o.groups) {
    base_lr_.push_back(group.lr.value_or(o.lr) * group.lr_factor);
  }
  if (o.type == "SGD") {
    optimizer_ = make<torch::optim::SGD>(
        torch::optim::SGDOptions(o.lr).momentum(o.momentum).nesterov(o.nesterov), shares);
    return;
  }
  const auto betas = std::make_tuple(o.betas.at(0), o.betas.at(1));
  if (o.type == "AdamW") {
    optimizer_ =
        make<torch::optim::AdamW>(torch::optim::AdamWOptions(o.lr).betas(betas).eps(o.eps), shares);
  } else {
    optimizer_ =
        make<torch::optim::Adam>(torch::optim::AdamOptions(o.lr).betas(betas).eps(o.eps), shares);
  }
}

void GroupedOptimizer::set_lr(double lr, const std::vector<double>& group_lr) {
  auto& groups = optimizer_->param_groups();
  for (std::size_t i = 0; i < groups.size(); ++i) {
    const int group = group_of_[i];
    groups[i].options().set_lr(group == kNoGroup ? lr : group_lr.at(std::size_t(group)));
  }
}

}  // namespace deneb::detail
