#include <deneb/io/files.h>
#include <deneb/options/config.h>

#include "options/field_text.h"
#include "options/json_text.h"

namespace deneb {

namespace {

/// The entry of `path` or of its nearest ancestor, or nullptr.
template <class T>
const T* nearest_entry(const std::map<std::string, T>& entries, std::string path) {
  while (true) {
    const auto found = entries.find(path);
    if (found != entries.end()) return &found->second;
    if (path.empty()) return nullptr;
    const std::size_t cut = path.find_last_of(".[");
    path.resize(cut == std::string::npos ? 0 : cut);
  }
}

}  // namespace

int ConfigDocument::line_of(const std::string& path) const {
  const int* line = nearest_entry(lines, path);
  return line == nullptr ? 0 : *line;
}

const std::string& ConfigDocument::origin_of(const std::string& path) const {
  const std::string* origin = nearest_entry(origins, path);
  return origin == nullptr ? file : *origin;
}

ConfigDocument read_config(const std::string& file) {
  std::string text;
  try {
    text = read_file(file);
  } catch (const DataError& error) {
    throw ConfigError(error.what());
  }
  return parse_config(text, file);
}

ConfigDocument parse_config(const std::string& text, const std::string& file) {
  detail::JsonText parsed = detail::parse_json_text(text, file);
  ConfigDocument document{file, std::move(parsed.value), std::move(parsed.lines)};
  if (!document.value.is_object()) {
    throw ConfigError(file + ":" + std::to_string(document.line_of("")) + ":1: the file holds " +
                      detail::found_text(document.value) +
                      ", expected an object; put everything inside { ... }");
  }
  return document;
}

}  // namespace deneb
