#include <deneb/options/config.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "options/field_text.h"
#include "options/json_text.h"

namespace deneb {
namespace {

using detail::element_path;
using detail::found_text;
using detail::join_path;
using nlohmann::json;
using nlohmann::ordered_json;

const json kNothing = json::object();

/// A "ref" that resolve_refs had to leave has been reported by it.
bool skip_reference(const json& object, const std::string& path, Diagnostics& diagnostics) {
  if (!object.contains("ref")) return false;
  if (diagnostics.empty()) {
    diagnostics.add(join_path(path, "ref"),
                    "a reference that was not resolved; references are only possible in pipeline "
                    "files, write the block out");
  }
  return true;
}

/// "a dataset", "an evaluator".
std::string with_article(const std::string& kind) {
  const bool vowel = !kind.empty() && std::string("aeiou").find(kind[0]) != std::string::npos;
  return (vowel ? "an " : "a ") + kind;
}

/// Lays `local` over `target`: objects key by key, all else replaces. A nested block of another
/// "type" replaces too, since its keys mean something else.
void lay_over(json& target, const json& local) {
  for (const auto& item : local.items()) {
    json& old = target[item.key()];
    const bool other_type = item.value().contains("type") && old.contains("type") &&
                            item.value()["type"] != old["type"];
    if (old.is_object() && item.value().is_object() && !other_type) {
      lay_over(old, item.value());
    } else {
      old = item.value();
    }
  }
}

/// Passes the findings of a check() on, below the path of its struct.
class PathErrors final : public OptionErrors {
 public:
  PathErrors(std::string path, Diagnostics& diagnostics)
      : path_(std::move(path)), diagnostics_(diagnostics) {}
  void add(const std::string& key, const std::string& message) override {
    diagnostics_.add(key.empty() ? path_ : join_path(path_, key), message);
  }

 private:
  std::string path_;
  Diagnostics& diagnostics_;
};

/// Reads plain values; each function returns whether `out` was set and else adds a problem.
class ValueReader {
 public:
  explicit ValueReader(Diagnostics& diagnostics) : diagnostics_(diagnostics) {}

  bool read(const json& value, const std::string& path, const Field&, bool& out) {
    if (!value.is_boolean()) return wrong(path, value, "true or false");
    out = value.get<bool>();
    return true;
  }

  bool read(const json& value, const std::string& path, const Field& field, int& out) {
    std::int64_t wide = 0;
    if (!read_integer(value, path, field, std::numeric_limits<int>::min(),
                      std::numeric_limits<int>::max(), wide)) {
      return false;
    }
    out = static_cast<int>(wide);
    return true;
  }

  bool read(const json& value, const std::string& path, const Field& field, std::int64_t& out) {
    return read_integer(value, path, field, std::numeric_limits<std::int64_t>::min(),
                        std::numeric_limits<std::int64_t>::max(), out);
  }

  bool read(const json& value, const std::string& path, const Field& field, double& out) {
    const std::string expected = with_range("a number", field.range);
    if (!value.is_number()) return wrong(path, value, expected);
    const double number = value.get<double>();
    if (!std::isfinite(number)) return wrong(path, value, "a finite number");
    if (number < field.range.low || number > field.range.high) return wrong(path, value, expected);
    out = number;
    return true;
  }

  bool read(const json& value, const std::string& path, const Field& field, std::string& out) {
    if (!value.is_string()) {
      const bool plain = value.is_number() || value.is_boolean();
      return wrong(path, value, field.choices.empty() ? "a string" : choices_text(field),
                   plain ? "; write \"" + value.dump() + "\"" : "");
    }
    const auto text = value.get<std::string>();
    const auto& choices = field.choices;
    if (!choices.empty() && std::find(choices.begin(), choices.end(), text) == choices.end()) {
      const std::string near = nearest_name(text, choices);
      return wrong(path, value, choices_text(field),
                   near.empty() ? "" : "; did you mean \"" + near + "\"?");
    }
    out = text;
    return true;
  }

  template <class T>
  bool read(const json& value, const std::string& path, const Field& field, std::vector<T>& out) {
    if (!value.is_array()) {
      const bool plain = value.is_primitive() && !value.is_null();
      return wrong(path, value, "a " + detail::type_name(FieldRef(&out)),
                   plain ? "; write [" + value.dump(-1, ' ', false, kReplace) + "]" : "");
    }
    std::vector<T> elements(value.size());
    bool good = true;
    for (std::size_t i = 0; i < value.size(); ++i) {
      good &= read(value[i], element_path(path, i), field, elements[i]);
    }
    if (good) out = std::move(elements);
    return good;
  }

  bool read(const json& value, const std::string& path, const Field& field, Words& out) {
    if (value.is_array()) return read(value, path, field, out.list);
    if (!value.is_string()) {
      const bool plain = value.is_number() || value.is_boolean();
      return wrong(path, value, "a string or a list of strings",
                   plain ? "; write \"" + value.dump() + "\"" : "");
    }
    out.list = {value.get<std::string>()};
    return true;
  }

  template <class T>
  bool read(const json& value, const std::string& path, const Field& field, std::optional<T>& out) {
    if (value.is_null()) {
      out.reset();
      return true;
    }
    T number{};
    if (!read(value, path, field, number)) return false;
    out = number;
    return true;
  }

  bool read(const json& value, const std::string& path, const Field& field,
            std::map<std::string, std::string>& out) {
    if (!value.is_object()) return wrong(path, value, "an object of strings");
    std::map<std::string, std::string> entries;
    bool good = true;
    for (const auto& item : value.items()) {
      good &= read(item.value(), join_path(path, item.key()), field, entries[item.key()]);
    }
    if (good) out = std::move(entries);
    return good;
  }

  bool read(const json& value, const std::string&, const Field&, json& out) {
    out = value;
    return true;
  }

  bool wrong(const std::string& path, const json& value, const std::string& expected,
             const std::string& remedy = "") {
    diagnostics_.add(path, "got " + found_text(value) + ", expected " + expected + remedy);
    return false;
  }

 private:
  static constexpr auto kReplace = json::error_handler_t::replace;

  static std::string with_range(const std::string& what, const Range& range) {
    const std::string text = detail::range_text(range);
    return text.empty() ? what : what + " (" + text + ")";
  }

  static std::string choices_text(const Field& field) { return detail::one_of_text(field.choices); }

  bool read_integer(const json& value, const std::string& path, const Field& field,
                    std::int64_t lowest, std::int64_t highest, std::int64_t& out) {
    const std::string expected = with_range("an integer", field.range);
    if (!value.is_number()) return wrong(path, value, expected);
    const double number = value.get<double>();
    if (!value.is_number_integer()) {
      // A fraction may be a mistake, so 5.0 is not taken silently either.
      const bool whole = std::floor(number) == number && std::abs(number) < 9e15;
      const std::string remedy =
          whole ? "; write " + std::to_string(static_cast<std::int64_t>(number)) : "";
      return wrong(path, value, expected, remedy);
    }
    if (number < field.range.low || number > field.range.high) return wrong(path, value, expected);
    const bool huge = value.is_number_unsigned() &&
                      value.get<std::uint64_t>() > static_cast<std::uint64_t>(highest);
    const auto integer = value.get<std::int64_t>();
    if (huge || integer < lowest || integer > highest) {
      return wrong(
          path, value,
          "an integer (" + std::to_string(lowest) + " .. " + std::to_string(highest) + ")");
    }
    out = integer;
    return true;
  }

  Diagnostics& diagnostics_;
};

/// Reads one object; nested groups and plugins get readers of their own.
class OptionReader final : public OptionVisitor {
 public:
  OptionReader(const json& object, std::string path, const PluginCatalog& catalog,
               Diagnostics& diagnostics, int depth)
      : object_(object),
        path_(std::move(path)),
        catalog_(catalog),
        diagnostics_(diagnostics),
        values_reader_(diagnostics),
        depth_(depth) {}

  void field(const Field& field, const FieldRef& ref) override {
    keys_.push_back(field.key);
    const std::string path = join_path(path_, field.key);
    const auto found = object_.find(field.key);
    const json* value = found == object_.end() ? nullptr : &*found;
    const bool good = std::visit(
        detail::Overloaded{
            [&](const GroupRef& group) { return read_group(field, value, path, group.visit); },
            [&](const GroupListRef& list) { return read_list(field, value, path, list); },
            [&](const PluginRef& plugin) { return read_plugin(field, value, path, plugin); },
            [&](const FileRef& file) {
              const bool read =
                  value == nullptr || values_reader_.read(*value, path, field, *file.path);
              values_[field.key] = *file.path;
              return read;
            },
            [&](auto* member) {
              const bool read =
                  value == nullptr || values_reader_.read(*value, path, field, *member);
              values_[field.key] = detail::plain_value(ref);
              return read;
            }},
        ref);
    clean_ &= good;
  }

  void check(const std::function<void(OptionErrors&)>& rules) override {
    if (!clean_) return;
    const std::size_t before = diagnostics_.problems().size();
    PathErrors errors(path_, diagnostics_);
    rules(errors);
    clean_ = diagnostics_.problems().size() == before;
  }

  /// Reports the keys that no field asked for.
  void finish(const std::vector<std::string>& ignored) {
    for (const auto& item : object_.items()) {
      const std::string& key = item.key();
      if (contains(keys_, key) || contains(ignored, key)) continue;
      std::string near = nearest_name(key, keys_);
      if (near.empty()) near = nearest_name(key, ignored);
      std::string message = "unknown key";
      if (!near.empty()) {
        message += "; did you mean '" + near + "'?";
      } else if (keys_.empty()) {
        message += "; there are no options here, remove it";
      } else {
        message += "; expected " + detail::one_of_text(keys_);
      }
      diagnostics_.add(join_path(path_, key), message);
    }
  }

  /// False when a field, a group inside or a rule had a problem.
  bool clean() const { return clean_; }
  /// Everything read, defaults included, in declaration order.
  ordered_json take_values() { return std::move(values_); }

 private:
  static bool contains(const std::vector<std::string>& names, const std::string& name) {
    return std::find(names.begin(), names.end(), name) != names.end();
  }

  bool read_group(const Field& field, const json* value, const std::string& path,
                  const OptionWalk& walk) {
    ordered_json values = ordered_json::object();
    const bool good = read_block(value == nullptr ? kNothing : *value, path, walk, values);
    values_[field.key] = std::move(values);
    return good;
  }

  bool read_block(const json& value, const std::string& path, const OptionWalk& walk,
                  ordered_json& values) {
    if (!value.is_object()) return values_reader_.wrong(path, value, "an object { ... }");
    if (skip_reference(value, path, diagnostics_) || too_deep(path)) return false;
    OptionReader reader(value, path, catalog_, diagnostics_, depth_ + 1);
    walk(reader);
    reader.finish({});
    values = reader.take_values();
    return reader.clean();
  }

  bool read_list(const Field& field, const json* value, const std::string& path,
                 const GroupListRef& list) {
    ordered_json& all = values_[field.key] = ordered_json::array();
    if (value != nullptr) {
      if (!value->is_array()) {
        return values_reader_.wrong(path, *value, "a list of objects [{ ... }]");
      }
      list.resize(value->size());
    }
    bool good = true;
    for (std::size_t i = 0; i < list.size(); ++i) {
      ordered_json values = ordered_json::object();
      good &= read_block(
          value == nullptr ? kNothing : (*value)[i], element_path(path, i),
          [&](OptionVisitor& visitor) { list.visit(i, visitor); }, values);
      all.push_back(std::move(values));
    }
    return good;
  }

  bool read_plugin(const Field& field, const json* value, const std::string& path,
                   const PluginRef& plugin) {
    PluginSpec& spec = *plugin.spec;
    if (value == nullptr && !spec) {
      if (!plugin.required) return true;
      diagnostics_.add(path, "missing; expected " + with_article(plugin.kind) + " block such as " +
                                 example(plugin.kind));
      return false;
    }
    json block = json::object();
    if (value != nullptr && !value->is_object()) {
      const bool name = value->is_string() &&
                        catalog_.options_of(plugin.kind, value->get<std::string>()) != nullptr;
      return values_reader_.wrong(
          path, *value, with_article(plugin.kind) + " block",
          "; write " + (name ? "{\"type\": " + value->dump() + "}" : example(plugin.kind)));
    }
    if (value != nullptr && skip_reference(*value, path, diagnostics_)) return false;
    // Without a type the block is about the member's plugin, and missing keys keep its values.
    if (spec && (value == nullptr || !value->contains("type"))) {
      if (spec.options.is_object()) block = json(spec.options);
      block["type"] = spec.type;
    }
    if (value != nullptr) lay_over(block, *value);
    PluginSpec result;
    if (!find_type(block, path, plugin, result.type) || too_deep(path)) return false;
    const OptionWalk& walk = *catalog_.options_of(plugin.kind, result.type);
    OptionReader reader(block, path, catalog_, diagnostics_, depth_ + 1);
    walk(reader);
    reader.finish({"type"});
    result.options = reader.take_values();
    values_[field.key] = ordered_json{{"type", result.type}};
    values_[field.key].update(result.options);
    spec = std::move(result);
    // Problems inside the plugin do not concern the rules of this struct.
    return true;
  }

  /// The registered "type" of a plugin block.
  bool find_type(const json& block, const std::string& path, const PluginRef& plugin,
                 std::string& type) {
    const std::string kind = plugin.kind;
    const auto found = block.find("type");
    if (found == block.end()) {
      std::vector<std::string> given;
      for (const auto& item : block.items()) given.push_back(item.key());
      const std::string near = nearest_name("type", given);
      diagnostics_.add(path, "\"type\" is missing" +
                                 (near.empty() ? "" : " (misspelled as \"" + near + "\"?)") +
                                 "; name " + with_article(kind) + " as in " + example(kind));
      return false;
    }
    const std::string type_path = join_path(path, "type");
    if (!found->is_string()) {
      return values_reader_.wrong(type_path, *found, "the name of " + with_article(kind));
    }
    type = found->get<std::string>();
    if (catalog_.options_of(kind, type) != nullptr) return true;
    const std::vector<std::string> names = catalog_.names(kind);
    const std::string near = nearest_name(type, names);
    std::string message = "unknown " + kind + " " + found->dump(-1, ' ', false, kReplace);
    if (names.empty()) {
      message += "; no " + kind + " plugin is loaded, check \"plugins\" and --plugin";
    } else {
      if (!near.empty()) message += "; did you mean \"" + near + "\"?";
      message += (near.empty() ? "; expected " : " (") + detail::one_of_text(names) +
                 (near.empty() ? "" : ")");
    }
    diagnostics_.add(type_path, message);
    return false;
  }

  std::string example(const std::string& kind) const {
    const std::vector<std::string> names = catalog_.names(kind);
    return "{\"type\": \"" + (names.empty() ? "..." : names.front()) + "\"}";
  }

  /// Stops plugins whose defaults contain each other.
  bool too_deep(const std::string& path) {
    if (depth_ < detail::kMaxJsonDepth) return false;
    diagnostics_.add(path, "options nested too deeply; a plugin contains itself by default");
    return true;
  }

  static constexpr auto kReplace = json::error_handler_t::replace;

  const json& object_;
  const std::string path_;
  const PluginCatalog& catalog_;
  Diagnostics& diagnostics_;
  ValueReader values_reader_;
  const int depth_;
  std::vector<std::string> keys_;
  ordered_json values_ = ordered_json::object();
  bool clean_ = true;
};

}  // namespace

void read_options(const OptionWalk& walk, const nlohmann::json& object, const std::string& path,
                  const PluginCatalog& catalog, Diagnostics& diagnostics,
                  const std::vector<std::string>& ignored) {
  const bool usable = object.is_object() && !skip_reference(object, path, diagnostics);
  if (!object.is_object()) ValueReader(diagnostics).wrong(path, object, "an object { ... }");
  // The walk happens in any case, but what it misses then is no further problem.
  Diagnostics unused;
  OptionReader reader(usable ? object : kNothing, path, catalog, usable ? diagnostics : unused, 0);
  walk(reader);
  if (usable) reader.finish(ignored);
}

}  // namespace deneb
