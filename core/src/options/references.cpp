#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include <deneb/options/config.h>

#include "options/config_files.h"
#include "options/config_path.h"
#include "options/field_text.h"
#include "options/json_text.h"

namespace deneb {
namespace {

using detail::ConfigFiles;
using detail::ConfigNode;
using detail::element_path;
using detail::join_path;
using nlohmann::ordered_json;

// A few nested refs can multiply without end; no sensible file comes near these.
constexpr std::size_t kMaxValues = 20'000;  // copied by all refs together
constexpr std::size_t kMaxOpen = 400;       // blocks that wait for each other
// Each suggestion compares a name with all others, letter by letter.
constexpr std::size_t kMaxSuggestions = 20;
constexpr std::size_t kMaxCandidates = 5000;

std::string found(const ConfigNode& node) { return detail::found_text(node.json()); }

bool has_ref(const ordered_json& value) {
  if (value.is_object() && value.contains("ref")) return true;
  if (!value.is_structured()) return false;
  return std::any_of(value.begin(), value.end(), has_ref);
}

/// Where a block stands.
struct Place {
  std::size_t file = 0;
  std::string path;
  bool operator==(const Place& other) const { return file == other.file && path == other.path; }
  bool operator<(const Place& other) const {
    return file != other.file ? file < other.file : path < other.path;
  }
  Place part(const ConfigNode& node, std::size_t i) const {
    return {file, node.part_path(path, i)};
  }
  Place key(const std::string& name) const { return {file, join_path(path, name)}; }
};

/// A "ref" key.
struct RefPlace : Place {
  int line = 0;
};

/// What a reference asks for.
struct Wanted {
  std::string file_prefix;  ///< "file.json#" as written, or ""
  std::string path;
  std::vector<detail::PathSegment> segments;
  std::size_t file = 0;
};

/// Builds resolved copies of blocks of unchanged documents; each block with a ref once.
class Resolver {
 public:
  Resolver(ConfigFiles& files, Diagnostics& diagnostics)
      : files_(files), diagnostics_(diagnostics) {}

  ConfigNode run() {
    const ConfigNode& root = files_.root(0);
    check_root(0);
    const Frame frame(open_, {}, false);
    return resolve_parts(root, {});
  }

 private:
  struct Open {
    Place place;
    bool is_ref;
  };

  /// Marks a block as being worked on while it lives.
  class Frame {
   public:
    Frame(std::vector<Open>& open, const Place& place, bool is_ref) : open_(open) {
      open_.push_back({place, is_ref});
    }
    ~Frame() { open_.pop_back(); }
    Frame(const Frame&) = delete;
    Frame& operator=(const Frame&) = delete;

   private:
    std::vector<Open>& open_;
  };

  /// `node`, which stands at `place`, with all refs in it replaced; nullopt when its own ref fails.
  std::optional<ConfigNode> resolve(const ConfigNode& node, const Place& place) {
    const ConfigNode* ref = node.is_object() ? node.find("ref") : nullptr;
    if (ref == nullptr) {
      const Frame frame(open_, place, false);
      return resolve_parts(node, place);
    }
    const auto known = resolved_.find(place);
    if (known != resolved_.end()) return known->second;
    std::optional<ConfigNode> result;
    {
      const Frame frame(open_, place, true);
      ConfigNode local = resolve_parts(node, place);
      std::optional<ConfigNode> target = find_target(*ref, place);
      if (target) {
        merge(*target, std::move(local));
        result = std::move(target);
      }
    }
    return resolved_[place] = std::move(result);
  }

  /// Refs of parts that fail stay as they are. Leaves the own "ref" out.
  ConfigNode resolve_parts(const ConfigNode& node, const Place& place) {
    ConfigNode result;
    result.line = node.line;
    result.file = node.file;
    result.plain = node.plain;
    for (std::size_t i = 0; i < node.parts.size(); ++i) {
      if (node.is_object()) {
        if (node.keys[i] == "ref") continue;
        result.keys.push_back(node.keys[i]);
      }
      std::optional<ConfigNode> part = resolve(node.parts[i], place.part(node, i));
      result.parts.push_back(part ? std::move(*part) : node.parts[i]);
    }
    return result;
  }

  /// The resolved block that `ref` names; nullopt after adding a problem.
  std::optional<ConfigNode> find_target(const ConfigNode& ref, const Place& holder) {
    const RefPlace ref_place{holder.key("ref"), ref.line};
    const std::optional<Wanted> wanted = parse(ref, ref_place);
    if (!wanted) return std::nullopt;
    if (open_.size() > kMaxOpen) {
      return problem(ref_place, "references chain through too many blocks; name the last directly");
    }

    const ConfigNode* node = &files_.root(wanted->file);
    std::optional<ConfigNode> copy;  // what a ref on the way expands to; `node` points into it then
    Place at{wanted->file, ""};
    for (const detail::PathSegment& segment : wanted->segments) {
      std::size_t index = 0;
      const ConfigNode* next = nullptr;
      if (node->is_object()) {
        if (!segment.bracket) next = node->find(segment.key);
      } else if (node->plain.is_array() && segment.index(index) && index < node->parts.size()) {
        next = &node->parts[index];
      }
      if (next == nullptr) return missing(ref_place, *wanted, at.path);
      at.path = node->is_object() ? join_path(at.path, segment.key) : element_path(at.path, index);
      node = next;
      if (!copy && node->is_object() && node->find("ref") != nullptr) {
        if (is_open(at)) return cycle(ref_place, at);
        copy = resolve(*node, at);
        if (!copy) return std::nullopt;  // reported where it stands
        node = &*copy;
      }
    }
    if (!node->is_object()) {
      return problem(ref_place, "'" + wanted->file_prefix + wanted->path + "' is " + found(*node) +
                                    ", expected an object; name the block around it");
    }
    if (!copy && is_open(at)) return cycle(ref_place, at);
    std::optional<ConfigNode> target = copy ? *node : resolve(*node, at);
    return target ? limited(std::move(*target), ref_place) : std::nullopt;
  }

  /// Opens the file that the text of a ref names, if it does; nullopt after adding a problem.
  std::optional<Wanted> parse(const ConfigNode& ref, const RefPlace& place) {
    if (!ref.plain.is_string() || ref.plain.get_ref<const std::string&>().empty()) {
      return problem(place, "got " + found(ref) +
                                ", expected the path of a block, such as \"nas.trainer\" or "
                                "\"../other.json#nas.trainer\"");
    }
    const auto& text = ref.plain.get_ref<const std::string&>();
    const std::size_t mark = text.rfind('#');
    Wanted wanted;
    wanted.file = place.file;
    wanted.path = mark == std::string::npos ? text : text.substr(mark + 1);
    if (mark == std::string::npos ? text.find('/') != std::string::npos : wanted.path.empty()) {
      return problem(place, "'" + text + "' names a file but no block in it; write \"" +
                                text.substr(0, mark) + "#nas.trainer\" for its block nas.trainer");
    }
    if (mark == 0) return problem(place, "'" + text + "' names no file before '#'; remove the '#'");
    std::string why;
    wanted.segments = detail::split_path(wanted.path, why);
    if (wanted.segments.empty()) return problem(place, "'" + text + "' is no path: " + why);
    if (mark == std::string::npos) return wanted;

    wanted.file_prefix = text.substr(0, mark + 1);
    const std::optional<std::size_t> file = files_.open(text.substr(0, mark), place.file, why);
    if (!file) {
      if (!why.empty()) problem(place, why);
      return std::nullopt;
    }
    wanted.file = *file;
    check_root(*file);
    return wanted;
  }

  /// Blocks of a document that were a reference itself would mean two things.
  void check_root(std::size_t file) {
    const ConfigNode* ref = files_.root(file).find("ref");
    if (ref == nullptr || !roots_with_ref_.insert(file).second) return;
    problem({{file, "ref"}, ref->line},
            "a whole file cannot be a reference; put \"ref\" into the blocks that need it");
  }

  /// `target`, unless it makes the document too large.
  std::optional<ConfigNode> limited(ConfigNode target, const RefPlace& ref_place) {
    if (values_ > kMaxValues) return std::nullopt;  // reported once
    if (target.depth() > detail::kMaxJsonDepth) {
      return problem(ref_place, "references nest deeper than " +
                                    std::to_string(detail::kMaxJsonDepth) +
                                    " levels; copy smaller blocks");
    }
    values_ += target.count();
    if (values_ > kMaxValues) {
      return problem(ref_place, "references expand to more than " + std::to_string(kMaxValues) +
                                    " values; copy smaller blocks");
    }
    return target;
  }

  bool is_open(const Place& place) const {
    return std::any_of(open_.begin(), open_.end(),
                       [&](const Open& open) { return open.place == place; });
  }

  std::nullopt_t cycle(const RefPlace& ref_place, const Place& target) {
    std::vector<Place> chain = {target};
    bool inside = false;
    for (const Open& open : open_) {
      if (inside && open.is_ref) chain.push_back(open.place);
      inside = inside || open.place == target;
    }
    chain.push_back(target);
    const bool one_file = std::all_of(chain.begin(), chain.end(), [&](const Place& place) {
      return place.file == ref_place.file;
    });
    std::string text;
    for (const Place& place : chain) {
      if (!text.empty()) text += " -> ";
      text += (one_file ? "" : files_.name(place.file) + "#") + place.path;
    }
    return problem(ref_place, "the reference leads back to itself: " + text +
                                  "; write one of these blocks out");
  }

  std::nullopt_t missing(const RefPlace& ref_place, const Wanted& wanted, const std::string& at) {
    const std::string& prefix = wanted.file_prefix;
    std::string near;
    if (suggestions_++ < kMaxSuggestions) {
      std::vector<std::string> paths = object_paths(files_.root(wanted.file));
      paths.resize(std::min(paths.size(), kMaxCandidates));
      near = nearest_name(wanted.path, paths);
    }
    std::string message = "there is no block '" + prefix + wanted.path + "'";
    if (!near.empty()) {
      message += "; did you mean '" + prefix + near + "'?";
    } else {
      message += at.empty() ? "" : " ('" + prefix + at + "' exists)";
      message += "; give the full path of a block in ";
      message += prefix.empty() ? "this file" : files_.name(wanted.file);
    }
    return problem(ref_place, message);
  }

  std::nullopt_t problem(const RefPlace& place, const std::string& message) {
    if (place.file == 0) {
      diagnostics_.add(place.path, message);
    } else {
      diagnostics_.add({place.path, place.line, message, false, files_.name(place.file)});
    }
    return std::nullopt;
  }

  ConfigFiles& files_;
  Diagnostics& diagnostics_;
  std::vector<Open> open_;
  std::map<Place, std::optional<ConfigNode>> resolved_;
  std::set<std::size_t> roots_with_ref_;
  std::size_t values_ = 0;
  std::size_t suggestions_ = 0;  // looked for
};

}  // namespace

void resolve_refs(ConfigDocument& document, Diagnostics& diagnostics) {
  if (!has_ref(document.value)) return;
  ConfigFiles files(document);
  const ConfigNode resolved = Resolver(files, diagnostics).run();
  document = to_document(resolved, files.names());
}

}  // namespace deneb
