#pragma once

#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include <deneb/options/options.h>

/// Everything between a JSON file on disk and validated options. The usual order:
///
///   ConfigDocument document = read_config(file);           // syntax; throws
///   Diagnostics problems;
///   problems.set_lines(&document);
///   resolve_refs(document, problems);
///   apply_assignment(document, "nas.trainer.epochs=1", problems);  // once per --set
///   read_options(walk(options), document.value, "", registry, problems);
///   problems.throw_if_any(document.file);                  // all of them in one ConfigError
///
/// All functions may run in several threads at once on different objects.
namespace deneb {

/// One problem of a pipeline file (or other JSON input).
struct Problem {
  std::string path;       ///< dotted path: `nas.search_algorithm.objectives[1].name`; "" = the file
  int line = 0;           ///< 1-based line in the file; 0 = not from the file
  std::string message;    ///< what was found, what was expected, what to do
  bool assigned = false;  ///< the value came from apply_assignment (`--set`)
  std::string file{};     ///< where the value stands; "" = the document itself
};

struct ConfigDocument;

/// Collects problems, so that a user sees all of them at once.
class DENEB_API Diagnostics {
 public:
  /// From now on add() looks up the lines and files of paths in `document`, which must live as long
  /// as problems are added (nullptr: stop). It may change in between.
  void set_lines(const ConfigDocument* document) { document_ = document; }

  /// `line` 0: look it up by the path, if set_lines was called.
  void add(std::string path, std::string message, int line = 0);
  void add(Problem problem) { problems_.push_back(std::move(problem)); }
  bool empty() const { return problems_.empty(); }
  /// In the order in which they were added.
  const std::vector<Problem>& problems() const { return problems_; }
  /// `file:line: path: message`, one problem a line, in file order, `file` being the document; then
  /// those of the files that it refers to, then those from the command line as
  /// `--set path: message`. No newline at the end.
  std::string text(const std::string& file) const;
  /// Throws ConfigError with text() unless empty.
  void throw_if_any(const std::string& file) const;

 private:
  std::vector<Problem> problems_;
  const ConfigDocument* document_ = nullptr;
};

/// A JSON document (comments allowed) that remembers where each value stood.
struct DENEB_API ConfigDocument {
  std::string file;              ///< shown in messages
  nlohmann::ordered_json value;  ///< an object; key order is kept
  /// Dotted path (`a.b[2].c`; "" = the document) -> line of the key or list element; 0 = set by
  /// apply_assignment. Keys that contain dots are joined as they are.
  std::map<std::string, int> lines;
  /// Dotted path -> file that the value stands in, where that is another than that of the value
  /// around it. Named as `file` is: absolute or relative to the working directory.
  std::map<std::string, std::string> origins{};

  /// Line of `path` or of its nearest ancestor in the file that it came from; 0 when unknown or not
  /// from a file.
  int line_of(const std::string& path) const;
  /// File that the value at `path`, or else its nearest ancestor, came from: `file`, or one that a
  /// ref named. Relative paths in the value are meant relative to the folder of that file. Values
  /// from apply_assignment belong to `file`.
  const std::string& origin_of(const std::string& path) const;
};

/// Reads and parses a UTF-8 JSON file with `//` and `/* */` comments whose top level is an object.
/// ConfigError `file:line:column: what; what to do` on bad syntax, a key that appears twice, NaN,
/// infinite or overflowing numbers, more than 100 nested levels, or bytes that are not UTF-8;
/// without line and column when the file is missing, a directory or unreadable.
DENEB_API ConfigDocument read_config(const std::string& file);
/// The same from memory; `file` is only shown in messages.
DENEB_API ConfigDocument parse_config(const std::string& text, const std::string& file);

/// What the reader asks about plugins; implemented by the registry.
class DENEB_API PluginCatalog {
 public:
  virtual ~PluginCatalog();
  /// Walks the options of a registered plugin on fresh default values (each call anew), or
  /// nullptr when there is no such plugin.
  virtual const std::function<void(OptionVisitor&)>* options_of(const std::string& kind,
                                                                const std::string& name) const = 0;
  /// Registered names of a kind, for messages and schemas; may be empty.
  virtual std::vector<std::string> names(const std::string& kind) const = 0;
};

/// Walks an options struct with its type erased. `options` must outlive the walk.
using OptionWalk = std::function<void(OptionVisitor&)>;
template <class Options>
OptionWalk walk(Options& options) {
  return [&options](OptionVisitor& v) { v.visit(options); };
}

/// Reads `object` into the options behind `walk`, which is called exactly once. Missing keys keep
/// the member's value. Every problem goes to `diagnostics`, and the member keeps its value then:
/// - unknown keys (nearest name suggested, else all known ones), except those in `ignored`;
/// - wrong types: an integer option takes JSON integers only, a number option any finite number,
///   null only clears std::optional;
/// - numbers out of range and strings that are no choice, also as elements of a list;
/// - missing required plugins, a missing "type" where the member has no default (options.h),
/// unknown
///   plugin types, and problems in the blocks of nested plugins,
///   whose missing options are filled in (PluginSpec::options);
/// - what check() of a struct finds; it runs only if the struct's fields and groups had no problem.
/// `path` is the dotted path of `object`, "" for a whole document. A block that still holds a "ref"
/// is skipped if diagnostics has a problem already (resolve_refs reported it), else reported.
/// Exceptions of a check() pass through.
DENEB_API void read_options(const OptionWalk& walk, const nlohmann::json& object,
                            const std::string& path, const PluginCatalog& catalog,
                            Diagnostics& diagnostics, const std::vector<std::string>& ignored = {});

/// Every option of type file that `object` sets, at any depth and in the blocks of its plugins, in
/// declaration order. `visit` may change the text. `path` is that of `object`. Values and blocks
/// that read_options would refuse are left out.
using FileVisit =
    std::function<void(const std::string& path, const FileRef& option, std::string& text)>;
DENEB_API void visit_files(const OptionWalk& walk, nlohmann::ordered_json& object,
                           const std::string& path, const PluginCatalog& catalog,
                           const FileVisit& visit);

/// All values, defaults included, in declaration order; read_options reads them back to the same.
/// An empty std::optional is null, a plugin that is not set is left out.
DENEB_API nlohmann::ordered_json write_options(const OptionWalk& walk);

/// JSON Schema (draft-07) of the options: an object schema with properties, defaults, ranges,
/// enums, descriptions, `additionalProperties: false`. `extra_keys` are allowed with any value.
/// Nested plugins become `{"allOf": [{"$ref": "#/definitions/<kind>"}, ...], ...}`; the caller puts
/// plugin_schema() of every kind there. A plugin block must have a "type", unless the member has a
/// default: then the block without one is held against that plugin, if `catalog` knows it. Every
/// object may hold a string "ref", and then needs no required keys.
DENEB_API nlohmann::ordered_json options_schema(const OptionWalk& walk,
                                                const std::vector<std::string>& extra_keys = {},
                                                const PluginCatalog* catalog = nullptr);

/// JSON Schema of a plugin block of `kind`: "type" is one of the registered names, and if it is X,
/// then the other keys are X's options (also found below `definitions/<name>`). The keys of a block
/// without "type" are not checked here.
DENEB_API nlohmann::ordered_json plugin_schema(const PluginCatalog& catalog,
                                               const std::string& kind);

/// One row a key, for `deneb describe` and docs/OPTIONS.md.
struct OptionRow {
  std::string key;    ///< dotted for groups: `policy.num_generation`, `objectives[].name`
  std::string type;   ///< "integer", "number", "string", "list of integers", "dataset plugin", ...
  std::string value;  ///< default as JSON text; "" for groups and plugins without default
  std::string range;  ///< "4 .. 100000", ">= 0", "one of reset, step", "required", ""
  std::string help;
};
/// Declaration order; a group has a row of its own (type "group" or "list of groups") and then one
/// for each of its keys.
DENEB_API std::vector<OptionRow> option_rows(const OptionWalk& walk);

/// Nearest of `names` to `name`, or "" when none is near enough to suggest: by edit distance with
/// swaps (at most a third of the length), case and '-' against '_' aside; or a name that `name`
/// begins, or the other way round. The first of equally near ones.
DENEB_API std::string nearest_name(const std::string& name, const std::vector<std::string>& names);

/// Replaces every `{"ref": "a.b", ...}` block, at any depth, by a deep copy of block a.b with the
/// local keys merged over it: objects merge key by key, everything else replaces. A nested block
/// whose "type" differs from the one it would merge with replaces it too, since its keys mean
/// something else. `{"ref": "../other.json#a.b"}` takes the block from another file, whose path is
/// absolute or relative to the file that holds the ref; refs in that file are resolved there. Refs
/// may chain, may pass through other refs and may index lists (`a.b[0]`); paths are those of the
/// document in which they stand, local keys are resolved before they are merged. Keys that come
/// from a.b keep the line and the file (ConfigDocument::origins) where they were written. Of other
/// files only what is asked for is resolved. Problems, which stand at the ref: cycles (with the
/// chain), missing targets and files (nearest one suggested), targets that are no object, files
/// that cannot be read, and refs that together copy more than 20 000 values, nest deeper than 100
/// levels or lead to more than 64 files or to one of more than 4 MiB; the block keeps its "ref"
/// then. A document cannot be a reference as a whole. Call it once for a document.
DENEB_API void resolve_refs(ConfigDocument& document, Diagnostics& diagnostics);

/// `a.b.c=value`: value is JSON, or else taken as a string. List elements are `a[0]` or `a.0`; keys
/// that contain dots cannot be named (set the object around them). Replaces an existing value or
/// adds a key; objects between that the document leaves to their defaults are created, unless the
/// name is unknown at the top level or near an existing one: that is a problem in `diagnostics`,
/// as are list indices that do not exist and steps into a plain value. Types are checked later with
/// the rest. Called after resolve_refs it changes this path only, before it also the copies that
/// refs make, and blocks of other files not at all. Throws ConfigError for an assignment without
/// '=', with a bad path or not in UTF-8.
DENEB_API void apply_assignment(ConfigDocument& document, const std::string& assignment,
                                Diagnostics& diagnostics);

/// Replaces `{name}` by the variable of that name in every string value, at any depth, in one pass
/// (inserted text is not searched again). Other braces, and keys, stay as they are.
DENEB_API void substitute(nlohmann::ordered_json& value,
                          const std::map<std::string, std::string>& variables);

}  // namespace deneb
