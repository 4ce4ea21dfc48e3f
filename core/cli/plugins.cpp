#include <iostream>
#include <nlohmann/json.hpp>
#include <set>

#include "commands.h"
#include "session.h"
#include "text.h"

namespace deneb::cli {
namespace {

using nlohmann::ordered_json;

/// What `plugin` registers, of one kind or ("") of all.
std::vector<const RegistryEntry*> entries_of(const Registry& registry, const std::string& plugin,
                                             const std::string& kind) {
  std::vector<const RegistryEntry*> found;
  for (const RegistryEntry* entry : registry.entries(kind)) {
    if (entry->plugin == plugin) found.push_back(entry);
  }
  return found;
}

void check_kind(const Registry& registry, const std::string& kind) {
  std::set<std::string> kinds;
  for (const RegistryEntry* entry : registry.entries()) kinds.insert(entry->kind);
  if (kind.empty() || kinds.count(kind) != 0) return;
  const std::vector<std::string> known(kinds.begin(), kinds.end());
  throw ConfigError("--kind: no plugin brings a '" + kind + "'" + suggestion(kind, known) +
                    "; there are " + joined(known));
}

ordered_json entries_json(const std::vector<const RegistryEntry*>& entries) {
  ordered_json list = ordered_json::array();
  for (const RegistryEntry* entry : entries) {
    list.push_back({{"kind", entry->kind}, {"name", entry->name}, {"help", entry->help}});
  }
  return list;
}

ordered_json to_json(const Session& session, const std::string& kind) {
  ordered_json plugins = ordered_json::array();
  const auto core = entries_of(session.registry(), "core", kind);
  if (!core.empty()) plugins.push_back({{"name", "core"}, {"registers", entries_json(core)}});
  for (const LoadedPlugin& plugin : session.loader().loaded()) {
    const auto entries = entries_of(session.registry(), plugin.name, kind);
    if (entries.empty() && !kind.empty()) continue;
    plugins.push_back({{"name", plugin.name},
                       {"version", plugin.version},
                       {"summary", plugin.summary},
                       {"path", plugin.path},
                       {"abi_tag", plugin.abi_tag},
                       {"warnings", plugin.warnings},
                       {"registers", entries_json(entries)}});
  }
  ordered_json skipped = ordered_json::array();
  for (const SkippedPlugin& plugin : session.loader().skipped()) {
    skipped.push_back({{"path", plugin.path}, {"reason", plugin.reason}});
  }
  return {{"plugins", plugins}, {"skipped", skipped}};
}

void print_entries(const std::vector<const RegistryEntry*>& entries) {
  for (const RegistryEntry* entry : entries) {
    std::cout << "    " << entry->kind << " " << entry->name << ": " << entry->help << "\n";
  }
}

void print_text(const Session& session, const std::string& kind) {
  const auto core = entries_of(session.registry(), "core", kind);
  if (!core.empty()) {
    std::cout << "core: part of Deneb\n";
    print_entries(core);
  }
  for (const LoadedPlugin& plugin : session.loader().loaded()) {
    const auto entries = entries_of(session.registry(), plugin.name, kind);
    if (entries.empty() && !kind.empty()) continue;
    std::cout << plugin.name << " " << plugin.version << ": " << plugin.summary << "\n"
              << "  " << plugin.path << "\n";
    for (const std::string& warning : plugin.warnings)
      std::cout << "  warning: " << warning << "\n";
    print_entries(entries);
  }
  if (!session.loader().skipped().empty()) std::cout << "skipped:\n";
  for (const SkippedPlugin& plugin : session.loader().skipped()) {
    std::cout << "  " << plugin.reason << "\n";
  }
}

}  // namespace

int plugins_command(const Words& words) {
  Arguments arguments(
      {"plugins", "[options]",
       "Lists the plugins that are loaded and what each brings, then the files that were skipped\n"
       "and why. Plugins come from --plugin, the absolute paths in DENEB_PLUGIN_PATH, and the\n"
       "default folder (`deneb version`). A bad file of a folder is skipped; a bad file that is\n"
       "named itself is an error.",
       "deneb plugins --kind network\n"
       "deneb plugins --plugin ./build/my_network.so --json"});
  arguments.value("kind", "KIND", "only what is of this kind: network, dataset, ...");
  arguments.flag("json", "as a JSON object");
  add_plugin_option(arguments);
  if (!arguments.parse(words)) return kExitOk;
  Session session;
  session.load_plugins(arguments.list("plugin"));
  const std::string kind = arguments.text("kind");
  check_kind(session.registry(), kind);
  if (arguments.has("json")) {
    std::cout << to_json(session, kind).dump(2) << "\n";
  } else {
    print_text(session, kind);
  }
  return kExitOk;
}

}  // namespace deneb::cli
