// minimal_host PLUGIN: loads the plugin through the installed libdeneb and uses its object.
// Prints the plugin folder of that libdeneb, then what the object says.
#include "all_headers.h"

#include <iostream>

#include "greeter.h"

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  try {
    deneb::Registry registry;
    deneb::PluginLoader loader(registry);
    loader.load_file(argv[1]);
    const auto greeter = registry.make<Greeter>({"PoliteGreeter", {{"word", "Good morning"}}});
    std::cout << deneb::default_plugin_directory() << "\n" << greeter->greet("Deneb") << "\n";
  } catch (const deneb::Error& e) {
    std::cerr << e.what() << "\n";
    return e.exit_code();
  }
  return 0;
}
