#pragma once

#include <string>
#include <vector>

#include <deneb/plugin/plugin.h>

namespace deneb::detail {

/// Name of the entry symbol that a plugin for this libdeneb exports.
DENEB_API const char* our_entry_symbol();
/// ABI tag of this libdeneb.
DENEB_API const char* our_abi_tag();

/// Picks our entry symbol from the names that a file exports. PluginError, without the path, when
/// there is no Deneb entry at all, or only one for another API, LibTorch or C++ ABI.
DENEB_API void check_entry_symbol(const std::vector<std::string>& exports);

/// Checks magic, size, API, pointers and ABI tag. PluginError, without the path, where the plugin
/// cannot work here; returns warnings about differences that usually do no harm.
DENEB_API std::vector<std::string> check_manifest(const PluginManifest& manifest);

}  // namespace deneb::detail
