#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include <deneb/report/report.h>
#include <deneb/store/trial_store.h>

/// A task as a pipeline would leave it, without training anything: made-up accuracies, costs from
/// the layer facts of ResNet-20.
namespace synthetic {

struct Options {
  int trials = 30;
  int objectives = 2;  ///< 1: accuracy, 2: and bitops, 3: and size
  /// With a float model before the search, and models of the front and a uniform one after it.
  bool training = true;
  std::uint64_t seed = 1;
  /// Above 0, the search leaves two figures: one over so many named places, in five logarithmic
  /// lines, and one of two lines over numbers; and the five lines as a heat map with a gap.
  int places = 0;
  /// Trials are written at once and not one by one: for tens of thousands of them.
  bool bulk = false;
};

/// Ids of the two trials that failed; the second one has no metrics at all.
constexpr std::int64_t kFailed = 7, kFailedWithoutCosts = 19;
/// Their message: commas, quotes, line breaks, and what must not get into a page unescaped.
extern const char* const kNastyMessage;

/// Texts of the figures, likewise: a title, the last place, and the last of the five lines.
extern const char* const kNastyTitle;
extern const char* const kNastyPlace;
extern const char* const kNastyLine;

/// Makes <folder>/task.sqlite and the policy files below <folder>/output; closes the store.
void make_task(const std::string& folder, const Options& options = {});

/// The resolved pipeline of the task.
nlohmann::ordered_json config();

}  // namespace synthetic
