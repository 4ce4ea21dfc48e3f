#include <deneb/options/config.h>

#include "options/config_path.h"
#include "options/field_text.h"
#include "options/json_text.h"

namespace deneb {
namespace {

using detail::PathSegment;
using nlohmann::ordered_json;

/// Adds a problem that no line of the file is to blame for.
void reject(Diagnostics& diagnostics, const std::string& path, const std::string& message) {
  diagnostics.add({path, 0, message, true});
}

/// JSON, or else the text itself.
ordered_json value_of(const std::string& text) {
  try {
    return detail::parse_json_text(text, "").value;
  } catch (const ConfigError&) {
    return text;
  }
}

std::vector<std::string> keys_of(const ordered_json& object) {
  std::vector<std::string> keys;
  for (const auto& item : object.items()) keys.push_back(item.key());
  return keys;
}

/// Whether the missing `key` is so wrong that nothing may be created there.
bool reject_key(const ordered_json& object, const std::string& key, const std::string& path,
                bool top, Diagnostics& diagnostics) {
  const std::vector<std::string> keys = keys_of(object);
  const std::string near = nearest_name(key, keys);
  if (!near.empty()) {
    reject(diagnostics, path, "unknown key; did you mean '" + near + "'?");
    return true;
  }
  if (!top) return false;  // may be a block that the file leaves to its defaults
  reject(diagnostics, path,
         keys.empty() ? "unknown key; the file is an empty object"
                      : "unknown key; expected " + detail::one_of_text(keys));
  return true;
}

/// The element of a list, or nullptr after adding a problem.
ordered_json* element(ordered_json& list, const PathSegment& segment, const std::string& path,
                      Diagnostics& diagnostics) {
  std::size_t index = 0;
  if (segment.index(index) && index < list.size()) return &list[index];
  const std::string known =
      list.empty() ? "the list is empty" : "expected 0 .. " + std::to_string(list.size() - 1);
  reject(diagnostics, path,
         "no list element '" + segment.key + "'; " + known + ", or give the whole list");
  return nullptr;
}

/// Steps from `place` to its member, which is created if it may be; nullptr after adding a problem.
/// `path` is that of `place` and becomes that of the member.
ordered_json* step(ordered_json& place, const PathSegment& segment, bool last, std::string& path,
                   Diagnostics& diagnostics) {
  if (place.is_array()) {
    std::size_t index = 0;
    path = segment.index(index) ? detail::element_path(path, index)
                                : detail::join_path(path, segment.key);
    return element(place, segment, path, diagnostics);
  }
  const std::string parent = path;
  path = segment.bracket ? path + "[" + segment.key + "]" : detail::join_path(path, segment.key);
  if (!place.is_object() || segment.bracket) {
    reject(diagnostics, path,
           "'" + parent + "' is " + detail::found_text(place) + ", which has no " +
               (segment.bracket ? "element [" : "key '") + segment.key +
               (segment.bracket ? "]" : "'") + "; set '" + parent + "' as a whole");
    return nullptr;
  }
  if (!place.contains(segment.key)) {
    // What a ref brings is not there yet, so any key may be right.
    if (!last && !place.contains("ref") &&
        reject_key(place, segment.key, path, parent.empty(), diagnostics)) {
      return nullptr;
    }
    place[segment.key] = ordered_json::object();
  }
  return &place[segment.key];
}

/// Forgets the entries of `path`, which is no longer from the file, and of everything below it.
template <class T>
void forget(std::map<std::string, T>& entries, const std::string& path) {
  for (auto it = entries.lower_bound(path); it != entries.end();) {
    if (it->first.compare(0, path.size(), path) != 0) break;
    const char next = it->first.size() > path.size() ? it->first[path.size()] : '\0';
    it = next == '\0' || next == '.' || next == '[' ? entries.erase(it) : std::next(it);
  }
}

std::string substituted(const std::string& text, const std::map<std::string, std::string>& names) {
  std::string result;
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t open = text.find('{', at);
    const std::size_t close = open == std::string::npos ? open : text.find('}', open);
    if (close == std::string::npos) break;
    const auto found = names.find(text.substr(open + 1, close - open - 1));
    if (found == names.end()) {
      // A later brace may open a name: "{{name}".
      result += text.substr(at, open + 1 - at);
      at = open + 1;
    } else {
      result += text.substr(at, open - at) + found->second;
      at = close + 1;
    }
  }
  return result + text.substr(at);
}

}  // namespace

void apply_assignment(ConfigDocument& document, const std::string& assignment,
                      Diagnostics& diagnostics) {
  if (detail::find_bad_utf8(assignment) != std::string::npos) {
    throw ConfigError("--set: the assignment is not UTF-8; check the terminal's encoding");
  }
  const std::size_t equals = assignment.find('=');
  if (equals == std::string::npos) {
    throw ConfigError("--set " + assignment + ": has no '='; write --set nas.trainer.epochs=1");
  }
  const std::string target = assignment.substr(0, equals);
  std::string why;
  const std::vector<PathSegment> segments = detail::split_path(target, why);
  if (segments.empty()) {
    throw ConfigError("--set " + assignment + ": '" + target + "' is no path: " + why +
                      "; write --set nas.trainer.epochs=1");
  }

  // On a copy: a path that fails half-way leaves nothing behind.
  ordered_json changed = document.value;
  ordered_json* place = &changed;
  std::string path;
  std::map<std::string, int> lines = document.lines;
  for (std::size_t i = 0; i < segments.size(); ++i) {
    place = step(*place, segments[i], i + 1 == segments.size(), path, diagnostics);
    if (place == nullptr) return;
    // What had to be created is not from the file either.
    lines.emplace(path, 0);
  }
  *place = value_of(assignment.substr(equals + 1));
  document.value = std::move(changed);
  forget(lines, path);
  lines[path] = 0;
  document.lines = std::move(lines);
  forget(document.origins, path);
  if (document.origin_of(path) != document.file) document.origins[path] = document.file;
}

void substitute(nlohmann::ordered_json& value,
                const std::map<std::string, std::string>& variables) {
  if (value.is_string()) {
    value = substituted(value.get_ref<const std::string&>(), variables);
  } else if (value.is_structured()) {
    for (auto& part : value) substitute(part, variables);
  }
}

}  // namespace deneb
