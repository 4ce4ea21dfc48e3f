#include <deneb/plugin/plugin.h>

namespace deneb_test {
int nowhere_defined(int);
}

namespace {
void register_all(deneb::Registrar&) { deneb_test::nowhere_defined(1); }
}  // namespace

DENEB_PLUGIN("bad_undefined", "1.0.0", "calls a function that no library has", register_all);
