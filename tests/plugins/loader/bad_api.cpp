#include <cstdlib>

#include "hand_made.h"

namespace {
// Shows whether any code of this file ran: a wrong entry name must be seen before loading.
[[maybe_unused]] const int kRan = setenv("DENEB_TEST_BAD_API_RAN", "1", 1);
}  // namespace

DENEB_TEST_PLUGIN(DENEB_TEST_ENTRY(99, DENEB_TEST_TORCH, _GLIBCXX_USE_CXX11_ABI),
                  deneb::kPluginMagic, sizeof(deneb::PluginManifest), 99, 0, DENEB_DETAIL_ABI_TAG,
                  "bad_api", register_nothing);
