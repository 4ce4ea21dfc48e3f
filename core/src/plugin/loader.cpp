#include <deneb/plugin/loader.h>

#include <cxxabi.h>

#include <algorithm>
#include <boost/dll/shared_library.hpp>
#include <cstdlib>
#include <filesystem>
#include <system_error>

#include "plugin/elf_file.h"
#include "plugin/manifest.h"

namespace deneb {
namespace {

namespace fs = std::filesystem;
using boost::dll::shared_library;

/// Throws PluginError with the path put before `what`.
[[noreturn]] void refuse(const std::string& path, const std::string& what) {
  throw PluginError("plugin '" + path + "' " + what);
}

fs::path existing(const std::string& path) {
  std::error_code error;
  const fs::path canonical = fs::canonical(path, error);
  if (error) {
    refuse(path, "cannot be opened: " + error.message() +
                     "; check --plugin, \"plugins\" in the pipeline file and DENEB_PLUGIN_PATH");
  }
  return canonical;
}

/// Text that dlerror gave, from the message of Boost.DLL, which wraps it in a misleading one.
std::string load_failure(const std::string& path, const std::string& message) {
  const std::string before = "(dlerror system message: ";
  const std::size_t begin = message.find(before);
  const std::size_t end = message.rfind("): ");
  if (begin == std::string::npos || end == std::string::npos) return message;
  std::string text = message.substr(begin + before.size(), end - begin - before.size());
  if (text.compare(0, path.size() + 2, path + ": ") == 0) text.erase(0, path.size() + 2);

  const std::string undefined = "undefined symbol: ";
  const std::size_t at = text.find(undefined);
  if (at == std::string::npos) {
    return text + "; install what is missing, or rebuild the plugin against this Deneb";
  }
  const std::size_t from = at + undefined.size();
  const std::string symbol = text.substr(from, text.find_first_of(", ", from) - from);
  int status = 0;
  const std::unique_ptr<char, decltype(&std::free)> name(
      abi::__cxa_demangle(symbol.c_str(), nullptr, nullptr, &status), &std::free);
  if (status == 0) text += " (" + std::string(name.get()) + ")";
  return text +
         "; link the library that defines it (LIBRARIES of deneb_add_plugin()), or rebuild the "
         "plugin against this Deneb";
}

/// Loads the library and keeps it until the process ends.
std::shared_ptr<shared_library> load_library(const std::string& path) {
  // Leaked on purpose: destroyed as a global, it could go before tensors that need its code.
  static auto& libraries = *new std::vector<std::shared_ptr<shared_library>>;
  auto library = std::make_shared<shared_library>();
  try {
    library->load(path, boost::dll::load_mode::rtld_now | boost::dll::load_mode::rtld_local);
  } catch (const std::exception& e) {
    refuse(path, "cannot be loaded: " + load_failure(path, e.what()));
  }
  libraries.push_back(library);
  return library;
}

const PluginManifest& manifest_of(const std::string& path, const shared_library& library) {
  // The entry is a pointer to the manifest (BOOST_DLL_ALIAS).
  const auto* manifest = library.get<const PluginManifest*>(detail::our_entry_symbol());
  if (!manifest) refuse(path, "has an entry symbol without a manifest behind it; use DENEB_PLUGIN");
  return *manifest;
}

/// Runs a check of plugin/*.h, whose messages do not name the file.
template <class Check>
auto with_path(const std::string& path, const Check& check) {
  try {
    return check();
  } catch (const PluginError& e) {
    refuse(path, e.what());
  }
}

std::vector<fs::path> shared_objects_below(const std::string& directory,
                                           std::vector<SkippedPlugin>& skipped) {
  std::vector<fs::path> files;
  std::error_code error;
  fs::recursive_directory_iterator it(directory, fs::directory_options::skip_permission_denied,
                                      error);
  for (const fs::recursive_directory_iterator end; !error && it != end; it.increment(error)) {
    std::error_code ignored;  // a dangling link is no plugin either
    if (it->path().extension() == ".so" && !it->is_directory(ignored)) files.push_back(it->path());
  }
  if (error) skipped.push_back({directory, "cannot be listed: " + error.message()});
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace

void PluginLoader::load_file(const std::string& path) {
  const fs::path file = existing(path);
  const std::string name = file.string();
  for (const LoadedPlugin& plugin : loaded_) {
    if (plugin.path == name) return;
  }
  if (!fs::is_regular_file(file)) refuse(name, "is no regular file; expected a shared object");
  with_path(name, [&] { detail::check_entry_symbol(detail::read_elf_exports(name)); });

  const std::shared_ptr<shared_library> library = load_library(name);
  const PluginManifest& manifest = manifest_of(name, *library);
  LoadedPlugin info;
  info.path = name;
  info.warnings = with_path(name, [&] { return detail::check_manifest(manifest); });
  info.name = manifest.name;
  info.version = manifest.version;
  info.summary = manifest.summary;
  info.abi_tag = manifest.abi_tag;
  for (const LoadedPlugin& other : loaded_) {
    if (other.name == info.name) {
      refuse(name, "has the same name '" + info.name + "' as the plugin loaded from '" +
                       other.path + "'; remove one of the two files or rename the plugin");
    }
  }
  try {
    registry_.add_plugin(info.name, manifest.register_all, library);
  } catch (const Interrupted&) {
    throw;
  } catch (const Error& e) {  // whatever register_all threw: it is the plugin that is wrong
    refuse(name, std::string("cannot be registered: ") + e.what());
  }
  loaded_.push_back(std::move(info));
}

void PluginLoader::load_directory(const std::string& directory) {
  for (const fs::path& file : shared_objects_below(directory, skipped_)) {
    try {
      load_file(file.string());
    } catch (const PluginError& e) {
      skipped_.push_back({file.string(), e.what()});
    }
  }
}

void PluginLoader::load_path(const std::string& path) {
  if (fs::is_directory(existing(path))) {
    load_directory(path);
  } else {
    load_file(path);
  }
}

std::vector<std::string> PluginLoader::warnings() const {
  std::vector<std::string> all;
  for (const LoadedPlugin& plugin : loaded_) {
    for (const std::string& warning : plugin.warnings) {
      all.push_back("plugin '" + plugin.path + "' " + warning);
    }
  }
  return all;
}

}  // namespace deneb
