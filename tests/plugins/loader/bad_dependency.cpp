#include <deneb/plugin/plugin.h>

extern "C" int deneb_test_answer();  // of a library that is not where the loader looks

namespace {
void register_all(deneb::Registrar&) { deneb_test_answer(); }
}  // namespace

DENEB_PLUGIN("bad_dependency", "1.0.0", "needs a library that is gone", register_all);
