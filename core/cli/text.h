#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace deneb::cli {

/// 40813184 -> "40,813,184".
std::string grouped(std::int64_t number);
/// Whole numbers grouped, others with six significant digits.
std::string number(double value);
/// 0.1234 -> "12.34".
std::string percent(double share);
/// {3, 32, 32} -> "3x32x32".
std::string shape(const std::vector<std::int64_t>& extents);
/// A word for a shell: quoted where it needs to be.
std::string quoted(const std::string& word);
/// "a, b, c".
std::string joined(const std::vector<std::string>& words);
/// " (did you mean 'x'?)" with the nearest of `known`, or "".
std::string suggestion(const std::string& name, const std::vector<std::string>& known);
/// Lines of at most `width` characters where words allow it, all but the first one indented.
std::string wrapped(const std::string& text, std::size_t indent, std::size_t width);

}  // namespace deneb::cli
