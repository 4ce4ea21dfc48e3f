#include "module_names.h"

namespace deneb::networks {
namespace {

struct Found {
  ModuleNames::const_iterator module;
  std::string leaf;  // with its dot
};

Found find(const std::string& tensor, const ModuleNames& names, const std::string& prefix) {
  const std::size_t dot = tensor.rfind('.');
  if (dot == std::string::npos) return {names.end(), ""};
  const std::size_t start = tensor.rfind(prefix, 0) == 0 ? prefix.size() : 0;
  if (dot < start) return {names.end(), ""};
  return {names.find(tensor.substr(start, dot - start)), tensor.substr(dot)};
}

}  // namespace

bool is_known(const std::string& tensor, const ModuleNames& names, const std::string& prefix) {
  return find(tensor, names, prefix).module != names.end();
}

Network::NamedTensors rename_modules(Network::NamedTensors tensors, const ModuleNames& names,
                                     const std::string& prefix) {
  for (auto& [name, tensor] : tensors) {
    const Found found = find(name, names, prefix);
    if (found.module != names.end()) name = found.module->second + found.leaf;
  }
  return tensors;
}

}  // namespace deneb::networks
