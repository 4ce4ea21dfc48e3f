#pragma once

#include <cstddef>
#include <string>

namespace deneb::reports {

/// Name of a metric for people: "BitOps", "test accuracy". `judged`: of a step that trains or
/// evaluates, whose metrics without a prefix are those of the test split.
std::string metric_label(const std::string& name, bool judged = false);

/// A value for people: accuracies in percent, large numbers with k, M, G, T, others with four
/// significant digits.
std::string metric_text(const std::string& name, double value);

/// 1.235 G, 40.37 M, 512, 0.0312: four significant digits.
std::string si_text(double value);

/// Is it an accuracy that is kept as a fraction, to be shown in percent?
bool is_fraction(const std::string& name);

/// "12 s", "3 min 05 s", "2 h 07 min"; "" for a number that is not finite or negative.
std::string time_text(double seconds);

/// Seconds between two UTC times as the store writes them; negative if one is not set.
double seconds_between(const std::string& from, const std::string& to);

/// "2026-11-21 09:30:15 UTC"; "" stays "".
std::string date_text(const std::string& iso);

/// 1234, 12 345: groups of three from five digits on.
std::string count_text(std::size_t count);

/// printf("%.<digits>f").
std::string fixed_text(double value, int digits);

}  // namespace deneb::reports
