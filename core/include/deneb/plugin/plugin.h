#pragma once

#include <torch/version.h>

#include <boost/dll/alias.hpp>
#include <cstdint>

#include <deneb/config.h>
#include <deneb/plugin/registry.h>

/// The one header that every plugin includes: DENEB_PLUGIN(name, version, summary, register_all).

static_assert(TORCH_VERSION_MAJOR == DENEB_TORCH_MAJOR && TORCH_VERSION_MINOR == DENEB_TORCH_MINOR,
              "this Deneb was built with another LibTorch; build the plugin with the same one");
static_assert(__cplusplus >= 201703L && __cplusplus < 202002L,
              "Deneb and its plugins are C++17; set CXX_STANDARD to 17 for this target");

namespace deneb {

constexpr std::uint32_t kPluginMagic = 0x424e4544;  // "DENB", little endian

/// Plain data behind the entry symbol. The layout never changes within one DENEB_PLUGIN_API;
/// a later minor may append fields (struct_size tells).
struct PluginManifest {
  std::uint32_t magic, struct_size;
  std::uint32_t api_major, api_minor;
  const char* abi_tag;  ///< "torch1_13_gxx12_cxx11abi1_cpp17"
  const char* name;     ///< unique among the loaded plugins
  const char* version;
  const char* summary;
  void (*register_all)(Registrar&);  ///< called only after every check passed
};

/// Size of the manifest of minor 0; no plugin of this API has a shorter one.
constexpr std::uint32_t kPluginManifestMinSize = sizeof(PluginManifest);

}  // namespace deneb

#define DENEB_DETAIL_CAT(a, b) DENEB_DETAIL_CAT2(a, b)
#define DENEB_DETAIL_CAT2(a, b) a##b
#define DENEB_DETAIL_STR(a) DENEB_DETAIL_STR2(a)
#define DENEB_DETAIL_STR2(a) #a

// clang-format off
// deneb_plugin_v<API>_torch<major>_<minor>_cxx11abi<0|1>: what can be checked without loading.
#define DENEB_DETAIL_ENTRY                                                                        \
  DENEB_DETAIL_CAT(                                                                               \
      DENEB_DETAIL_CAT(                                                                           \
          DENEB_DETAIL_CAT(DENEB_DETAIL_CAT(deneb_plugin_v, DENEB_PLUGIN_API), _torch),           \
          DENEB_DETAIL_CAT(DENEB_DETAIL_CAT(TORCH_VERSION_MAJOR, _), TORCH_VERSION_MINOR)),       \
      DENEB_DETAIL_CAT(_cxx11abi, _GLIBCXX_USE_CXX11_ABI))

#if defined(__clang__)
#define DENEB_DETAIL_COMPILER "clang" DENEB_DETAIL_STR(__clang_major__)
#else
#define DENEB_DETAIL_COMPILER "gxx" DENEB_DETAIL_STR(__GNUC__)
#endif
#if __cplusplus > 202002L
#define DENEB_DETAIL_CPP "cpp23"
#elif __cplusplus == 202002L
#define DENEB_DETAIL_CPP "cpp20"
#else
#define DENEB_DETAIL_CPP "cpp17"
#endif
#define DENEB_DETAIL_ABI_TAG                                                                      \
  "torch" DENEB_DETAIL_STR(TORCH_VERSION_MAJOR) "_" DENEB_DETAIL_STR(TORCH_VERSION_MINOR)         \
  "_" DENEB_DETAIL_COMPILER "_cxx11abi" DENEB_DETAIL_STR(_GLIBCXX_USE_CXX11_ABI)                  \
  "_" DENEB_DETAIL_CPP

/// Place once per shared object, in the global namespace, with a semicolon.
/// `REGISTER` is a function `void(deneb::Registrar&)`; the others are string literals.
#define DENEB_PLUGIN(NAME, VERSION, SUMMARY, REGISTER)                                            \
  namespace deneb_plugin_entry {                                                                  \
  extern const ::deneb::PluginManifest manifest;                                                  \
  const ::deneb::PluginManifest manifest = {::deneb::kPluginMagic,                                \
                                            sizeof(::deneb::PluginManifest),                      \
                                            DENEB_PLUGIN_API,                                     \
                                            DENEB_PLUGIN_API_MINOR,                               \
                                            DENEB_DETAIL_ABI_TAG,                                 \
                                            NAME,                                                 \
                                            VERSION,                                              \
                                            SUMMARY,                                              \
                                            REGISTER};                                            \
  }                                                                                               \
  BOOST_DLL_ALIAS(deneb_plugin_entry::manifest, DENEB_DETAIL_ENTRY)                               \
  static_assert(true, "")
// clang-format on
