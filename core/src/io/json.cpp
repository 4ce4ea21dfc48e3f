#include <deneb/io/json.h>

#include <array>

namespace deneb {
namespace {

constexpr std::size_t kMostNesting = 100;
constexpr std::size_t kMostOrderedKeys = 10000;

// What stands outside of strings tells nesting and keys also of text that is no JSON.
bool is_excessive(const std::string& text, std::size_t most_keys) {
  std::array<std::size_t, kMostNesting + 1> keys{};  // of the object or list that is open
  std::size_t depth = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') ++i;
      if (c == '"') in_string = false;
    } else if (c == '"') {
      in_string = true;
    } else if (c == '{' || c == '[') {
      if (++depth > kMostNesting) return true;
      keys[depth] = 0;
    } else if (c == '}' || c == ']') {
      if (depth > 0) --depth;
    } else if (c == ':' && ++keys[depth] > most_keys) {
      return true;
    }
  }
  return false;
}

template <class Json>
Json parse(const std::string& text, std::size_t most_keys) {
  if (is_excessive(text, most_keys)) return Json(Json::value_t::discarded);
  return Json::parse(text, nullptr, /*allow_exceptions=*/false);
}

}  // namespace

nlohmann::json parse_json(const std::string& text) {
  return parse<nlohmann::json>(text, std::string::npos);
}

nlohmann::ordered_json parse_ordered_json(const std::string& text) {
  return parse<nlohmann::ordered_json>(text, kMostOrderedKeys);
}

}  // namespace deneb
