#pragma once

#include <deneb/quant/policy.h>
#include <deneb/search/search_space.h>

#include <string>
#include <vector>

namespace deneb::quant_ea {

/// A policy to begin with, and where it comes from.
struct WarmPolicy {
  std::string name;  ///< of its file, without folder and ending
  BitPolicy policy;
};

/// The policies that the option warm_start names: a policy file, a folder of such files, or the
/// folder of a step that has them in policies/. In the order of their names, 2 before 12.
/// ConfigError that begins with the option: there are none, a file is no policy, or one does not
/// fit the search space.
std::vector<WarmPolicy> read_warm_start(const std::string& path, const SearchSpace& space);

}  // namespace deneb::quant_ea
