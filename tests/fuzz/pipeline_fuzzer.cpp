#include <nlohmann/json.hpp>
#include <vector>

#include "fuzz.h"
#include "unit/options/sample_options.h"

namespace {

using namespace deneb;

// Lines that begin with this are assignments of the command line, the others the document.
constexpr char kSet[] = "--set ";

constexpr char kOther[] =
    R"({"sgd": {"type": "SGD", "lr": 0.25}, "list": [{"a": {"name": "flops"}}],
  "here": {"ref": "list[0].a"}, "back": {"ref": "pipeline.json#policy"}})";

void read(const std::string& file, const std::vector<std::string>& assignments) {
  static const deneb::testing::FakeCatalog catalog;
  ConfigDocument document = read_config(file);
  Diagnostics problems;
  problems.set_lines(&document);
  for (const std::string& assignment : assignments) {
    fuzz::read_or_refuse<ConfigError>("",
                                      [&] { apply_assignment(document, assignment, problems); });
  }
  resolve_refs(document, problems);
  deneb::testing::Everything options;
  const bool is_resolved = problems.empty();
  read_options(walk(options), document.value, "", catalog, problems, {"$schema"});
  nlohmann::ordered_json absolute = document.value;
  visit_files(walk(options), absolute, "", catalog,
              [&](const std::string& path, const FileRef&, std::string& text) {
                text = document.origin_of(path) + "/" + text;
              });
  substitute(absolute, {{"local_base_path", "/tasks"}, {"data", "/data"}});
  problems.throw_if_any(file);
  fuzz::require(is_resolved, "a problem stays one");
  const nlohmann::ordered_json written = write_options(walk(options));
  deneb::testing::Everything again;
  Diagnostics none;
  read_options(walk(again), written, "", catalog, none);
  fuzz::require(none.empty(), "options that were read can be read again", none.text(file));
  fuzz::require(write_options(walk(again)) == written, "to the same");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const fuzz::InputFile file("pipeline.json"), other("other.json");
  other.write(kOther);
  std::string document;
  std::vector<std::string> assignments;
  const std::string input = fuzz::bytes_of(data, size);
  for (std::size_t begin = 0; begin < input.size();) {
    const std::size_t end = std::min(input.find('\n', begin), input.size());
    const std::string line = input.substr(begin, end - begin);
    if (line.rfind(kSet, 0) == 0) {
      assignments.push_back(line.substr(sizeof(kSet) - 1));
    } else {
      document += line + "\n";
    }
    begin = end + 1;
  }
  file.write(document);
  fuzz::read_or_refuse<ConfigError>("", [&] { read(file.path(), assignments); });
  return 0;
}
