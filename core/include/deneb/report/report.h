#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include <deneb/errors.h>
#include <deneb/store/trial_store.h>

namespace deneb {

/// What a report writes from.
struct ReportInput {
  const TrialStore& store;
  std::string task_folder;        ///< holds output/<step>/...
  nlohmann::ordered_json config;  ///< the resolved pipeline
};

/// Writes files from the store. Called after every step and by `deneb report`; must be repeatable
/// and write atomically.
class DENEB_API Report {
 public:
  static constexpr const char* kKind = "report";
  virtual ~Report();
  /// Path of the main file written, for the console; "" if none. `step`: the step that has just
  /// ended; "" = the whole task.
  virtual std::string write(const ReportInput& input, const std::string& step) const = 0;
};

}  // namespace deneb
