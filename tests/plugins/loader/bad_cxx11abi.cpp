#include "hand_made.h"

#if _GLIBCXX_USE_CXX11_ABI
#define OTHER_ABI 0
#else
#define OTHER_ABI 1
#endif

DENEB_TEST_PLUGIN(DENEB_TEST_ENTRY(DENEB_PLUGIN_API, DENEB_TEST_TORCH, OTHER_ABI),
                  deneb::kPluginMagic, sizeof(deneb::PluginManifest), DENEB_PLUGIN_API, 0,
                  DENEB_TEST_TAG(DENEB_TEST_TORCH, DENEB_DETAIL_COMPILER, OTHER_ABI,
                                 DENEB_DETAIL_CPP),
                  "bad_cxx11abi", register_nothing);
