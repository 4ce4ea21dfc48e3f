// One wrong field of the manifest behind a right entry symbol; WRONG_... selects it.
#include "hand_made.h"

#ifdef WRONG_MAGIC
constexpr std::uint32_t kMagic = 0x12345678;
#else
constexpr std::uint32_t kMagic = deneb::kPluginMagic;
#endif

#ifdef WRONG_SIZE
constexpr std::uint32_t kSize = sizeof(deneb::PluginManifest) - 8;
#else
constexpr std::uint32_t kSize = sizeof(deneb::PluginManifest);
#endif

#ifdef WRONG_MINOR
constexpr std::uint32_t kMinor = DENEB_PLUGIN_API_MINOR + 7;
#else
constexpr std::uint32_t kMinor = DENEB_PLUGIN_API_MINOR;
#endif

#if defined(WRONG_STANDARD)
#define TAG DENEB_TEST_TAG(DENEB_TEST_TORCH, DENEB_DETAIL_COMPILER, _GLIBCXX_USE_CXX11_ABI, "cpp20")
#elif defined(WRONG_TAG_CXX11ABI)
#define TAG DENEB_TEST_TAG(DENEB_TEST_TORCH, DENEB_DETAIL_COMPILER, 7, DENEB_DETAIL_CPP)
#elif defined(WRONG_TAG)
#define TAG "made by hand"
#elif defined(OTHER_COMPILER)
#define TAG DENEB_TEST_TAG(DENEB_TEST_TORCH, "gxx99", _GLIBCXX_USE_CXX11_ABI, DENEB_DETAIL_CPP)
#else
#define TAG DENEB_DETAIL_ABI_TAG
#endif

#ifdef WRONG_NAME
#define NAME ""
#else
#define NAME "hand_made"
#endif

DENEB_TEST_PLUGIN(DENEB_DETAIL_ENTRY, kMagic, kSize, DENEB_PLUGIN_API, kMinor, TAG, NAME,
                  register_nothing);
