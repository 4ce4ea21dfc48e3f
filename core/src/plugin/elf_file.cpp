#include "plugin/elf_file.h"

#include <elf.h>
#include <link.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <fstream>

// Why not boost::dll::library_info: it lists names from .symtab only, which `strip` and packagers
// remove, and it follows offsets of damaged files without checking them.

namespace deneb::detail {
namespace {

using Header = ElfW(Ehdr);
using Segment = ElfW(Phdr);
using Section = ElfW(Shdr);
using Symbol = ElfW(Sym);

constexpr unsigned char kNativeClass = sizeof(void*) == 8 ? ELFCLASS64 : ELFCLASS32;
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
constexpr unsigned char kNativeData = ELFDATA2LSB;
#else
constexpr unsigned char kNativeData = ELFDATA2MSB;
#endif
#if defined(__x86_64__)
constexpr unsigned kNativeMachine = EM_X86_64;
#elif defined(__aarch64__)
constexpr unsigned kNativeMachine = EM_AARCH64;
#else
constexpr unsigned kNativeMachine = EM_NONE;  // dlopen will tell
#endif

/// A file that gives out parts of itself only after checking that they lie inside.
class BoundedFile {
 public:
  explicit BoundedFile(const std::string& path) : in_(path, std::ios::binary) {
    in_.seekg(0, std::ios::end);
    const std::streamoff end = in_.tellg();
    if (!in_ || end < 0) {
      throw PluginError("cannot be read: " + std::string(std::strerror(errno)) +
                        "; check its permissions");
    }
    size_ = static_cast<std::uint64_t>(end);
  }

  std::uint64_t size() const { return size_; }

  bool holds(std::uint64_t offset, std::uint64_t length) const {
    return offset <= size_ && length <= size_ - offset;
  }

  template <class T>
  std::vector<T> read(std::uint64_t offset, std::uint64_t count) {
    if (count > size_ / sizeof(T) || !holds(offset, count * sizeof(T))) throw_cut();
    std::vector<T> items(count);
    in_.seekg(static_cast<std::streamoff>(offset));
    in_.read(reinterpret_cast<char*>(items.data()),
             static_cast<std::streamsize>(count * sizeof(T)));
    if (!in_) throw_cut();
    return items;
  }

  [[noreturn]] void throw_cut() const {
    throw PluginError("is cut short or damaged: its headers point beyond its " +
                      std::to_string(size_) + " bytes; build or copy it again");
  }

 private:
  std::ifstream in_;
  std::uint64_t size_ = 0;
};

Header read_header(BoundedFile& file) {
  const std::uint64_t ident_size = std::min<std::uint64_t>(file.size(), SELFMAG);
  const auto magic = file.read<char>(0, ident_size);
  if (magic.size() < SELFMAG || std::memcmp(magic.data(), ELFMAG, SELFMAG) != 0) {
    throw PluginError(
        "is no ELF shared object; expected the .so file that deneb_add_plugin() builds");
  }
  const Header header = file.read<Header>(0, 1).front();
  if (header.e_ident[EI_CLASS] != kNativeClass || header.e_ident[EI_DATA] != kNativeData ||
      (kNativeMachine != EM_NONE && header.e_machine != kNativeMachine)) {
    throw PluginError("was built for another processor (ELF machine " +
                      std::to_string(header.e_machine) + ", this one is " +
                      std::to_string(kNativeMachine) + "); build it on this machine");
  }
  if (header.e_type != ET_DYN) {
    throw PluginError("is an ELF file but no shared object (type " + std::to_string(header.e_type) +
                      "); expected the .so file that deneb_add_plugin() builds");
  }
  return header;
}

/// dlopen maps the segments without looking at the file's size: a cut file would end in SIGBUS.
void check_segments(BoundedFile& file, const Header& header) {
  if (header.e_phentsize != sizeof(Segment)) file.throw_cut();
  for (const Segment& segment : file.read<Segment>(header.e_phoff, header.e_phnum)) {
    if (!file.holds(segment.p_offset, segment.p_filesz)) file.throw_cut();
  }
}

bool is_exported(const Symbol& symbol) {
  const unsigned bind = symbol.st_info >> 4;
  const unsigned visibility = symbol.st_other & 0x3;
  return symbol.st_shndx != SHN_UNDEF && (bind == STB_GLOBAL || bind == STB_WEAK) &&
         (visibility == STV_DEFAULT || visibility == STV_PROTECTED);
}

}  // namespace

std::vector<std::string> read_elf_exports(const std::string& path) {
  BoundedFile file(path);
  const Header header = read_header(file);
  check_segments(file, header);
  std::vector<std::string> names;
  if (header.e_shnum == 0) return names;
  if (header.e_shentsize != sizeof(Section)) file.throw_cut();
  const auto sections = file.read<Section>(header.e_shoff, header.e_shnum);
  for (const Section& section : sections) {
    if (section.sh_type != SHT_DYNSYM) continue;
    if (section.sh_entsize != sizeof(Symbol) || section.sh_link >= sections.size()) {
      file.throw_cut();
    }
    const Section& strings = sections[section.sh_link];
    const auto text = file.read<char>(strings.sh_offset, strings.sh_size);
    for (const Symbol& symbol :
         file.read<Symbol>(section.sh_offset, section.sh_size / sizeof(Symbol))) {
      if (!is_exported(symbol)) continue;
      if (symbol.st_name >= text.size()) file.throw_cut();
      const char* const name = text.data() + symbol.st_name;
      names.emplace_back(name, strnlen(name, text.size() - symbol.st_name));
    }
  }
  return names;
}

}  // namespace deneb::detail
