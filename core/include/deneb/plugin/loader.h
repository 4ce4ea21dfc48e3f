#pragma once

#include <string>
#include <vector>

#include <deneb/plugin/registry.h>

namespace deneb {

/// A loaded plugin, for `deneb plugins` and plugins.json.
struct LoadedPlugin {
  std::string name, version, summary;
  std::string path;                   ///< absolute, links resolved
  std::string abi_tag;                ///< "torch1_13_gxx12_cxx11abi1_cpp17"
  std::vector<std::string> warnings;  ///< differences that usually do no harm (compiler version)
};

/// A file of a directory scan that could not be loaded (a file named explicitly throws instead).
struct SkippedPlugin {
  std::string path, reason;
};

/// Loads plugins into a registry. Checks, each with its own message:
///   1. the file exists and is a complete ELF shared object for this machine;
///   2. it exports a Deneb entry symbol;
///   3. the symbol's name carries our API, LibTorch and C++ ABI (no code of the file ran so far);
///   4. it loads with rtld_now | rtld_local;
///   5. its manifest has our magic, size, API and tags (another compiler version: a warning);
///   6. registration runs into a scratch registry;
///   7. all entries are committed or none.
/// Libraries are never unloaded: a tensor whose graph holds a node of a plugin may live anywhere.
/// Not thread-safe. The registry must outlive the loader.
class DENEB_API PluginLoader {
 public:
  explicit PluginLoader(Registry& registry) : registry_(registry) {}

  /// One shared object; throws PluginError. Loading the same file twice is a no-op, two files with
  /// the same plugin name are an error.
  void load_file(const std::string& path);
  /// Every *.so below `directory` (recursive, sorted). Bad ones are put into skipped().
  void load_directory(const std::string& directory);
  /// A file or a directory; PluginError when it does not exist.
  void load_path(const std::string& path);

  const std::vector<LoadedPlugin>& loaded() const { return loaded_; }
  const std::vector<SkippedPlugin>& skipped() const { return skipped_; }
  /// The warnings of all loaded plugins, each with the plugin's path.
  std::vector<std::string> warnings() const;

 private:
  Registry& registry_;
  std::vector<LoadedPlugin> loaded_;
  std::vector<SkippedPlugin> skipped_;
};

/// `<prefix>/lib/deneb/plugins` beside the running libdeneb (or the build tree's plugin folder).
DENEB_API std::string default_plugin_directory();

/// Files and folders to load plugins from, in the order in which they are to be loaded, absolute
/// and each once: `from_pipeline_file` (the "plugins" key; must be absolute already, since it is
/// relative to that file), `from_command_line` (--plugin; relative to the working directory, as the
/// user typed them), the colon-separated DENEB_PLUGIN_PATH (absolute paths only), and the default
/// folder where it exists. The working directory itself is never searched. PluginError for a
/// relative path in the first or third.
DENEB_API std::vector<std::string> plugin_search_path(
    const std::vector<std::string>& from_pipeline_file,
    const std::vector<std::string>& from_command_line);

}  // namespace deneb
