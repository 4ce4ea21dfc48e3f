#pragma once

#include <deneb/plugin/registry.h>

#include <string>
#include <vector>

namespace deneb::cli {

/// "Networks" for "network"; the kind itself for kinds of user plugins.
std::string kind_title(const std::string& kind);
/// All registered kinds: those of the core in the order of a pipeline file, then others by name.
std::vector<std::string> kinds(const Registry& registry);
/// docs/OPTIONS.md: every section and plugin with its options, in Markdown.
std::string options_page(const Registry& registry);

}  // namespace deneb::cli
