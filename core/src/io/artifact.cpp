#include <deneb/io/artifact.h>
#include <deneb/io/files.h>
#include <deneb/io/json.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <regex>

namespace deneb {
namespace {

namespace fs = std::filesystem;

std::string record_in(const std::string& step_folder) { return step_folder + "/artifacts.json"; }

}  // namespace

std::optional<ArtifactReference> parse_artifact_reference(const std::string& text) {
  static const std::regex pattern("([A-Za-z0-9_][A-Za-z0-9_.-]*):([a-z][a-z0-9_]*)");
  std::smatch match;
  if (!std::regex_match(text, match, pattern)) return std::nullopt;
  return ArtifactReference{match[1], match[2]};
}

std::vector<Artifact> read_artifacts(const std::string& step_folder) {
  const std::string path = record_in(step_folder);
  if (!fs::exists(path)) return {};
  const auto record = parse_ordered_json(read_file(path));
  if (!record.is_object()) {
    throw DataError(path + ": is damaged; run the step that left it again (--from)");
  }
  std::vector<Artifact> artifacts;
  for (const auto& [kind, file] : record.items()) {
    if (!file.is_string()) throw DataError(path + ": " + kind + " is no path");
    const fs::path joined = fs::path(step_folder) / file.get<std::string>();
    std::string text = joined.lexically_normal().string();
    if (text.size() > 1 && text.back() == '/') text.pop_back();
    artifacts.push_back({kind, text});
  }
  return artifacts;
}

void write_artifacts(const std::string& step_folder, const std::vector<Artifact>& artifacts) {
  auto record = nlohmann::ordered_json::object();
  for (const Artifact& artifact : artifacts) {
    const fs::path relative = fs::path(artifact.file).lexically_relative(step_folder);
    // The folder of a step lies two levels below its task's, which may be moved as a whole.
    const bool outside = relative.string().rfind("../../..", 0) == 0;
    record[artifact.kind] = outside ? artifact.file : relative.string();
  }
  write_file_atomically(record_in(step_folder), record.dump(1) + "\n");
}

std::string find_artifact(const std::string& step_folder, const std::string& kind) {
  for (const Artifact& artifact : read_artifacts(step_folder)) {
    if (artifact.kind == kind) return artifact.file;
  }
  return "";
}

}  // namespace deneb
