#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <string>

namespace deneb::detail {

/// More levels than this are refused, so that recursive walks are safe.
constexpr int kMaxJsonDepth = 100;

struct JsonText {
  nlohmann::ordered_json value;
  std::map<std::string, int> lines;  ///< as ConfigDocument::lines
};

/// Parses any JSON value with comments. ConfigError `file:line:column: what; what to do`.
JsonText parse_json_text(const std::string& text, const std::string& file);

/// Offset of the first byte that is no well-formed UTF-8, or npos.
std::size_t find_bad_utf8(const std::string& text);

/// `parent.key`, or `key` at the top.
std::string join_path(const std::string& parent, const std::string& key);
/// `parent[index]`.
std::string element_path(const std::string& parent, std::size_t index);

}  // namespace deneb::detail
