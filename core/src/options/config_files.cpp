#include "options/config_files.h"

#include <filesystem>
#include <system_error>

namespace deneb::detail {
namespace {

namespace fs = std::filesystem;

// No sensible set of pipelines comes near these.
constexpr std::size_t kMaxFiles = 64;
constexpr std::uintmax_t kMaxBytes = 4 << 20;

/// One spelling for every path to the same file.
std::string identity(const fs::path& path) {
  std::error_code error;
  const fs::path whole = fs::weakly_canonical(fs::absolute(path, error), error);
  return error ? path.string() : whole.string();
}

/// A file of the same folder with nearly this name, as it would be written in the reference.
std::string near_file(const fs::path& written, const fs::path& path) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator it(path.parent_path(), error), end; !error && it != end;
       it.increment(error)) {
    if (it->path().extension() == ".json") names.push_back(it->path().filename().string());
  }
  const std::string near = nearest_name(path.filename().string(), names);
  return near.empty() ? "" : (written.parent_path() / near).string();
}

}  // namespace

ConfigFiles::ConfigFiles(const ConfigDocument& document) : names_{document.file} {
  roots_.push_back(to_node(document, 0));
  if (!document.file.empty()) known_[identity(document.file)] = 0;
}

std::optional<std::size_t> ConfigFiles::open(const std::string& name, std::size_t from,
                                             std::string& why) {
  const fs::path folder = fs::path(names_[from]).parent_path();
  const fs::path path = (folder / name).lexically_normal();
  const std::string key = identity(path);
  const auto known = known_.find(key);
  if (known != known_.end()) return known->second;
  known_[key] = std::nullopt;

  std::error_code error;
  if (!fs::exists(path, error)) {
    const std::string near = near_file(name, folder.empty() ? fs::path(".") / path : path);
    why = path.string() + " does not exist; " +
          (near.empty() ? "the path is relative to the file that holds the reference"
                        : "did you mean '" + near + "'?");
    return std::nullopt;
  }
  if (!fs::is_regular_file(path, error)) {
    why = path.string() + " is no regular file; name a JSON file";
    return std::nullopt;
  }
  if (fs::file_size(path, error) > kMaxBytes) {
    why = path.string() + " is larger than " + std::to_string(kMaxBytes >> 20) +
          " MiB; keep blocks that are shared in a small file";
    return std::nullopt;
  }
  if (roots_.size() >= kMaxFiles) {
    why = "references lead to more than " + std::to_string(kMaxFiles) +
          " files; put what is shared into fewer files";
    return std::nullopt;
  }
  try {
    roots_.push_back(to_node(read_config(path.string()), names_.size()));
  } catch (const ConfigError& e) {
    why = e.what();
    return std::nullopt;
  }
  names_.push_back(path.string());
  known_[key] = roots_.size() - 1;
  return known_[key];
}

}  // namespace deneb::detail
