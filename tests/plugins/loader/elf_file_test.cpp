#include "plugin/elf_file.h"

#include <elf.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <random>

#include "plugin/manifest.h"

namespace deneb::detail {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::Not;

class ElfFileTest : public testing::Test {
 protected:
  ElfFileTest() : path_(testing::TempDir() + "deneb_elf_file_test_" + std::to_string(getpid())) {
    std::ifstream in(std::string(DENEB_TEST_PLUGINS) + "/good_plugin.so", std::ios::binary);
    bytes_.assign(std::istreambuf_iterator<char>(in), {});
  }
  ~ElfFileTest() override { std::filesystem::remove(path_); }

  std::vector<std::string> read(const std::string& bytes) {
    std::ofstream(path_, std::ios::binary | std::ios::trunc) << bytes;
    return read_elf_exports(path_);
  }

  std::string message_of(const std::string& bytes) {
    try {
      read(bytes);
    } catch (const PluginError& e) {
      return e.what();
    }
    return "no error";
  }

  std::string path_;
  std::string bytes_;
};

TEST_F(ElfFileTest, ListsDefinedExportsOnly) {
  const auto names = read(bytes_);
  EXPECT_THAT(names, Contains(our_entry_symbol()));
  EXPECT_THAT(names, Not(Contains(HasSubstr("Registrar"))));      // undefined here: of libdeneb
  EXPECT_THAT(names, Not(Contains(HasSubstr("PluginCounter"))));  // hidden
}

TEST_F(ElfFileTest, FindsTheEntryOfAStrippedPlugin) {
  std::ofstream(path_, std::ios::binary | std::ios::trunc) << bytes_;
  ASSERT_EQ(std::system((std::string(DENEB_TEST_STRIP) + " " + path_).c_str()), 0);
  EXPECT_LT(std::filesystem::file_size(path_), bytes_.size());
  EXPECT_THAT(read_elf_exports(path_), Contains(our_entry_symbol()));
}

TEST_F(ElfFileTest, RefusesOtherMachinesAndTypes) {
  std::string other = bytes_;
  const std::uint16_t sparc = EM_SPARC;
  std::memcpy(other.data() + offsetof(Elf64_Ehdr, e_machine), &sparc, sizeof sparc);
  EXPECT_THAT(message_of(other), HasSubstr("another processor (ELF machine 2,"));
  other = bytes_;
  other[EI_CLASS] = bytes_[EI_CLASS] == ELFCLASS64 ? ELFCLASS32 : ELFCLASS64;
  EXPECT_THAT(message_of(other), HasSubstr("another processor"));
  other = bytes_;
  const std::uint16_t relocatable = ET_REL;
  std::memcpy(other.data() + offsetof(Elf64_Ehdr, e_type), &relocatable, sizeof relocatable);
  EXPECT_THAT(message_of(other), HasSubstr("no shared object (type 1)"));
}

TEST_F(ElfFileTest, AFileThatIsNotThere) {
  EXPECT_THROW(read_elf_exports(path_ + "_nowhere"), PluginError);
}

// Any byte of the file header or of the section headers may be wrong: an answer or a PluginError,
// never a crash. (Boost's reader dies on about one in forty of these.)
TEST_F(ElfFileTest, DamagedHeadersNeverCrash) {
  std::mt19937 random(7);
  Elf64_Ehdr header;
  std::memcpy(&header, bytes_.data(), sizeof header);
  const std::size_t sections = header.e_shoff;
  const std::size_t sections_size = std::size_t{header.e_shnum} * header.e_shentsize;
  ASSERT_LE(sections + sections_size, bytes_.size());
  read(bytes_);  // leaves the file there
  std::fstream file(path_, std::ios::binary | std::ios::in | std::ios::out);
  const auto put = [&](std::size_t at, char byte) {
    file.seekp(static_cast<std::streamoff>(at));
    file.put(byte).flush();
  };
  int refused = 0;
  constexpr int kRounds = 2000;
  for (int round = 0; round < kRounds; ++round) {
    std::vector<std::size_t> places(1 + random() % 3);
    for (std::size_t& at : places) {
      at = round % 3 == 0 ? SELFMAG + random() % (sizeof header - SELFMAG)
                          : sections + random() % sections_size;
      put(at, static_cast<char>(random()));
    }
    try {
      read_elf_exports(path_);
    } catch (const PluginError&) {
      ++refused;
    }
    for (const std::size_t at : places) put(at, bytes_[at]);
  }
  EXPECT_GT(refused, kRounds / 20);
  EXPECT_LT(refused, kRounds);
}

}  // namespace
}  // namespace deneb::detail
