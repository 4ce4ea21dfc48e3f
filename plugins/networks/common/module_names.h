#pragma once

#include <map>
#include <string>

#include <deneb/nn/network.h>

namespace deneb::networks {

/// Dotted names of modules in another library's files, and in ours.
using ModuleNames = std::map<std::string, std::string>;

/// Does the table know the module of this tensor? Names are those of the table, with `prefix`
/// before them or without.
bool is_known(const std::string& tensor, const ModuleNames& names, const std::string& prefix);

/// The tensors of modules that the table knows under our names; others as they are.
Network::NamedTensors rename_modules(Network::NamedTensors tensors, const ModuleNames& names,
                                     const std::string& prefix);

}  // namespace deneb::networks
