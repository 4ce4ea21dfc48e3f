#include <deneb/io/files.h>
#include <deneb/pipeline/pipe_step.h>
#include <deneb/random.h>

namespace deneb {

PipeStep::~PipeStep() = default;
void PipeStep::validate(const ValidationContext&) const {}
std::vector<std::string> PipeStep::takes(const Registry&, bool) const { return {}; }
std::vector<std::string> PipeStep::gives(const Registry&) const { return {}; }

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
