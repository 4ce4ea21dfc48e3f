#include "warm_start.h"

#include <deneb/quant/policy_file.h>

#include <algorithm>
#include <filesystem>
#include <utility>

namespace deneb::quant_ea {
namespace {

namespace fs = std::filesystem;

constexpr const char* kOption = "search_algorithm.warm_start: ";

std::vector<fs::path> policy_files(const fs::path& path) {
  if (!fs::is_directory(path)) return {path};
  const fs::path inner = path / "policies";
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(fs::is_directory(inner) ? inner : path)) {
    if (entry.path().extension() == ".json") files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end(), [](const fs::path& a, const fs::path& b) {
    const std::string x = a.stem().string(), y = b.stem().string();
    return std::make_pair(x.size(), x) < std::make_pair(y.size(), y);
  });
  return files;
}

}  // namespace

std::vector<WarmPolicy> read_warm_start(const std::string& path, const SearchSpace& space) {
  std::vector<WarmPolicy> policies;
  for (const fs::path& file : policy_files(path)) {
    try {
      BitPolicy policy = read_policy_file(file.string()).policy;
      policy.check_against(space.network(), file.string());
      space.encode(policy);
      policies.push_back({file.stem().string(), std::move(policy)});
    } catch (const ConfigError& e) {
      throw ConfigError(kOption + file.string() + ": " + e.what() +
                        "; the search space has to offer what the policies to begin with use");
    }
  }
  if (policies.empty()) {
    throw ConfigError(kOption + path +
                      " holds no policies; name a policy file, a folder of them, "
                      "or a step that leaves policies");
  }
  return policies;
}

}  // namespace deneb::quant_ea
