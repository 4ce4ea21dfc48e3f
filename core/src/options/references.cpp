#include <algorithm>
#include <optional>
#include <utility>

#include <deneb/options/config.h>

#include "options/config_path.h"
#include "options/field_text.h"
#include "options/json_text.h"

namespace deneb {
namespace {

using detail::element_path;
using detail::join_path;
using nlohmann::ordered_json;

// A few nested refs can multiply without end; no sensible file comes near these.
constexpr std::size_t kMaxValues = 20'000;  // copied by all refs together
constexpr std::size_t kMaxOpen = 400;       // blocks that wait for each other

/// A JSON value whose parts know their lines, so that copies keep them.
struct Node {
  int line = 0;
  ordered_json plain;             ///< value, or the empty object or list that `parts` fill
  std::vector<std::string> keys;  ///< objects only, one for each part
  std::vector<Node> parts;

  bool is_object() const { return plain.is_object(); }
  const Node* find(const std::string& key) const {
    const auto found = std::find(keys.begin(), keys.end(), key);
    return found == keys.end() ? nullptr : &parts[static_cast<std::size_t>(found - keys.begin())];
  }
};

std::string part_path(const Node& node, const std::string& path, std::size_t i) {
  return node.is_object() ? join_path(path, node.keys[i]) : element_path(path, i);
}

Node to_node(const ordered_json& value, const std::string& path, const ConfigDocument& document) {
  Node node;
  node.line = document.line_of(path);
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
        document));
  }
  return node;
}

ordered_json to_json(const Node& node, const std::string& path, std::map<std::string, int>& lines) {
  lines[path] = node.line;
  ordered_json value = node.plain;
  for (std::size_t i = 0; i < node.parts.size(); ++i) {
    ordered_json part = to_json(node.parts[i], part_path(node, path, i), lines);
    if (node.is_object()) {
      value[node.keys[i]] = std::move(part);
    } else {
      value.push_back(std::move(part));
    }
  }
  return value;
}

std::string found(const Node& node) {
  std::map<std::string, int> unused;
  return detail::found_text(to_json(node, "", unused));
}

std::size_t count(const Node& node) {
  std::size_t total = 1;
  for (const Node& part : node.parts) total += count(part);
  return total;
}

int depth(const Node& node) {
  int deepest = 0;
  for (const Node& part : node.parts) deepest = std::max(deepest, depth(part) + 1);
  return deepest;
}

bool other_type(const Node& a, const Node& b) {
  const Node* type_a = a.find("type");
  const Node* type_b = b.find("type");
  return type_a != nullptr && type_b != nullptr && type_a->plain != type_b->plain;
}

/// Lays `local` over `target`.
void merge(Node& target, Node local) {
  target.line = local.line;
  for (std::size_t i = 0; i < local.parts.size(); ++i) {
    Node& part = local.parts[i];
    const auto found = std::find(target.keys.begin(), target.keys.end(), local.keys[i]);
    if (found == target.keys.end()) {
      target.keys.push_back(local.keys[i]);
      target.parts.push_back(std::move(part));
      continue;
    }
    Node& old = target.parts[static_cast<std::size_t>(found - target.keys.begin())];
    if (old.is_object() && part.is_object() && !other_type(old, part)) {
      merge(old, std::move(part));
    } else {
      old = std::move(part);
    }
  }
}

bool has_ref(const ordered_json& value) {
  if (value.is_object() && value.contains("ref")) return true;
  if (!value.is_structured()) return false;
  return std::any_of(value.begin(), value.end(), has_ref);
}

void collect_objects(const Node& node, const std::string& path, std::vector<std::string>& paths) {
  if (node.is_object() && !path.empty()) paths.push_back(path);
  for (std::size_t i = 0; i < node.parts.size(); ++i) {
    collect_objects(node.parts[i], part_path(node, path, i), paths);
  }
}

/// Builds resolved copies of blocks of an unchanged document; each block with a ref once.
class Resolver {
 public:
  Resolver(const Node& root, Diagnostics& diagnostics) : root_(root), diagnostics_(diagnostics) {}

  Node run() {
    std::optional<Node> resolved = resolve(root_, "");
    return resolved ? std::move(*resolved) : root_;
  }

 private:
  /// Marks a block as being worked on while it lives.
  class Frame {
   public:
    Frame(std::vector<std::pair<std::string, bool>>& open, const std::string& path, bool is_ref)
        : open_(open) {
      open_.emplace_back(path, is_ref);
    }
    ~Frame() { open_.pop_back(); }
    Frame(const Frame&) = delete;
    Frame& operator=(const Frame&) = delete;

   private:
    std::vector<std::pair<std::string, bool>>& open_;
  };

  /// `node`, which stands at `path`, with all refs in it replaced; nullopt when its own ref fails.
  std::optional<Node> resolve(const Node& node, const std::string& path) {
    const Node* ref = node.is_object() ? node.find("ref") : nullptr;
    if (ref == nullptr) {
      const Frame frame(open_, path, false);
      return resolve_parts(node, path);
    }
    const auto known = resolved_.find(path);
    if (known != resolved_.end()) return known->second;
    std::optional<Node> result;
    {
      const Frame frame(open_, path, true);
      Node local = resolve_parts(node, path);
      std::optional<Node> target = find_target(*ref, path);
      if (target) {
        merge(*target, std::move(local));
        result = std::move(target);
      }
    }
    return resolved_[path] = std::move(result);
  }

  /// Refs of parts that fail stay as they are. Leaves the own "ref" out.
  Node resolve_parts(const Node& node, const std::string& path) {
    Node result;
    result.line = node.line;
    result.plain = node.plain;
    for (std::size_t i = 0; i < node.parts.size(); ++i) {
      if (node.is_object()) {
        if (node.keys[i] == "ref") continue;
        result.keys.push_back(node.keys[i]);
      }
      std::optional<Node> part = resolve(node.parts[i], part_path(node, path, i));
      result.parts.push_back(part ? std::move(*part) : node.parts[i]);
    }
    return result;
  }

  /// The resolved block that `ref` names; nullopt after adding a problem.
  std::optional<Node> find_target(const Node& ref, const std::string& path) {
    const std::string ref_path = join_path(path, "ref");
    if (!ref.plain.is_string() || ref.plain.get_ref<const std::string&>().empty()) {
      return problem(ref_path, "got " + found(ref) +
                                   ", expected the path of a block, such as \"nas.trainer\"");
    }
    const auto& wanted = ref.plain.get_ref<const std::string&>();
    std::string why;
    const auto segments = detail::split_path(wanted, why);
    if (segments.empty()) return problem(ref_path, "'" + wanted + "' is no path: " + why);
    if (open_.size() > kMaxOpen) {
      return problem(ref_path, "references chain through too many blocks; name the last directly");
    }

    const Node* place = &root_;
    std::optional<Node> copy;  // what a ref on the way expands to; `place` points into it then
    std::string at;
    for (const detail::PathSegment& segment : segments) {
      std::size_t index = 0;
      const Node* next = nullptr;
      if (place->is_object()) {
        if (!segment.bracket) next = place->find(segment.key);
      } else if (place->plain.is_array() && segment.index(index) && index < place->parts.size()) {
        next = &place->parts[index];
      }
      if (next == nullptr) return missing(ref_path, wanted, at);
      at = place->is_object() ? join_path(at, segment.key) : element_path(at, index);
      place = next;
      if (!copy && place->is_object() && place->find("ref") != nullptr) {
        if (is_open(at)) return cycle(ref_path, at);
        copy = resolve(*place, at);
        if (!copy) return std::nullopt;  // reported where it stands
        place = &*copy;
      }
    }
    if (!place->is_object()) {
      return problem(ref_path, "'" + wanted + "' is " + found(*place) +
                                   ", expected an object; name the block around it");
    }
    if (!copy && is_open(at)) return cycle(ref_path, at);
    std::optional<Node> target = copy ? *place : resolve(*place, at);
    return target ? limited(std::move(*target), ref_path) : std::nullopt;
  }

  /// `target`, unless it makes the document too large.
  std::optional<Node> limited(Node target, const std::string& ref_path) {
    if (values_ > kMaxValues) return std::nullopt;  // reported once
    if (depth(target) > detail::kMaxJsonDepth) {
      return problem(ref_path, "references nest deeper than " +
                                   std::to_string(detail::kMaxJsonDepth) +
                                   " levels; copy smaller blocks");
    }
    values_ += count(target);
    if (values_ > kMaxValues) {
      return problem(ref_path, "references expand to more than " + std::to_string(kMaxValues) +
                                   " values; copy smaller blocks");
    }
    return target;
  }

  bool is_open(const std::string& path) const {
    return std::any_of(open_.begin(), open_.end(),
                       [&](const auto& frame) { return frame.first == path; });
  }

  std::nullopt_t cycle(const std::string& ref_path, const std::string& target) {
    std::string chain = target;
    bool inside = false;
    for (const auto& [path, is_ref] : open_) {
      if (inside && is_ref) chain += " -> " + path;
      inside = inside || path == target;
    }
    return problem(ref_path, "the reference leads back to itself: " + chain + " -> " + target +
                                 "; write one of these blocks out");
  }

  std::nullopt_t missing(const std::string& ref_path, const std::string& wanted,
                         const std::string& at) {
    std::vector<std::string> paths;
    collect_objects(root_, "", paths);
    const std::string near = nearest_name(wanted, paths);
    std::string message = "there is no block '" + wanted + "'";
    if (!near.empty()) {
      message += "; did you mean '" + near + "'?";
    } else {
      message += at.empty() ? "" : " ('" + at + "' exists)";
      message += "; give the full path of a block in this file";
    }
    return problem(ref_path, message);
  }

  std::nullopt_t problem(const std::string& path, const std::string& message) {
    diagnostics_.add(path, message);
    return std::nullopt;
  }

  const Node& root_;
  Diagnostics& diagnostics_;
  std::vector<std::pair<std::string, bool>> open_;  ///< path, whether it has a ref
  std::map<std::string, std::optional<Node>> resolved_;
  std::size_t values_ = 0;
};

}  // namespace

void resolve_refs(ConfigDocument& document, Diagnostics& diagnostics) {
  if (!has_ref(document.value)) return;
  const Node root = to_node(document.value, "", document);
  const Node resolved = Resolver(root, diagnostics).run();
  std::map<std::string, int> lines;
  document.value = to_json(resolved, "", lines);
  document.lines = std::move(lines);
}

}  // namespace deneb
