#include <deneb/pipeline/console.h>

namespace deneb {

Console::~Console() = default;

}  // namespace deneb
