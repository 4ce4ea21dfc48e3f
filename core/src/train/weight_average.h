#pragma once

#include <cstdint>
#include <string>

#include <deneb/nn/network.h>

#include "train/checkpoint.h"

namespace deneb::detail {

/// Exponential moving average of all floating-point state, batch-norm statistics included.
class WeightAverage {
 public:
  /// `decay` 0: off, the other calls do nothing.
  WeightAverage(const Network& network, double decay);
  bool on() const { return decay_ > 0; }
  /// RunError when the network has grown.
  void update(const Network& network, std::int64_t step);
  const NamedTensors& state() const { return average_; }
  /// DataError (text begins with `path`) when the state is of another network.
  void restore(const NamedTensors& state, const std::string& path);

 private:
  double decay_;
  NamedTensors average_;
};

/// While alive the network holds the averaged weights.
class WithAverage {
 public:
  WithAverage(Network& network, const WeightAverage& average);
  ~WithAverage();
  WithAverage(const WithAverage&) = delete;
  WithAverage& operator=(const WithAverage&) = delete;

 private:
  Network& network_;
  bool on_;
  NamedTensors own_;
};

}  // namespace deneb::detail
