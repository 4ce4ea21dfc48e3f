#include "hand_made.h"

DENEB_TEST_PLUGIN(DENEB_TEST_ENTRY(DENEB_PLUGIN_API, 9_8, _GLIBCXX_USE_CXX11_ABI),
                  deneb::kPluginMagic, sizeof(deneb::PluginManifest), DENEB_PLUGIN_API, 0,
                  DENEB_TEST_TAG(9_8, DENEB_DETAIL_COMPILER, _GLIBCXX_USE_CXX11_ABI,
                                 DENEB_DETAIL_CPP),
                  "bad_torch", register_nothing);
