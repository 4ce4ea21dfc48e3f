#pragma once

#include <torch/optim/optimizer.h>

#include <memory>
#include <string>
#include <vector>

#include <deneb/nn/network.h>
#include <deneb/train/trainer_options.h>

namespace deneb::detail {

/// ConfigError for a group that matches none of these parameters.
void check_groups(const OptimizerOptions& options, const std::vector<std::string>& parameters);

/// SGD, Adam or AdamW over all parameters of the network, with the learning rates of its groups.
class GroupedOptimizer {
 public:
  /// ConfigError for a group that matches no parameter.
  GroupedOptimizer(const OptimizerOptions& options, const Network& network);

  torch::optim::Optimizer& optimizer() { return *optimizer_; }
  /// Base learning rates that a schedule starts from, in the order of OptimizerOptions::groups.
  const std::vector<double>& base_lr() const { return base_lr_; }
  /// `group_lr`: one for each of the groups.
  void set_lr(double lr, const std::vector<double>& group_lr);

 private:
  std::unique_ptr<torch::optim::Optimizer> optimizer_;
  std::vector<double> base_lr_;
  std::vector<int> group_of_;  // of each of the optimizer's parameter groups; -1 = none
};

}  // namespace deneb::detail
