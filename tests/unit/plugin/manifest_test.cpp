#include "plugin/manifest.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace deneb::detail {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::MatchesRegex;

void register_nothing(Registrar&) {}

PluginManifest good_manifest() {
  return {kPluginMagic,
          sizeof(PluginManifest),
          DENEB_PLUGIN_API,
          DENEB_PLUGIN_API_MINOR,
          our_abi_tag(),
          "name",
          "1.0",
          "summary",
          register_nothing};
}

std::string refusal(const PluginManifest& manifest) {
  try {
    check_manifest(manifest);
  } catch (const PluginError& e) {
    return e.what();
  }
  return "accepted";
}

std::string refusal_of_exports(const std::vector<std::string>& exports) {
  try {
    check_entry_symbol(exports);
  } catch (const PluginError& e) {
    return e.what();
  }
  return "accepted";
}

TEST(Manifest, OurNamesHaveTheDocumentedForm) {
  EXPECT_THAT(our_entry_symbol(),
              MatchesRegex("deneb_plugin_v[0-9]+_torch[0-9]+_[0-9]+_cxx11abi[01]"));
  EXPECT_THAT(our_abi_tag(),
              MatchesRegex("torch[0-9]+_[0-9]+_(gxx|clang)[0-9]+_cxx11abi[01]_cpp17"));
}

TEST(Manifest, EntrySymbols) {
  EXPECT_EQ(refusal_of_exports({"other", our_entry_symbol()}), "accepted");
  EXPECT_EQ(refusal_of_exports({"deneb_plugin_v9_torch9_9_cxx11abi1", our_entry_symbol()}),
            "accepted");
  EXPECT_THAT(refusal_of_exports({}), HasSubstr("not a Deneb plugin"));
  EXPECT_THAT(refusal_of_exports({"my_deneb_plugin_v1"}), HasSubstr("not a Deneb plugin"));
  EXPECT_THAT(refusal_of_exports({"deneb_plugin_v9_torch9_9_cxx11abi0"}),
              AllOf(HasSubstr("plugin API 9 instead of 1"), HasSubstr("LibTorch 9.9 instead of"),
                    HasSubstr("rebuild")));
  EXPECT_THAT(refusal_of_exports({"deneb_plugin_verbose"}), HasSubstr("unknown form"));
}

TEST(Manifest, AGoodOnePassesAndALongerOneToo) {
  PluginManifest manifest = good_manifest();
  EXPECT_THAT(check_manifest(manifest), IsEmpty());
  manifest.struct_size += 64;  // a later minor appended fields
  EXPECT_THAT(check_manifest(manifest), IsEmpty());
}

TEST(Manifest, EachWrongFieldHasItsMessage) {
  const auto with = [](auto change) {
    PluginManifest manifest = good_manifest();
    change(manifest);
    return refusal(manifest);
  };
  EXPECT_THAT(with([](auto& m) { m.magic = 7; }), HasSubstr("0x00000007"));
  EXPECT_THAT(with([](auto& m) { m.struct_size = 8; }), HasSubstr("a manifest of 8 bytes"));
  EXPECT_THAT(with([](auto& m) { m.api_major = 2; }), HasSubstr("needs plugin API 2.0"));
  EXPECT_THAT(with([](auto& m) { m.api_minor = 5; }), HasSubstr("install a newer Deneb"));
  EXPECT_THAT(with([](auto& m) { m.name = ""; }), HasSubstr("empty field"));
  EXPECT_THAT(with([](auto& m) { m.name = nullptr; }), HasSubstr("empty field"));
  EXPECT_THAT(with([](auto& m) { m.abi_tag = nullptr; }), HasSubstr("empty field"));
  EXPECT_THAT(with([](auto& m) { m.register_all = nullptr; }), HasSubstr("empty field"));
  EXPECT_THAT(with([](auto& m) { m.abi_tag = "torch1_13"; }), HasSubstr("cannot be read"));
}

TEST(Manifest, AnotherCompilerIsAWarning) {
  const std::string tag = our_abi_tag();
  const std::size_t at = tag.find("_cxx11abi");
  const std::string other = tag.substr(0, at) + "9" + tag.substr(at);  // gxx12 -> gxx129
  PluginManifest manifest = good_manifest();
  manifest.abi_tag = other.c_str();
  const std::vector<std::string> warnings = check_manifest(manifest);
  ASSERT_EQ(warnings.size(), 1u);
  EXPECT_THAT(warnings.front(), HasSubstr("this usually works"));
}

}  // namespace
}  // namespace deneb::detail
