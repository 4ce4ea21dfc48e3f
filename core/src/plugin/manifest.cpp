#include "plugin/manifest.h"

#include <algorithm>
#include <cstdio>
#include <regex>

namespace deneb::detail {
namespace {

constexpr const char kEntryPrefix[] = "deneb_plugin_v";
constexpr const char kRebuild[] = "; rebuild it against this Deneb and its LibTorch";

bool starts_with(const std::string& text, const std::string& prefix) {
  return text.compare(0, prefix.size(), prefix) == 0;
}

/// The parts of an entry symbol's name: API, LibTorch major.minor, C++11 ABI; empty when the name
/// has another form.
std::vector<std::string> entry_parts(const std::string& symbol) {
  static const std::regex form("deneb_plugin_v([0-9]+)_torch([0-9]+)_([0-9]+)_cxx11abi([0-9]+)");
  std::smatch match;
  if (!std::regex_match(symbol, match, form)) return {};
  return {match[1], match[2].str() + "." + match[3].str(), match[4]};
}

std::string entry_differences(const std::string& found) {
  const std::vector<std::string> theirs = entry_parts(found);
  const std::vector<std::string> ours = entry_parts(our_entry_symbol());
  if (theirs.empty()) return "the name has an unknown form";
  static const char* const kWords[] = {"plugin API", "LibTorch", "libstdc++ C++11 ABI"};
  std::string text;
  for (std::size_t i = 0; i < theirs.size(); ++i) {
    if (theirs[i] == ours[i]) continue;
    text += (text.empty() ? "" : ", ") + std::string(kWords[i]) + " " + theirs[i] + " instead of " +
            ours[i];
  }
  return text;
}

struct AbiTag {
  std::string torch, compiler, cxx11_abi, standard;
};

bool parse_abi_tag(const std::string& text, AbiTag& tag) {
  static const std::regex form(
      "torch([0-9]+)_([0-9]+)_([a-z]+[0-9]+)_cxx11abi([0-9]+)_cpp([0-9]+)");
  std::smatch match;
  if (!std::regex_match(text, match, form)) return false;
  tag = {match[1].str() + "." + match[2].str(), match[3], match[4], match[5]};
  return true;
}

std::vector<std::string> check_abi_tag(const std::string& text) {
  AbiTag ours, theirs;
  parse_abi_tag(our_abi_tag(), ours);
  if (!parse_abi_tag(text, theirs)) {
    throw PluginError("carries the ABI tag '" + text + "', which cannot be read; this Deneb has '" +
                      our_abi_tag() + "'" + kRebuild);
  }
  const auto refuse_unless = [](const std::string& what, const std::string& found,
                                const std::string& expected, const std::string& remedy) {
    if (found == expected) return;
    throw PluginError("was built with " + what + found + ", this Deneb with " + what + expected +
                      remedy);
  };
  refuse_unless("LibTorch ", theirs.torch, ours.torch, kRebuild);
  refuse_unless("_GLIBCXX_USE_CXX11_ABI=", theirs.cxx11_abi, ours.cxx11_abi, kRebuild);
  refuse_unless("C++", theirs.standard, ours.standard,
                "; set CXX_STANDARD " + ours.standard + " (deneb_add_plugin() does) and rebuild");
  if (theirs.compiler == ours.compiler) return {};
  return {"was built with " + theirs.compiler + ", this Deneb with " + ours.compiler +
          "; this usually works, rebuild it with the same compiler if it misbehaves"};
}

}  // namespace

const char* our_entry_symbol() { return DENEB_DETAIL_STR(DENEB_DETAIL_ENTRY); }
const char* our_abi_tag() { return DENEB_DETAIL_ABI_TAG; }

void check_entry_symbol(const std::vector<std::string>& exports) {
  const std::string ours = our_entry_symbol();
  std::string other;
  for (const std::string& name : exports) {
    if (name == ours) return;
    if (starts_with(name, kEntryPrefix)) other = name;
  }
  if (other.empty()) {
    throw PluginError(
        "is a shared object but not a Deneb plugin: it exports no symbol deneb_plugin_v...; a "
        "plugin places DENEB_PLUGIN(name, version, summary, register_all) in one of its files");
  }
  throw PluginError("was built as " + other + ", this Deneb needs " + ours + ": " +
                    entry_differences(other) + kRebuild);
}

std::vector<std::string> check_manifest(const PluginManifest& manifest) {
  // Only the first two fields are known to exist until both have been checked.
  if (manifest.magic != kPluginMagic) {
    char found[16];
    std::snprintf(found, sizeof found, "0x%08x", manifest.magic);
    throw PluginError(std::string("has a manifest with magic number ") + found +
                      " instead of 0x424e4544; use DENEB_PLUGIN(...) instead of a hand-made entry");
  }
  if (manifest.struct_size < kPluginManifestMinSize) {
    throw PluginError("has a manifest of " + std::to_string(manifest.struct_size) +
                      " bytes, expected at least " + std::to_string(kPluginManifestMinSize) +
                      kRebuild);
  }
  if (manifest.api_major != DENEB_PLUGIN_API || manifest.api_minor > DENEB_PLUGIN_API_MINOR) {
    throw PluginError("needs plugin API " + std::to_string(manifest.api_major) + "." +
                      std::to_string(manifest.api_minor) + ", this Deneb has " +
                      std::to_string(DENEB_PLUGIN_API) + "." +
                      std::to_string(DENEB_PLUGIN_API_MINOR) +
                      (manifest.api_major == DENEB_PLUGIN_API
                           ? "; install a newer Deneb or rebuild the plugin against this one"
                           : kRebuild));
  }
  if (!manifest.abi_tag || !manifest.name || !manifest.version || !manifest.summary ||
      !manifest.register_all || manifest.name[0] == '\0') {
    throw PluginError(
        "has a manifest with an empty field; give DENEB_PLUGIN(...) a name, a version, a summary "
        "and a function");
  }
  return check_abi_tag(manifest.abi_tag);
}

}  // namespace deneb::detail
