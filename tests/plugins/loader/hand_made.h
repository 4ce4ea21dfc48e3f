#pragma once

#include <deneb/plugin/plugin.h>

/// DENEB_PLUGIN with every part given by hand, for plugins that are wrong in one of them.
#define DENEB_TEST_PLUGIN(ENTRY, MAGIC, SIZE, MAJOR, MINOR, TAG, NAME, REGISTER)    \
  namespace deneb_plugin_entry {                                                    \
  extern const deneb::PluginManifest manifest;                                      \
  const deneb::PluginManifest manifest = {                                          \
      MAGIC, SIZE, MAJOR, MINOR, TAG, NAME, "1.0.0", "wrong on purpose", REGISTER}; \
  }                                                                                 \
  BOOST_DLL_ALIAS(deneb_plugin_entry::manifest, ENTRY)                              \
  static_assert(true, "")

/// deneb_plugin_v<API>_torch<TORCH>_cxx11abi<ABI> with chosen parts.
#define DENEB_TEST_ENTRY(API, TORCH, ABI)                                                       \
  DENEB_DETAIL_CAT(                                                                             \
      DENEB_DETAIL_CAT(DENEB_DETAIL_CAT(deneb_plugin_v, API), DENEB_DETAIL_CAT(_torch, TORCH)), \
      DENEB_DETAIL_CAT(_cxx11abi, ABI))
#define DENEB_TEST_TORCH \
  DENEB_DETAIL_CAT(DENEB_DETAIL_CAT(TORCH_VERSION_MAJOR, _), TORCH_VERSION_MINOR)
/// ABI tag with chosen parts.
#define DENEB_TEST_TAG(TORCH, COMPILER, ABI, STANDARD) \
  "torch" DENEB_DETAIL_STR(TORCH) "_" COMPILER "_cxx11abi" DENEB_DETAIL_STR(ABI) "_" STANDARD

namespace {
inline void register_nothing(deneb::Registrar&) {}
}  // namespace
