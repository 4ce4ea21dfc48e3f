#include <dlfcn.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <sstream>

#include <deneb/plugin/loader.h>

namespace deneb {
namespace {

namespace fs = std::filesystem;

/// An address inside libdeneb. Not an exported function, whose address may be one in the program.
const char kAnchor = 0;

std::string library_directory() {
  Dl_info info{};
  if (dladdr(&kAnchor, &info) == 0 || !info.dli_fname) {
    throw PluginError("cannot find out where libdeneb lies; name the plugin folders by --plugin");
  }
  return fs::weakly_canonical(info.dli_fname).parent_path().string();
}

void add_once(std::vector<std::string>& paths, const fs::path& path) {
  fs::path normal = fs::absolute(path).lexically_normal();
  if (!normal.has_filename()) normal = normal.parent_path();  // "/a/" and "/a" are one
  const std::string text = normal.string();
  if (std::find(paths.begin(), paths.end(), text) == paths.end()) paths.push_back(text);
}

void add_absolute(std::vector<std::string>& paths, const std::string& path,
                  const std::string& source) {
  if (!fs::path(path).is_absolute()) {
    throw PluginError(source + ": '" + path +
                      "' is a relative path, which would depend on the working directory; give an "
                      "absolute one");
  }
  add_once(paths, path);
}

}  // namespace

std::string default_plugin_directory() {
  // Found once: the name that dladdr knows may be relative to the directory of the start.
  static const std::string directory = library_directory() + "/deneb/plugins";
  return directory;
}

std::vector<std::string> plugin_search_path(const std::vector<std::string>& from_pipeline_file,
                                            const std::vector<std::string>& from_command_line) {
  std::vector<std::string> paths;
  for (const std::string& path : from_pipeline_file) add_absolute(paths, path, "plugins");
  for (const std::string& path : from_command_line) {
    if (path.empty()) throw PluginError("--plugin: the path is empty; name a file or a folder");
    add_once(paths, path);
  }
  if (const char* variable = std::getenv("DENEB_PLUGIN_PATH")) {
    std::istringstream items(variable);
    for (std::string path; std::getline(items, path, ':');) {
      // An empty item would mean the working directory elsewhere; here it means nothing.
      if (!path.empty()) add_absolute(paths, path, "DENEB_PLUGIN_PATH");
    }
  }
  std::error_code error;
  if (fs::is_directory(default_plugin_directory(), error)) {
    add_once(paths, default_plugin_directory());
  }
  return paths;
}

}  // namespace deneb
