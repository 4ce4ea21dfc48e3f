#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace deneb::fliqs {

/// Weight of the entropy in the policy's loss over the steps, 0 to 1: the entropy is minimized, at
/// first not at all, so that the policy has decided by the end.
/// - `linear`, `cosine`: rise from 0 at `delay` to 1 at `total`
/// - `constant`: 1
/// - `heaviside`: 0 up to half of `total`, then 1, whatever the delay
class EntropySchedule {
 public:
  /// `total` > 0. ConfigError for a shape of another name.
  EntropySchedule(std::string shape, std::int64_t delay, std::int64_t total);
  double at(std::int64_t step) const;
  static std::vector<std::string> shapes();

 private:
  std::string shape_;
  std::int64_t delay_, total_;
};

}  // namespace deneb::fliqs
