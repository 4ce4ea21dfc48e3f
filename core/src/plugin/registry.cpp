#include <deneb/plugin/registry.h>

#include <map>
#include <utility>

namespace deneb {

Registrar::~Registrar() = default;

namespace {

/// Collects what one plugin registers, so that all of it or nothing gets into the registry.
class ScratchRegistrar final : public Registrar {
 public:
  explicit ScratchRegistrar(std::string plugin) : plugin_(std::move(plugin)) {}

  void add_entry(RegistryEntry entry) override {
    entry.plugin = plugin_;
    entries.push_back(std::move(entry));
  }

  std::vector<RegistryEntry> entries;

 private:
  std::string plugin_;
};

/// Destroyed from the last member to the first: the object goes before the code it needs.
struct ObjectWithLibrary {
  std::shared_ptr<void> library;
  std::shared_ptr<void> object;
};

std::string quoted(const std::string& kind, const std::string& name) {
  return kind + " '" + name + "'";
}

std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

void check_complete(const RegistryEntry& entry) {
  if (entry.kind.empty() || entry.name.empty() || !entry.make || !entry.options) {
    throw PluginError("plugin '" + entry.plugin + "' registers " + quoted(entry.kind, entry.name) +
                      " without a kind, name, options or make function; use Registrar::add()");
  }
}

void throw_if_any(const Diagnostics& diagnostics, const RegistryEntry& entry) {
  if (diagnostics.empty()) return;
  std::string text = "options of " + quoted(entry.kind, entry.name) + ":";
  for (const Problem& problem : diagnostics.problems()) {
    text += "\n  " + problem.path + ": " + problem.message;
  }
  throw ConfigError(text);
}

}  // namespace

struct Registry::Impl {
  struct Record {
    RegistryEntry entry;
    std::shared_ptr<void> library;
  };
  using Key = std::pair<std::string, std::string>;  // kind, name
  std::map<Key, Record> records;
};

Registry::Registry() : impl_(std::make_unique<Impl>()) {}
Registry::~Registry() = default;

void Registry::add_entry(RegistryEntry entry, std::shared_ptr<void> library) {
  std::vector<RegistryEntry> entries;
  entries.push_back(std::move(entry));
  add_entries(std::move(entries), std::move(library));
}

void Registry::add_entries(std::vector<RegistryEntry> entries, std::shared_ptr<void> library) {
  std::map<Impl::Key, Impl::Record> fresh;
  for (RegistryEntry& entry : entries) {
    if (entry.plugin.empty()) entry.plugin = "core";
    check_complete(entry);
    const Impl::Key key(entry.kind, entry.name);
    if (const RegistryEntry* other = find(entry.kind, entry.name)) {
      throw PluginError(quoted(entry.kind, entry.name) + " of plugin '" + entry.plugin +
                        "' is registered already by plugin '" + other->plugin +
                        "'; rename one of them or load only one of the two plugins");
    }
    const std::string owner = entry.plugin;
    // The options' walk is plugin code too, and validation calls it without an object at hand.
    entry.options = [inner = std::move(entry.options), owner, stage = "options of " + entry.name](
                        OptionVisitor& visitor) { guard(owner, stage, [&] { inner(visitor); }); };
    if (!fresh.emplace(key, Impl::Record{std::move(entry), library}).second) {
      throw PluginError("plugin '" + owner + "' registers " + quoted(key.first, key.second) +
                        " twice; give each class its own name");
    }
  }
  impl_->records.merge(fresh);  // moves nodes and cannot fail: all or nothing
}

void Registry::add_plugin(const std::string& plugin,
                          const std::function<void(Registrar&)>& register_all,
                          std::shared_ptr<void> library) {
  ScratchRegistrar scratch(plugin);
  guard(plugin, "register_all", [&] { register_all(scratch); });
  add_entries(std::move(scratch.entries), std::move(library));
}

const RegistryEntry* Registry::find(const std::string& kind, const std::string& name) const {
  const auto found = impl_->records.find({kind, name});
  return found == impl_->records.end() ? nullptr : &found->second.entry;
}

const RegistryEntry& Registry::at(const std::string& kind, const std::string& name) const {
  if (const RegistryEntry* entry = find(kind, name)) return *entry;
  const std::vector<std::string> known = names(kind);
  if (known.empty()) {
    throw PluginError("unknown " + quoted(kind, name) + ": no loaded plugin brings a " + kind +
                      "; add the plugin by --plugin, \"plugins\" in the pipeline file or "
                      "DENEB_PLUGIN_PATH");
  }
  const std::string near = nearest_name(name, known);
  throw PluginError(
      "unknown " + quoted(kind, name) + (near.empty() ? "." : "; did you mean '" + near + "'?") +
      " Registered: " + joined(known) + ". If another plugin brings it, add that by --plugin");
}

std::vector<const RegistryEntry*> Registry::entries(const std::string& kind) const {
  std::vector<const RegistryEntry*> found;
  for (const auto& [key, record] : impl_->records) {
    if (kind.empty() || key.first == kind) found.push_back(&record.entry);
  }
  return found;
}

const OptionWalk* Registry::options_of(const std::string& kind, const std::string& name) const {
  const RegistryEntry* entry = find(kind, name);
  return entry ? &entry->options : nullptr;
}

std::vector<std::string> Registry::names(const std::string& kind) const {
  std::vector<std::string> found;
  for (const RegistryEntry* entry : entries(kind)) found.push_back(entry->name);
  return found;
}

std::shared_ptr<void> Registry::make_erased(const std::string& kind, const PluginSpec& spec) const {
  if (!spec) throw ConfigError("no " + kind + " is given; set its \"type\"");
  const RegistryEntry& entry = at(kind, spec.type);
  const nlohmann::json options =
      spec.options.is_null() ? nlohmann::json::object() : nlohmann::json(spec.options);

  // Read once into a throw-away struct, so that no constructor ever sees options that are wrong.
  Diagnostics problems;
  read_options(entry.options, options, entry.name, *this, problems);
  throw_if_any(problems, entry);

  ObjectWithLibrary held{impl_->records.find({kind, spec.type})->second.library, nullptr};
  guard(entry.plugin, "construction of " + entry.name, [&] {
    const OptionWalk construct = [&](OptionVisitor& visitor) { held.object = entry.make(visitor); };
    read_options(construct, options, entry.name, *this, problems);
  });
  throw_if_any(problems, entry);
  if (!held.object) {
    throw PluginError("plugin '" + entry.plugin + "' made no object for " +
                      quoted(kind, spec.type) + "; its make function returned nullptr");
  }
  void* const object = held.object.get();
  // The deleter of `holder` is compiled here, in libdeneb, and outlives every plugin.
  auto holder = std::make_shared<ObjectWithLibrary>(std::move(held));
  return std::shared_ptr<void>(std::move(holder), object);
}

}  // namespace deneb
