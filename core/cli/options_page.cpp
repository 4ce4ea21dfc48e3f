#include "options_page.h"

#include <deneb/pipeline/pipe_step.h>

#include <algorithm>
#include <sstream>
#include <utility>

namespace deneb::cli {
namespace {

const std::vector<std::pair<std::string, std::string>>& known_kinds() {
  static const std::vector<std::pair<std::string, std::string>> list = {
      {"pipe_step", "Steps"},
      {"search_algorithm", "Searches"},
      {"network", "Networks"},
      {"dataset", "Datasets"},
      {"trainer", "Trainers"},
      {"criterion", "Criteria"},
      {"evaluator", "Evaluators"},
      {"quantizer", "Quantizers"},
      {"cost_model", "Cost models"},
      {"report", "Reports"},
      {"comparison_report", "Comparisons"},
  };
  return list;
}

const char kIntroduction[] =
    "# Options\n\n"
    "Made by `deneb describe --all` from the declarations in the code; changes here are lost.\n"
    "`deneb schema` gives the same to editors, `deneb describe KIND NAME` to a terminal.\n\n"
    "A pipeline file is a JSON object (comments are allowed):\n\n"
    "| key | meaning |\n"
    "| --- | --- |\n"
    "| `pipeline` | names of the steps, in the order they run |\n"
    "| `general` | [where results go, seed, device, workers](#general) |\n"
    "| `plugins` | further plugin files or folders, relative to the file |\n"
    "| name of a step | its [section](#steps); `pipe_step.type` says which kind of step it is |\n\n"
    "Where a type is \"... plugin\", the value is an object whose `type` names the plugin; its\n"
    "options stand beside it: `\"network\": {\"type\": \"ResNetCifar\", \"depth\": 20}`. Where "
    "such an\n"
    "option has a default, a block without `type` sets options of that plugin: `\"trainer\": "
    "{\"epochs\": 3}`.\n"
    "Any object may be `{\"ref\": \"a.b\", ...}`: a copy of block `a.b` with the keys given here "
    "in place of\n"
    "its own; `{\"ref\": \"../other.json#a.b\"}` copies it from another JSON file, which need not\n"
    "be a pipeline. Paths of files are relative to the file in which they stand; where an earlier "
    "step makes the\n"
    "file, its name is `step:kind`. `{local_base_path}` in a string stands for the task folder,\n"
    "`{pipeline_dir}` for the folder of the pipeline file, `{data}` for the one that\n"
    "scripts/fetch_data.sh fills ($DENEB_DATA, or ${XDG_CACHE_HOME:-~/.cache}/deneb/data).\n";

std::string cell(const std::string& text) {
  std::string escaped;
  for (const char c : text) {
    if (c == '|') escaped += '\\';
    escaped += c == '\n' ? ' ' : c;
  }
  return escaped;
}

std::string code(const std::string& text) { return text.empty() ? "" : "`" + cell(text) + "`"; }

void write_rows(std::ostringstream& out, const OptionWalk& walk) {
  const std::vector<OptionRow> rows = option_rows(walk);
  if (rows.empty()) {
    out << "No options.\n";
    return;
  }
  out << "| option | type | default | range | meaning |\n| --- | --- | --- | --- | --- |\n";
  for (const OptionRow& row : rows) {
    out << "| " << code(row.key) << " | " << cell(row.type) << " | " << code(row.value) << " | "
        << cell(row.range) << " | " << cell(row.help) << " |\n";
  }
}

}  // namespace

std::string kind_title(const std::string& kind) {
  for (const auto& [name, title] : known_kinds()) {
    if (name == kind) return title;
  }
  return kind;
}

std::vector<std::string> kinds(const Registry& registry) {
  std::vector<std::string> list;
  for (const auto& known : known_kinds()) {
    if (!registry.entries(known.first).empty()) list.push_back(known.first);
  }
  for (const RegistryEntry* entry : registry.entries()) {
    if (std::find(list.begin(), list.end(), entry->kind) == list.end()) {
      list.push_back(entry->kind);
    }
  }
  return list;
}

std::string options_page(const Registry& registry) {
  std::ostringstream out;
  out << kIntroduction << "\n## General\n\n";
  GeneralOptions general;
  write_rows(out, walk(general));
  for (const std::string& kind : kinds(registry)) {
    out << "\n## " << kind_title(kind) << "\n";
    for (const RegistryEntry* entry : registry.entries(kind)) {
      out << "\n### " << entry->name << "\n\n"
          << entry->help << " (plugin `" << entry->plugin << "`)\n\n";
      write_rows(out, entry->options);
    }
  }
  return out.str();
}

}  // namespace deneb::cli
