#include <deneb/platform.h>
#include <deneb/plugin/loader.h>
#include <deneb/plugin/plugin.h>

#include <iostream>
#include <nlohmann/json.hpp>

#include "commands.h"

namespace deneb::cli {
namespace {

nlohmann::ordered_json facts() {
  return {{"deneb", DENEB_VERSION},
          {"plugin_api",
           std::to_string(DENEB_PLUGIN_API) + "." + std::to_string(DENEB_PLUGIN_API_MINOR)},
          {"libtorch", TORCH_VERSION},
          {"compiler", std::string(DENEB_DETAIL_COMPILER) + " (" + __VERSION__ + ")"},
          {"abi_tag", DENEB_DETAIL_ABI_TAG},
          {"threads", available_cores()},
          {"cuda_devices", cuda_devices()},
          {"plugin_directory", default_plugin_directory()}};
}

}  // namespace

int version_command(const Words& words) {
  Arguments arguments({"version", "[--json]",
                       "Shows the versions that matter for plugins and bug reports, the threads "
                       "that a run takes\nby default, and the folder whose plugins are loaded "
                       "always.",
                       ""});
  arguments.flag("json", "as a JSON object");
  if (!arguments.parse(words)) return kExitOk;
  const nlohmann::ordered_json values = facts();
  if (arguments.has("json")) {
    std::cout << values.dump(2) << "\n";
    return kExitOk;
  }
  std::cout << "deneb " << values["deneb"].get<std::string>() << "\n"
            << "plugin API        " << values["plugin_api"].get<std::string>() << "\n"
            << "LibTorch          " << values["libtorch"].get<std::string>() << "\n"
            << "compiler          " << values["compiler"].get<std::string>() << "\n"
            << "ABI tag           " << values["abi_tag"].get<std::string>() << "\n"
            << "threads           " << values["threads"] << "\n"
            << "CUDA devices      " << values["cuda_devices"] << "\n"
            << "plugin directory  " << values["plugin_directory"].get<std::string>() << "\n";
  return kExitOk;
}

}  // namespace deneb::cli
