#pragma once

#include <string>
#include <vector>

#include <deneb/errors.h>

namespace deneb::detail {

/// Names of the dynamic symbols that a shared object defines and exports, read from the file: none
/// of its code runs. PluginError, without the path, when `path` is no complete shared object for
/// this machine. Safe on damaged files: every offset is checked against the file's size.
DENEB_API std::vector<std::string> read_elf_exports(const std::string& path);

}  // namespace deneb::detail
