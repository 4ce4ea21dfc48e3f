#include <deneb/data/data_path.h>

#include <cstdlib>
#include <filesystem>

namespace deneb {
namespace {

namespace fs = std::filesystem;

// Absolute and without "..", as far as that can be told.
fs::path normal(const std::string& path) {
  std::error_code error;
  const fs::path absolute = fs::absolute(path, error);
  fs::path result = (error ? fs::path(path) : absolute).lexically_normal();
  return result.has_filename() ? result : result.parent_path();
}

std::string quoted(const std::string& word) {
  const bool plain = word.find_first_not_of(
                         "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                         "/._-+,:@%") == std::string::npos;
  return plain ? word : "'" + word + "'";
}

// The call that fills the folder of `path`, or "": the script fills folders of the set's name only.
std::string fetch_into(const std::string& path, const std::string& name) {
  const std::string command = "scripts/fetch_data.sh " + name;
  const fs::path folder = normal(path).parent_path();
  if (folder == normal(data_directory("", name))) return command;
  if (folder.filename() != name) return "";
  return command + " --dir " + quoted(folder.parent_path().string());
}

}  // namespace

std::string data_root() {
  const auto variable = [](const char* key) -> std::string {
    const char* value = std::getenv(key);
    return value ? value : "";
  };
  const std::string root = variable("DENEB_DATA");
  if (!root.empty()) return root;
  const std::string cache = variable("XDG_CACHE_HOME");
  return (cache.empty() ? variable("HOME") + "/.cache" : cache) + "/deneb/data";
}

std::string missing_path_advice(const std::string& path) {
  const fs::path within = normal(path).lexically_relative(normal(data_root()));
  if (within.empty() || within == "." || *within.begin() == "..") {
    return "make it first or name another file";
  }
  const std::string name = within.begin()->string();
  return "scripts/fetch_data.sh " + name +
         " fetches it, if --help lists that name; else put it there";
}

std::string data_directory(const std::string& given, const std::string& name) {
  return given.empty() ? data_root() + "/" + name : given;
}

void throw_missing_data(const std::string& path, const std::string& name) {
  const std::string command = fetch_into(path, name);
  if (command.empty()) {
    throw DataError(path + ": not found; correct data_path, or leave it out and run `" +
                    "scripts/fetch_data.sh " + name + "`");
  }
  throw DataError(path + ": not found; get it with `" + command +
                  "`, or set data_path to the folder that has it");
}

void throw_damaged_data(const std::string& path, const std::string& what, const std::string& name) {
  const std::string command = fetch_into(path, name);
  if (command.empty()) {
    throw DataError(path + ": " + what + "; put an intact file there, or leave data_path out and " +
                    "run `scripts/fetch_data.sh " + name + "`");
  }
  throw DataError(path + ": " + what + "; replace it with `" + command + "`");
}

}  // namespace deneb
