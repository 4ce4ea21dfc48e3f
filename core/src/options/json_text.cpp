#include "options/json_text.h"

#include <deneb/errors.h>

#include <algorithm>
#include <cctype>
#include <unordered_set>
#include <utility>
#include <vector>

namespace deneb::detail {
namespace {

using nlohmann::ordered_json;

// Every value has its path beside it, so that long keys around many values would multiply.
constexpr std::size_t kLongestPath = 4096;
constexpr std::size_t kMostPathBytes = 64 << 20;

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

std::string lower_case(std::string text) {
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

std::string hex_byte(unsigned char byte) {
  const char* digits = "0123456789ABCDEF";
  return {'0', 'x', digits[byte / 16], digits[byte % 16]};
}

/// Finds the structure, comments and positions, and leaves strings and numbers to nlohmann::json:
/// its own messages and positions say too little for a hand-written file.
class Scanner {
 public:
  Scanner(const std::string& text, const std::string& file) : text_(text), file_(file) {
    for (std::size_t i = 0; i < text.size(); ++i) {
      if (text[i] == '\n') newlines_.push_back(i);
    }
  }

  JsonText parse() {
    check_bytes();
    skip_space();
    if (at_end()) fail(0, "the file is empty; expected a JSON object { ... }");
    JsonText result;
    result.value = parse_value("", 0);
    skip_space();
    if (!at_end()) {
      fail(position_,
           "unexpected " + shown_token() +
               " after the end of the document; remove it, or a bracket too many before");
    }
    result.lines = std::move(lines_);
    return result;
  }

 private:
  bool at_end() const { return position_ >= text_.size(); }
  char peek() const { return at_end() ? '\0' : text_[position_]; }

  int line_at(std::size_t offset) const {
    return static_cast<int>(std::lower_bound(newlines_.begin(), newlines_.end(), offset) -
                            newlines_.begin()) +
           1;
  }

  [[noreturn]] void fail(std::size_t offset, const std::string& message) const {
    offset = std::min(offset, text_.size());
    const int line = line_at(offset);
    const std::size_t start = line == 1 ? bom_ : newlines_[static_cast<std::size_t>(line) - 2] + 1;
    std::size_t column = 1;  // in characters, as editors count
    for (std::size_t i = start; i < offset; ++i) {
      column += (static_cast<unsigned char>(text_[i]) & 0xC0) != 0x80;
    }
    throw ConfigError(file_ + ":" + std::to_string(line) + ":" + std::to_string(column) + ": " +
                      message);
  }

  void check_bytes() {
    if (text_.compare(0, 2, "\xFF\xFE") == 0 || text_.compare(0, 2, "\xFE\xFF") == 0) {
      fail(0, "the file is UTF-16; save it as UTF-8");
    }
    const std::size_t bad = find_bad_utf8(text_);
    if (bad != std::string::npos) {
      const auto byte = static_cast<unsigned char>(text_[bad]);
      fail(bad, "byte " + hex_byte(byte) + " is not UTF-8; save the file as UTF-8 text");
    }
    const std::size_t zero = text_.find('\0');
    if (zero != std::string::npos) {
      fail(zero, "a zero byte; the file is damaged or no text, restore it");
    }
    if (text_.compare(0, 3, "\xEF\xBB\xBF") == 0) position_ = bom_ = 3;
  }

  void skip_space() {
    while (!at_end()) {
      if (is_space(peek())) {
        ++position_;
      } else if (text_.compare(position_, 2, "//") == 0) {
        position_ = std::min(text_.find('\n', position_), text_.size());
      } else if (text_.compare(position_, 2, "/*") == 0) {
        const std::size_t end = text_.find("*/", position_ + 2);
        if (end == std::string::npos) fail(position_, "this comment is not closed; add */");
        position_ = end + 2;
      } else {
        return;
      }
    }
  }

  /// The characters from here to the next separator.
  std::string token() const {
    std::size_t end = position_;
    while (end < text_.size() && !is_space(text_[end]) &&
           std::string(",:[]{}\"").find(text_[end]) == std::string::npos &&
           text_.compare(end, 2, "//") != 0 && text_.compare(end, 2, "/*") != 0) {
      ++end;
    }
    return text_.substr(position_, end - position_);
  }

  std::string shown_token() const {
    std::string shown = token();
    if (shown.empty())
      shown = peek() == '"' ? "a string" : std::string("'") + peek() + "'";
    else if (shown.size() > 40)
      shown = "text";
    else
      shown = "'" + shown + "'";
    return shown;
  }

  [[noreturn]] void fail_cut(const char* what, std::size_t opened) const {
    fail(text_.size(), std::string("the file ends inside the ") + what + " that began on line " +
                           std::to_string(line_at(opened)) +
                           "; it is cut off, or a closing bracket is missing");
  }

  ordered_json parse_value(const std::string& path, int depth) {
    if (depth > kMaxJsonDepth) {
      fail(position_,
           "nested deeper than " + std::to_string(kMaxJsonDepth) + " levels; use fewer levels");
    }
    path_bytes_ += path.size();
    if (path.size() > kLongestPath || path_bytes_ > kMostPathBytes) {
      fail(position_,
           "the keys around this value are too long, or too long for so many values; "
           "use shorter keys");
    }
    lines_.emplace(path, line_at(position_));  // a key's line, if there is a key, stays
    switch (peek()) {
      case '{':
        return parse_object(path, depth);
      case '[':
        return parse_array(path, depth);
      case '"':
        return parse_string();
      default:
        return parse_scalar();
    }
  }

  ordered_json parse_object(const std::string& path, int depth) {
    const std::size_t opened = position_++;
    ordered_json::object_t members;
    std::unordered_set<std::string> keys;
    for (bool first = true;; first = false) {
      skip_space();
      if (at_end()) fail_cut("object", opened);
      if (peek() == '}' && first) break;
      if (peek() == '}') fail(position_, "a comma before '}'; remove the comma");
      if (peek() != '"') {
        fail(position_, "unexpected " + shown_token() + ", expected a key in double quotes");
      }
      const std::size_t key_start = position_;
      std::string key = parse_string();
      const std::string key_path = join_path(path, key);
      if (!keys.insert(key).second) {
        fail(key_start, "key \"" + key + "\" appears twice" + (path.empty() ? "" : " in " + path) +
                            " (first on line " + std::to_string(lines_[key_path]) +
                            "); remove one of them");
      }
      lines_[key_path] = line_at(key_start);
      skip_space();
      if (at_end()) fail_cut("object", opened);
      if (peek() != ':') {
        fail(position_, "unexpected " + shown_token() + " after key \"" + key + "\", expected ':'");
      }
      ++position_;
      skip_space();
      if (at_end()) fail_cut("object", opened);
      // Not insert: the search for the key that ordered_map does makes that quadratic.
      members.emplace_back(std::move(key), parse_value(key_path, depth + 1));
      if (!next_member("object", '}', opened)) break;
    }
    ++position_;
    return members;
  }

  ordered_json parse_array(const std::string& path, int depth) {
    const std::size_t opened = position_++;
    ordered_json list = ordered_json::array();
    for (bool first = true;; first = false) {
      skip_space();
      if (at_end()) fail_cut("list", opened);
      if (peek() == ']' && first) break;
      if (peek() == ']') fail(position_, "a comma before ']'; remove the comma");
      list.push_back(parse_value(element_path(path, list.size()), depth + 1));
      if (!next_member("list", ']', opened)) break;
    }
    ++position_;
    return list;
  }

  /// Steps over a comma; false at the closing bracket.
  bool next_member(const char* what, char close, std::size_t opened) {
    skip_space();
    if (at_end()) fail_cut(what, opened);
    if (peek() == close) return false;
    if (peek() != ',') {
      fail(position_, "unexpected " + shown_token() + ", expected ',' or '" + close +
                          "'; is a comma missing before it?");
    }
    ++position_;
    return true;
  }

  std::string parse_string() {
    const std::size_t start = position_;
    std::size_t end = start + 1;
    while (end < text_.size() && text_[end] != '"' && text_[end] != '\n') {
      end += text_[end] == '\\' ? 2 : 1;
    }
    if (end >= text_.size() || text_[end] == '\n') {
      fail(start, "this string is not closed on its line; add a double quote");
    }
    position_ = end + 1;
    try {
      return ordered_json::parse(text_.substr(start, position_ - start)).get<std::string>();
    } catch (const ordered_json::parse_error& error) {
      const std::size_t offset = std::min(start + std::max<std::size_t>(error.byte, 1) - 1, end);
      if (static_cast<unsigned char>(text_[offset]) < 0x20) {
        fail(offset, "a control character inside a string; write \\t for a tab");
      }
      fail(offset,
           "a bad escape in a string; write \\\\ for a backslash, \\\" for a quote, "
           "\\uXXXX for any character");
    }
  }

  ordered_json parse_scalar() {
    const std::string word = token();
    if (word == "true" || word == "false" || word == "null") {
      position_ += word.size();
      return ordered_json::parse(word);
    }
    if (!word.empty() && (std::isdigit(static_cast<unsigned char>(word[0])) || word[0] == '-')) {
      try {
        ordered_json number = ordered_json::parse(word);
        position_ += word.size();
        return number;
      } catch (const ordered_json::out_of_range&) {
        fail(position_, shown_token() + " is too large for a number; the largest is about 1.8e308");
      } catch (const ordered_json::parse_error&) {
        // Reported below.
      }
    }
    fail_scalar(lower_case(word));
  }

  [[noreturn]] void fail_scalar(const std::string& word) const {
    const std::string bare = word.substr(std::min(word.find_first_not_of("+-"), word.size()));
    if (bare == "nan" || bare == "inf" || bare == "infinity") {
      fail(position_, shown_token() + " is not JSON; numbers must be finite");
    }
    if (word == "true" || word == "false" || word == "none" || word == "null") {
      fail(position_, shown_token() + " is not JSON; write " + (word == "none" ? "null" : word));
    }
    if (!bare.empty() && (std::isdigit(static_cast<unsigned char>(bare[0])) || bare[0] == '.')) {
      fail(position_, shown_token() + " is not a JSON number; write numbers as 12, -0.5 or 1e-3");
    }
    std::string message = "unexpected " + shown_token() + ", expected a value";
    if (!word.empty() && word[0] == '#') {
      message += "; comments begin with //";
    } else if (!word.empty()) {
      message += "; put text in double quotes";
    }
    fail(position_, message);
  }

  const std::string& text_;
  const std::string& file_;
  std::vector<std::size_t> newlines_;
  std::map<std::string, int> lines_;
  std::size_t path_bytes_ = 0;
  std::size_t position_ = 0;
  std::size_t bom_ = 0;  ///< length of the byte order mark
};

}  // namespace

JsonText parse_json_text(const std::string& text, const std::string& file) {
  return Scanner(text, file).parse();
}

std::size_t find_bad_utf8(const std::string& text) {
  const auto byte = [&](std::size_t i) -> unsigned {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0;
  };
  for (std::size_t i = 0; i < text.size();) {
    const unsigned lead = byte(i);
    std::size_t follow = 0;
    unsigned low = 0x80, high = 0xBF;  // of the second byte; Unicode, table 3-7
    if (lead < 0x80) {
      ++i;
      continue;
    }
    if (lead >= 0xC2 && lead <= 0xDF) {
      follow = 1;
    } else if (lead >= 0xE0 && lead <= 0xEF) {
      follow = 2;
      if (lead == 0xE0) low = 0xA0;
      if (lead == 0xED) high = 0x9F;
    } else if (lead >= 0xF0 && lead <= 0xF4) {
      follow = 3;
      if (lead == 0xF0) low = 0x90;
      if (lead == 0xF4) high = 0x8F;
    } else {
      return i;
    }
    for (std::size_t k = 1; k <= follow; ++k) {
      if (byte(i + k) < low || byte(i + k) > high) return i;
      low = 0x80;
      high = 0xBF;
    }
    i += follow + 1;
  }
  return std::string::npos;
}

std::string join_path(const std::string& parent, const std::string& key) {
  return parent.empty() ? key : parent + "." + key;
}

std::string element_path(const std::string& parent, std::size_t index) {
  return parent + "[" + std::to_string(index) + "]";
}

}  // namespace deneb::detail
