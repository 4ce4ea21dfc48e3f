#pragma once

#include <deneb/options/config.h>

#include <cstddef>
#include <string>
#include <vector>

namespace deneb::detail {

/// A JSON value whose parts know where they stand, so that copies keep it.
struct ConfigNode {
  int line = 0;
  std::size_t file = 0;           ///< index into the caller's list of files
  nlohmann::ordered_json plain;   ///< value, or the empty object or list that `parts` fill
  std::vector<std::string> keys;  ///< objects only, one for each part
  std::vector<ConfigNode> parts;

  bool is_object() const { return plain.is_object(); }
  /// The part under `key`, or nullptr.
  const ConfigNode* find(const std::string& key) const;
  /// Path of a part of the node at `path`.
  std::string part_path(const std::string& path, std::size_t part) const;
  nlohmann::ordered_json json() const;
  /// Values in it, itself included.
  std::size_t count() const;
  /// Levels below it.
  int depth() const;
};

ConfigNode to_node(const ConfigDocument& document, std::size_t file);

/// The document of a node of the first of `files`, with the lines and origins of its parts.
ConfigDocument to_document(const ConfigNode& node, const std::vector<std::string>& files);

/// Lays the object `local` over the object `target`: objects merge key by key unless their types
/// differ, everything else replaces.
void merge(ConfigNode& target, ConfigNode local);

/// Paths of all objects below the top.
std::vector<std::string> object_paths(const ConfigNode& node);

}  // namespace deneb::detail
