#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include <deneb/errors.h>

/// Options are declared once, by a `visit` member template, and every use follows from it: reading
/// JSON, validation, `deneb describe`, the JSON Schema, docs/OPTIONS.md and config.resolved.json.
///
///   struct QuantEaPolicy {
///     int num_generation = 50;
///     template <class V> void visit(V& v) {
///       v("num_generation", num_generation, "generations to run", {1, 1e6});
///     }
///   };
///
/// Defaults live in the member initialisers and nowhere else; they must be finite (use
/// std::optional for "not set"). A struct may add `void check(deneb::OptionErrors&) const` for
/// rules that span fields. The keys "ref" (a reference to another block) and, in plugin blocks,
/// "type" are taken: no option may be called so.
///
/// Nothing here is synchronised: one thread walks one struct at a time.
namespace deneb {

/// Inclusive range of a number (or of every element of a list of numbers).
struct Range {
  double low = -std::numeric_limits<double>::infinity();
  double high = std::numeric_limits<double>::infinity();
};

/// A place in a pipeline file that names a plugin: `{"type": "ResNetCifar", ...its options}`.
/// A member with a type in its initialiser makes that plugin the default: the block may be left
/// out, and a block without "type" sets options of that plugin (`"trainer": {"epochs": 3}`), where
/// keys that are not given keep the values of the initialiser. A block with a "type", be it the
/// same, starts from the plugin's own defaults.
struct PluginSpec {
  std::string type;  ///< registered name; empty = not set
  /// The plugin's own keys (no "type") in declaration order. After read_options all of them are
  /// there, defaults included, and valid; nested plugin blocks likewise, with their "type".
  nlohmann::ordered_json options;
  explicit operator bool() const { return !type.empty(); }
};

/// A word or a list of words: `"int8"` or `["int4", "int8"]`.
struct Words {
  std::vector<std::string> list;

  Words() = default;
  Words(const char* word) : list{word} {}
  Words(std::initializer_list<std::string> words) : list(words) {}
};

class OptionVisitor;

/// A group of options inside another (`"policy": {...}`), erased so that libdeneb can walk it.
struct GroupRef {
  std::function<void(OptionVisitor&)> visit;
};
/// A list of groups (`"objectives": [{...}, {...}]`).
struct GroupListRef {
  std::function<std::size_t()> size;
  std::function<void(std::size_t)> resize;  ///< every element becomes a fresh default
  std::function<void(std::size_t, OptionVisitor&)> visit;  ///< one element
  std::function<void(OptionVisitor&)> visit_default;       ///< a fresh element, for schemas
};
/// A nested plugin of a kind ("dataset", "network", ...).
struct PluginRef {
  PluginSpec* spec;
  const char* kind;
  bool required;
};
/// The name of a file or folder: a path, relative to the file that it is written in, or
/// `step:kind`, the artifact of that kind that an earlier step of the pipeline leaves. The pipeline
/// resolves both before a plugin is constructed for a run; during validation an artifact is not
/// there yet and keeps its `step:kind`.
struct FileRef {
  std::string* path;  ///< empty = none
  const char* kind;   ///< of artifact: "policies", "layer_scores", ...; "" = no step can make it
  bool must_exist;    ///< false: who opens it says better what is missing and where to get it
};

/// Pointer to the member behind a field.
using FieldRef =
    std::variant<bool*, int*, std::int64_t*, double*, std::string*, std::vector<int>*,
                 std::vector<double>*, std::vector<std::string>*, Words*, std::optional<int>*,
                 std::optional<double>*, std::map<std::string, std::string>*, nlohmann::json*,
                 FileRef, GroupRef, GroupListRef, PluginRef>;

struct Field {
  const char* key;
  const char* help;                  ///< one line for `describe` and editors
  Range range;                       ///< numbers and lists of numbers only
  std::vector<std::string> choices;  ///< strings and lists of strings only; empty = any
};

/// Collects every problem that a check finds.
class DENEB_API OptionErrors {
 public:
  virtual ~OptionErrors();
  /// `key` is relative to the struct being checked (`policy.num_individual`; "" = the struct
  /// itself). `message` says what was found, what was expected and what to do.
  virtual void add(const std::string& key, const std::string& message) = 0;
};

namespace detail {
template <class T, class = void>
struct HasVisit : std::false_type {};
template <class T>
struct HasVisit<T, std::void_t<decltype(std::declval<T&>().visit(std::declval<OptionVisitor&>()))>>
    : std::true_type {};
template <class T, class = void>
struct HasCheck : std::false_type {};
template <class T>
struct HasCheck<
    T, std::void_t<decltype(std::declval<const T&>().check(std::declval<OptionErrors&>()))>>
    : std::true_type {};
}  // namespace detail

/// What a `visit` member talks to. Implementations live in libdeneb (reader, writer, schema).
class DENEB_API OptionVisitor {
 public:
  virtual ~OptionVisitor();

  /// One field. Called in declaration order.
  virtual void field(const Field& field, const FieldRef& ref) = 0;
  /// Rules that span fields; called after the fields of a struct. Readers run them when all fields
  /// of the struct could be read; writers and schemas never do.
  virtual void check(const std::function<void(OptionErrors&)>& rules) = 0;

  /// `v(key, member, help)`, for numbers also a range, for strings the allowed values. A member of
  /// a type that FieldRef does not hold (float, unsigned, ...) does not compile.
  template <class T>
  std::enable_if_t<std::is_constructible_v<FieldRef, T*> && !detail::HasVisit<T>::value> operator()(
      const char* key, T& member, const char* help, Range range = {}) {
    field({key, help, range, {}}, FieldRef(&member));
  }
  void operator()(const char* key, std::string& member, const char* help,
                  std::vector<std::string> choices = {}) {
    field({key, help, {}, std::move(choices)}, FieldRef(&member));
  }
  void operator()(const char* key, std::vector<std::string>& member, const char* help,
                  std::vector<std::string> choices = {}) {
    field({key, help, {}, std::move(choices)}, FieldRef(&member));
  }
  /// A group of options, or a list of groups: any struct with a `visit` of its own.
  template <class T>
  std::enable_if_t<detail::HasVisit<T>::value> operator()(const char* key, T& group,
                                                          const char* help) {
    field({key, help, {}, {}}, GroupRef{[&group](OptionVisitor& v) { v.visit(group); }});
  }
  template <class T>
  std::enable_if_t<detail::HasVisit<T>::value> operator()(const char* key, std::vector<T>& groups,
                                                          const char* help) {
    field({key, help, {}, {}},
          GroupListRef{[&groups] { return groups.size(); },
                       [&groups](std::size_t n) { groups.assign(n, T{}); },
                       [&groups](std::size_t i, OptionVisitor& v) { v.visit(groups[i]); },
                       [](OptionVisitor& v) {
                         T fresh{};
                         v.visit(fresh);
                       }});
  }
  /// A nested plugin. `required`: the key must be given (unless the member has a default type).
  void plugin(const char* key, PluginSpec& spec, const char* kind, const char* help,
              bool required = true) {
    field({key, help, {}, {}}, PluginRef{&spec, kind, required});
  }

  /// A file or folder. `kind`: which artifact of an earlier step may stand for it; "" = none.
  void file(const char* key, std::string& path, const char* kind, const char* help,
            bool must_exist = true) {
    field({key, help, {}, {}}, FileRef{&path, kind, must_exist});
  }

  /// Visits a whole options struct: its fields, then its check().
  template <class Options>
  void visit(Options& options) {
    options.visit(*this);
    if constexpr (detail::HasCheck<Options>::value) {
      check([&options](OptionErrors& errors) { options.check(errors); });
    }
  }
};

/// The options of a plugin that has none.
struct NoOptions {
  template <class V>
  void visit(V&) {}
};

}  // namespace deneb
