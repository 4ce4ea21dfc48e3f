#include "options/config_node.h"

#include <algorithm>
#include <utility>

#include "options/json_text.h"

namespace deneb::detail {
namespace {

using nlohmann::ordered_json;

ConfigNode to_node(const ordered_json& value, const std::string& path, std::size_t file,
                   const ConfigDocument& document) {
  ConfigNode node;
  node.line = document.line_of(path);
  node.file = file;
  if (!value.is_structured()) {
    node.plain = value;
    return node;
  }
  node.plain = value.is_object() ? ordered_json::object() : ordered_json::array();
  for (const auto& item : value.items()) {
    if (value.is_object()) node.keys.push_back(item.key());
    node.parts.push_back(to_node(
        item.value(),
        value.is_object() ? join_path(path, item.key()) : element_path(path, node.parts.size()),
        file, document));
  }
  return node;
}

void add_place(const ConfigNode& node, const std::string& path, std::size_t file_around,
               const std::vector<std::string>& files, ConfigDocument& document) {
  document.lines[path] = node.line;
  if (node.file != file_around) document.origins[path] = files[node.file];
  for (std::size_t i = 0; i < node.parts.size(); ++i) {
    add_place(node.parts[i], node.part_path(path, i), node.file, files, document);
  }
}

bool other_type(const ConfigNode& a, const ConfigNode& b) {
  const ConfigNode* type_a = a.find("type");
  const ConfigNode* type_b = b.find("type");
  return type_a != nullptr && type_b != nullptr && type_a->plain != type_b->plain;
}

void collect_objects(const ConfigNode& node, const std::string& path,
                     std::vector<std::string>& paths) {
  if (node.is_object() && !path.empty()) paths.push_back(path);
  for (std::size_t i = 0; i < node.parts.size(); ++i) {
    collect_objects(node.parts[i], node.part_path(path, i), paths);
  }
}

}  // namespace

const ConfigNode* ConfigNode::find(const std::string& key) const {
  const auto found = std::find(keys.begin(), keys.end(), key);
  return found == keys.end() ? nullptr : &parts[static_cast<std::size_t>(found - keys.begin())];
}

std::string ConfigNode::part_path(const std::string& path, std::size_t part) const {
  return is_object() ? join_path(path, keys[part]) : element_path(path, part);
}

ordered_json ConfigNode::json() const {
  ordered_json value = plain;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (is_object()) {
      value[keys[i]] = parts[i].json();
    } else {
      value.push_back(parts[i].json());
    }
  }
  return value;
}

std::size_t ConfigNode::count() const {
  std::size_t total = 1;
  for (const ConfigNode& part : parts) total += part.count();
  return total;
}

int ConfigNode::depth() const {
  int deepest = 0;
  for (const ConfigNode& part : parts) deepest = std::max(deepest, part.depth() + 1);
  return deepest;
}

ConfigNode to_node(const ConfigDocument& document, std::size_t file) {
  return to_node(document.value, "", file, document);
}

ConfigDocument to_document(const ConfigNode& node, const std::vector<std::string>& files) {
  ConfigDocument document;
  document.file = files.front();
  document.value = node.json();
  add_place(node, "", 0, files, document);
  return document;
}

void merge(ConfigNode& target, ConfigNode local) {
  target.line = local.line;
  target.file = local.file;
  for (std::size_t i = 0; i < local.parts.size(); ++i) {
    ConfigNode& part = local.parts[i];
    const auto found = std::find(target.keys.begin(), target.keys.end(), local.keys[i]);
    if (found == target.keys.end()) {
      target.keys.push_back(local.keys[i]);
      target.parts.push_back(std::move(part));
      continue;
    }
    ConfigNode& old = target.parts[static_cast<std::size_t>(found - target.keys.begin())];
    if (old.is_object() && part.is_object() && !other_type(old, part)) {
      merge(old, std::move(part));
    } else {
      old = std::move(part);
    }
  }
}

std::vector<std::string> object_paths(const ConfigNode& node) {
  std::vector<std::string> paths;
  collect_objects(node, "", paths);
  return paths;
}

}  // namespace deneb::detail
