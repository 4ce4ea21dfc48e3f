#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "comparison.h"
#include "trial_facts.h"

/// What a task's record tells about where its models come from.
namespace deneb::reports {

/// A task while it is read.
struct TaskRead {
  const ComparedTask* task;
  std::size_t index;  ///< in ComparisonInput::tasks
  std::size_t group;  ///< of the tasks that make one row
  std::vector<StepRow> steps;
  std::map<std::string, std::vector<ResultRow>> trials;  // by step

  /// Of the configuration; {} where it has none.
  const nlohmann::ordered_json& section(const std::string& step) const;
  /// Is it a step that searches?
  bool searches(const std::string& step) const;
  std::string folder(const std::string& step) const { return task->folder + "/output/" + step; }
};

/// The string at `key`; "" where there is none.
std::string text_of(const nlohmann::ordered_json& object, const char* key);

/// Steps that a search takes something from: those that its options name as `step:kind`, in their
/// order, then those that it found by itself.
std::vector<std::string> sources_of(const TaskRead& task, const std::string& step, bool benchmarks);

/// The step and all that it needs.
void add_chain(const TaskRead& task, const std::string& step, std::set<std::string>& chain);

/// "Sensitivity + ExactAssignment": a search and what it starts from. A benchmark judges proxies
/// and is no part of the name.
std::string search_name(const TaskRead& task, const std::string& step);

/// What of a step's section decides how a model trains, whatever its policy.
std::string training_key(const TaskRead& task, const std::string& step);

/// "nas", 12 of "nas/12, uniform w3a3"; nothing for an origin of another form.
std::optional<std::pair<std::string, std::string>> parse_origin(const std::string& origin);

/// "W3A3" where the origin is, or includes, "uniform w3a3"; "" for 32 bits, which are float32.
std::string uniform_name(const std::string& origin);

bool is_float(const ResultRow& model);

/// The search that a model's policy comes from, through the trainings in between; "" if none.
std::string search_of(const TaskRead& task, const ResultRow& model);

}  // namespace deneb::reports
