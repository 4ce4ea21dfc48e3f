#include <deneb/io/artifact.h>
#include <deneb/io/files.h>
#include <deneb/pipeline/pipe_step.h>
#include <deneb/random.h>

#include <algorithm>
#include <filesystem>

namespace deneb {

PipeStep::~PipeStep() = default;
void PipeStep::validate(const ValidationContext&) const {}
StepOutlook PipeStep::outlook(const ValidationContext&) const { return {}; }
std::vector<std::string> PipeStep::takes(const Registry&, bool) const { return {}; }
std::vector<std::string> PipeStep::gives(const Registry&) const { return {}; }

void ValidationContext::add(Finding::Kind kind, const std::string& text) const {
  if (findings) findings->push_back({kind, step, text});
}

const EarlierStep* ValidationContext::maker(const std::string& file,
                                            const std::string& kind) const {
  const auto reference = parse_artifact_reference(file);
  const std::string path = std::filesystem::path(file).lexically_normal().string();
  const auto makes = [&](const EarlierStep& other) {
    if (reference) return other.name == reference->step;
    if (!file.empty()) return path == other.folder || path.rfind(other.folder + "/", 0) == 0;
    return std::find(other.gives.begin(), other.gives.end(), kind) != other.gives.end();
  };
  const auto found = std::find_if(earlier.rbegin(), earlier.rend(), makes);
  return found == earlier.rend() ? nullptr : &*found;
}

std::uint64_t RunContext::step_seed() const {
  return derive_seed(static_cast<std::uint64_t>(general.seed), step);
}

std::string RunContext::output_folder() const {
  const std::string folder = task_folder + "/output/" + step;
  make_directories(folder);
  return folder;
}

std::string RunContext::input(const std::string& kind) const {
  std::string file;
  for (const auto& name : config.at("pipeline")) {
    const auto earlier = name.get<std::string>();
    if (earlier == step) break;
    const std::string found = find_artifact(task_folder + "/output/" + earlier, kind);
    if (!found.empty()) file = found;
  }
  if (!file.empty()) return file;
  throw RunError("step " + step + ": no earlier step has left " + kind +
                 "; run the step that makes them again (--from)");
}

}  // namespace deneb
