#pragma once

#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include <deneb/errors.h>

namespace deneb::detail {

/// Results of trials that outlive their task: a folder with one SQLite file in WAL mode, which
/// several processes may use at once. It can only save time: a file that is damaged, cannot be
/// written or was written by another Deneb is said once, by `warn`, and the cache is off from there
/// on. One thread at a time.
class DENEB_API TrialCache {
 public:
  /// Creates the folder where it is missing.
  TrialCache(std::string folder, std::function<void(const std::string&)> warn);
  ~TrialCache();
  TrialCache(const TrialCache&) = delete;
  TrialCache& operator=(const TrialCache&) = delete;

  /// What add() has stored under the key; nothing when there is none or it cannot be read.
  std::optional<nlohmann::json> find(const std::string& key);
  /// Replaces an earlier one.
  void add(const std::string& key, const nlohmann::json& result);

 private:
  struct Impl;
  void guarded(const std::function<void()>& work);
  std::string folder_;
  std::function<void(const std::string&)> warn_;
  std::unique_ptr<Impl> impl_;  // null: off
};

}  // namespace deneb::detail
