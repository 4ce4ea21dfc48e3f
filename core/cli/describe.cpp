#include <deneb/pipeline/pipe_step.h>

#include <algorithm>
#include <iomanip>
#include <iostream>
#include <nlohmann/json.hpp>

#include "commands.h"
#include "options_page.h"
#include "session.h"
#include "text.h"

namespace deneb::cli {
namespace {

using nlohmann::ordered_json;

const char kGeneral[] = "general";
constexpr std::size_t kHelpWidth = 100;

/// What is described: a plugin, or the `general` section.
struct Subject {
  std::string kind, name, help, plugin;
  OptionWalk options;
};

Subject find_subject(const Registry& registry, const std::string& kind, const std::string& name) {
  const RegistryEntry& entry = registry.at(kind, name);
  return {entry.kind, entry.name, entry.help, entry.plugin, entry.options};
}

Subject general_section() {
  return {"section", kGeneral, "where results go, seed, device, workers", "core",
          [](OptionVisitor& v) {
            GeneralOptions options;
            v.visit(options);
          }};
}

ordered_json to_json(const Subject& subject) {
  ordered_json options = ordered_json::array();
  for (const OptionRow& row : option_rows(subject.options)) {
    options.push_back(
        {{"key", row.key},
         {"type", row.type},
         {"default", row.value.empty() ? ordered_json() : ordered_json::parse(row.value)},
         {"range", row.range},
         {"help", row.help}});
  }
  return {{"kind", subject.kind},
          {"name", subject.name},
          {"help", subject.help},
          {"plugin", subject.plugin},
          {"options", options}};
}

void print_text(const Subject& subject) {
  std::cout << subject.kind << " " << subject.name << " (" << subject.plugin
            << "): " << subject.help << "\n";
  const std::vector<OptionRow> rows = option_rows(subject.options);
  if (rows.empty()) std::cout << "It has no options.\n";
  std::size_t width = 0;
  for (const OptionRow& row : rows) width = std::max(width, row.key.size());
  for (const OptionRow& row : rows) {
    std::cout << "\n  " << std::left << std::setw(static_cast<int>(width)) << row.key << "  "
              << row.type;
    if (!row.value.empty()) std::cout << ", default " << row.value;
    if (!row.range.empty()) std::cout << ", " << row.range;
    const std::string margin(width + 4, ' ');
    std::cout << "\n" << margin << wrapped(row.help, margin.size(), kHelpWidth) << "\n";
  }
}

/// The names of one kind, or of all.
void print_names(const Registry& registry, const std::string& only) {
  const std::vector<std::string> known = kinds(registry);
  if (!only.empty() && std::find(known.begin(), known.end(), only) == known.end()) {
    throw ConfigError("describe: there is no kind '" + only + "'" + suggestion(only, known) +
                      "; there are " + kGeneral + ", " + joined(known));
  }
  if (only.empty()) std::cout << kGeneral << ": " << general_section().help << "\n";
  for (const std::string& kind : known) {
    if (!only.empty() && kind != only) continue;
    std::cout << kind << ":\n";
    for (const RegistryEntry* entry : registry.entries(kind)) {
      std::cout << "  " << entry->name << ": " << entry->help << "\n";
    }
  }
}

Arguments describe_arguments() {
  Arguments arguments(
      {"describe", "[KIND [NAME]] [options]",
       "Explains the options of a plugin: type, default, range and meaning. `deneb describe "
       "general`\nexplains the general section. Without NAME it lists what there is of the kind, "
       "without KIND\neverything.",
       "deneb describe network ResNetCifar\n"
       "deneb describe pipe_step SearchPipeStep\n"
       "deneb describe search_algorithm\n"
       "deneb describe --all > docs/OPTIONS.md"});
  arguments.positionals(0, 2, {"KIND", "NAME"});
  arguments.flag("all", "everything as one Markdown page");
  arguments.flag("json", "as a JSON object (needs KIND and NAME)");
  add_plugin_option(arguments);
  return arguments;
}

}  // namespace

int describe_command(const Words& words) {
  Arguments arguments = describe_arguments();
  if (!arguments.parse(words)) return kExitOk;
  const Words& names = arguments.positionals();
  const bool all = arguments.has("all");
  if (all && (!names.empty() || arguments.has("json"))) {
    throw ConfigError(
        "describe: --all describes everything in Markdown; leave out KIND and --json");
  }
  Session session;
  session.load_plugins(arguments.list("plugin"));
  const Registry& registry = session.registry();
  const bool general = names.size() == 1 && names[0] == kGeneral;
  if (all) {
    std::cout << options_page(registry);
  } else if (general || names.size() == 2) {
    const Subject subject =
        general ? general_section() : find_subject(registry, names[0], names[1]);
    if (arguments.has("json")) {
      std::cout << to_json(subject).dump(2) << "\n";
    } else {
      print_text(subject);
    }
  } else if (arguments.has("json")) {
    throw ConfigError("describe: --json needs KIND and NAME; `deneb plugins --json` lists them");
  } else {
    print_names(registry, names.empty() ? "" : names[0]);
  }
  return kExitOk;
}

}  // namespace deneb::cli
