#include <deneb/options/config.h>
#include <deneb/options/options.h>

namespace deneb {

// Key functions: one vtable and one typeinfo, in libdeneb, for interfaces that cross plugins.
OptionErrors::~OptionErrors() = default;
OptionVisitor::~OptionVisitor() = default;
PluginCatalog::~PluginCatalog() = default;

}  // namespace deneb
