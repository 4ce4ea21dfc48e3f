#include "train/weight_average.h"

#include <deneb/nn/walk.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <algorithm>

namespace deneb::detail {

WeightAverage::WeightAverage(const Network& network, double decay) : decay_(decay) {
  if (decay_ > 0) average_ = copy_state(network);
}

void WeightAverage::update(const Network& network, std::int64_t step) {
  if (!on()) return;
  torch::NoGradGuard no_grad;
  // Young averages lean on the current weights, else the start would dominate short trainings.
  const double decay = std::min(decay_, (1.0 + double(step)) / (10.0 + double(step)));
  const auto state = state_of(network);
  if (state.size() != average_.size()) {
    throw RunError("trainer.ema_decay: the network had " + std::to_string(average_.size()) +
                   " tensors at the start and has " + std::to_string(state.size()) +
                   " now; set ema_decay to 0 for searches that change the network");
  }
  for (std::size_t i = 0; i < state.size(); ++i) {
    if (state[i].second.is_floating_point()) {
      average_[i].second.lerp_(state[i].second, 1.0 - decay);
    } else {
      average_[i].second.copy_(state[i].second);
    }
  }
}

void WeightAverage::restore(const NamedTensors& state, const std::string& path) {
  if (!on()) return;
  bool fits = state.size() == average_.size();
  for (std::size_t i = 0; fits && i < state.size(); ++i) {
    const auto at = std::find_if(state.begin(), state.end(), [&](const auto& entry) {
      return entry.first == average_[i].first;
    });
    fits = at != state.end() && at->second.sizes() == average_[i].second.sizes();
    if (fits) average_[i].second.copy_(at->second);  // to the device of the network
  }
  if (!fits) {
    throw DataError(path +
                    ": its averaged weights do not fit the network; delete it to train "
                    "from the start");
  }
}

WithAverage::WithAverage(Network& network, const WeightAverage& average)
    : network_(network), on_(average.on()) {
  if (!on_) return;
  own_ = copy_state(network_);
  restore_state(network_, average.state());
}

WithAverage::~WithAverage() {
  if (on_) restore_state(network_, own_);
}

}  // namespace deneb::detail
