#pragma once

#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "options/config_node.h"

namespace deneb::detail {

/// The document whose references are resolved (file 0) and the files that these lead to, each of
/// which is read once, under whatever name it is reached.
class ConfigFiles {
 public:
  explicit ConfigFiles(const ConfigDocument& document);

  /// The file that `name`, written in `from`, leads to; nullopt with the reason in `why`, which is
  /// empty when the same failure was told before.
  std::optional<std::size_t> open(const std::string& name, std::size_t from, std::string& why);

  const ConfigNode& root(std::size_t file) const { return roots_[file]; }
  /// As shown in messages.
  const std::string& name(std::size_t file) const { return names_[file]; }
  const std::vector<std::string>& names() const { return names_; }

 private:
  std::vector<std::string> names_;
  std::deque<ConfigNode> roots_;  // which callers point into
  std::map<std::string, std::optional<std::size_t>> known_;
};

}  // namespace deneb::detail
