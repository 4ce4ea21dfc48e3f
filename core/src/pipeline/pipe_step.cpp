#include <deneb/io/files.h>
#include <deneb/pipeline/pipe_step.h>
#include <deneb/random.h>

#include <filesystem>

namespace deneb {

std::uint64_t RunContext::step_seed() const {
  return derive_seed(static_cast<std::uint64_t>(general.seed), step);
}

std::string RunContext::output_folder() const {
  const std::string folder = task_folder + "/output/" + step;
  make_directories(folder);
  return folder;
}

bool ValidationContext::check_input_file(const std::string& key, const std::string& path) const {
  if (path.empty() ||
      std::filesystem::path(path).lexically_normal().string().rfind(task_folder + "/", 0) == 0) {
    return false;
  }
  if (std::filesystem::exists(path)) return true;
  throw DataError(key + ": " + path + " does not exist; make it first or name another file");
}

PipeStep::~PipeStep() = default;
void PipeStep::validate(const ValidationContext&) const {}
std::vector<std::string> PipeStep::takes(bool) const { return {}; }
std::vector<std::string> PipeStep::gives() const { return {}; }

}  // namespace deneb
