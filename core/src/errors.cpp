#include <deneb/errors.h>

namespace deneb {

// Key functions: one vtable and one typeinfo, in libdeneb, for exceptions that cross plugins.
Error::~Error() = default;
ConfigError::~ConfigError() = default;
PluginError::~PluginError() = default;
DataError::~DataError() = default;
RunError::~RunError() = default;
Interrupted::~Interrupted() = default;

}  // namespace deneb
