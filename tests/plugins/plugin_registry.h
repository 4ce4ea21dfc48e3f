#pragma once

#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include <deneb/plugin/loader.h>
#include <deneb/plugin/registry.h>

/// Plugins of the build tree for tests: loaded as shared objects, as the program does it.
namespace plugin_test {

/// A registry with the named shared objects of DENEB_PLUGIN_DIR.
inline std::unique_ptr<deneb::Registry> load(std::initializer_list<const char*> names) {
  auto registry = std::make_unique<deneb::Registry>();
  deneb::PluginLoader loader(*registry);
  for (const char* name : names) {
    loader.load_file(std::string(DENEB_PLUGIN_DIR) + "/" + name + ".so");
  }
  return registry;
}

/// Reads `options` as a pipeline file would (defaults, checks), then constructs.
template <class Interface>
std::shared_ptr<Interface> make(const deneb::Registry& registry, const std::string& type,
                                nlohmann::json options = nlohmann::json::object()) {
  return registry.make<Interface>({type, std::move(options)});
}

}  // namespace plugin_test
