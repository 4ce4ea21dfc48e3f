#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <deneb/errors.h>
#include <deneb/options/config.h>
#include <deneb/options/options.h>

namespace deneb {

/// One registered class. Key = (kind, name).
struct RegistryEntry {
  std::string kind;    ///< "network", "dataset", "search_algorithm", "quantizer", ...
  std::string name;    ///< as in the papers: "QuantEA", "ResNetCifar"
  std::string help;    ///< one line
  std::string plugin;  ///< plugin that brought it; "core" for built-ins
  OptionWalk options;  ///< walks a default-constructed options struct; runs under guard()
  /// Reads options through the visitor and constructs; the pointer is an Interface*.
  std::function<std::shared_ptr<void>(OptionVisitor&)> make;
};

/// What a plugin's registration function sees.
class DENEB_API Registrar {
 public:
  virtual ~Registrar();
  virtual void add_entry(RegistryEntry entry) = 0;

  /// Registers class T under Interface::kKind. T has a nested type `Options` (with `visit`) and a
  /// constructor from `const Options&`.
  template <class Interface, class T>
  void add(const std::string& name, const std::string& help) {
    using Options = typename T::Options;
    RegistryEntry entry;
    entry.kind = Interface::kKind;
    entry.name = name;
    entry.help = help;
    entry.options = [](OptionVisitor& visitor) {
      Options fresh{};
      visitor.visit(fresh);
    };
    entry.make = [](OptionVisitor& reader) -> std::shared_ptr<void> {
      Options options{};
      reader.visit(options);
      return std::shared_ptr<Interface>(std::make_shared<T>(options));
    };
    add_entry(std::move(entry));
  }
};

/// All registered classes, by kind and name. Filled at start-up, then read-only; reading is
/// thread-safe.
class DENEB_API Registry final : public PluginCatalog {
 public:
  Registry();
  ~Registry() override;

  /// PluginError that names both plugins when (kind, name) exists already.
  void add_entry(RegistryEntry entry, std::shared_ptr<void> library = nullptr);
  /// All or nothing: after an error the registry is as before.
  void add_entries(std::vector<RegistryEntry> entries, std::shared_ptr<void> library);
  /// Runs `register_all` into a scratch registry under guard() and then adds all entries or none.
  /// Built-in classes of the core come in this way too, with plugin name "core".
  void add_plugin(const std::string& plugin, const std::function<void(Registrar&)>& register_all,
                  std::shared_ptr<void> library = nullptr);

  const RegistryEntry* find(const std::string& kind, const std::string& name) const;
  /// As find, but throws PluginError that lists the nearest name and all registered ones.
  const RegistryEntry& at(const std::string& kind, const std::string& name) const;
  std::vector<const RegistryEntry*> entries(const std::string& kind = "") const;  ///< sorted

  const OptionWalk* options_of(const std::string& kind, const std::string& name) const override;
  std::vector<std::string> names(const std::string& kind) const override;

  /// Constructs the plugin object of a spec. Wrong options are one ConfigError that lists them
  /// all, and the constructor does not run. Errors of the constructor come out as PluginError with
  /// the plugin's name (deneb errors keep their type). The object may outlive the registry: the
  /// pointer keeps the plugin's library loaded.
  template <class Interface>
  std::shared_ptr<Interface> make(const PluginSpec& spec) const {
    return std::static_pointer_cast<Interface>(make_erased(Interface::kKind, spec));
  }

 private:
  std::shared_ptr<void> make_erased(const std::string& kind, const PluginSpec& spec) const;
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Runs `fn`, a call into a plugin. What it throws leaves as a new object of libdeneb with the text
/// copied, so that no exception object owned by a plugin gets out: a deneb error keeps its type and
/// text; lack of memory becomes RunError; anything else becomes PluginError with plugin and stage
/// before the text, or RunError with the stage for the plugin "core".
/// `stage`: "register_all", "run", ...
DENEB_API void guard(const std::string& plugin, const std::string& stage,
                     const std::function<void()>& fn);

/// Where guard() writes the full text of a LibTorch error, whose backtrace is left out of the
/// PluginError. Called by one thread at a time. Initially, and when empty: nowhere.
DENEB_API void set_plugin_error_log(std::function<void(const std::string&)> log);

}  // namespace deneb
