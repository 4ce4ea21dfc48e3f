#include <deneb/io/files.h>
#include <deneb/options/config.h>

#include "options/field_text.h"
#include "options/json_text.h"

namespace deneb {

int ConfigDocument::line_of(const std::string& path) const {
  std::string place = path;
  while (true) {
    const auto found = lines.find(place);
    if (found != lines.end()) return found->second;
    if (place.empty()) return 0;
    const std::size_t cut = place.find_last_of(".[");
    place.resize(cut == std::string::npos ? 0 : cut);
  }
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
