#include "unicode.h"

#include <unicode/normalizer2.h>
#include <unicode/uchar.h>
#include <unicode/utf8.h>

#include <algorithm>

#include <deneb/errors.h>

namespace deneb::text {
namespace {

constexpr char32_t kReplacement = 0xFFFD;

// The general category as a bit. Characters younger than Unicode 8 count as unassigned: so do the
// tables of Hugging Face's tokenizers, and results do not depend on the version of ICU.
std::uint32_t category(char32_t c) {
  if (c >= 0x80) {
    UVersionInfo age;
    u_charAge(UChar32(c), age);
    if (age[0] > 8) return U_GC_CN_MASK;
  }
  return U_GET_GC_MASK(UChar32(c));
}

}  // namespace

bool is_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return (c & 0x80) == 0; });
}

std::string valid_utf8(std::string_view text) {
  if (is_ascii(text)) return std::string(text);
  std::string valid;
  valid.reserve(text.size());
  for (std::size_t position = 0; position < text.size();) {
    const std::size_t start = position;
    UChar32 c;
    U8_NEXT(text.data(), position, text.size(), c);
    if (c < 0) {
      append_utf8(valid, kReplacement);
    } else {
      valid.append(text, start, position - start);
    }
  }
  return valid;
}

char32_t next_code_point(std::string_view text, std::size_t& position) {
  UChar32 c;
  U8_NEXT_UNSAFE(text.data(), position, c);
  return static_cast<char32_t>(c);
}

void append_utf8(std::string& text, char32_t c) {
  char bytes[U8_MAX_LENGTH];
  std::size_t length = 0;
  U8_APPEND_UNSAFE(bytes, length, c);
  text.append(bytes, length);
}

bool is_letter(char32_t c) { return (U_GET_GC_MASK(UChar32(c)) & U_GC_L_MASK) != 0; }

bool is_number(char32_t c) { return (U_GET_GC_MASK(UChar32(c)) & U_GC_N_MASK) != 0; }

bool is_white_space(char32_t c) { return u_isUWhiteSpace(UChar32(c)); }

bool is_punctuation(char32_t c) {
  if (c < 0x80) {
    return (c >= '!' && c <= '/') || (c >= ':' && c <= '@') || (c >= '[' && c <= '`') ||
           (c >= '{' && c <= '~');
  }
  return (category(c) & U_GC_P_MASK) != 0;
}

bool is_control(char32_t c) {
  if (c == '\t' || c == '\n' || c == '\r') return false;
  return (category(c) & U_GC_C_MASK & ~U_GC_CN_MASK) != 0;
}

bool is_ideograph(char32_t c) {
  return (c >= 0x4E00 && c <= 0x9FFF) || (c >= 0x3400 && c <= 0x4DBF) ||
         (c >= 0x20000 && c <= 0x2A6DF) || (c >= 0x2A700 && c <= 0x2B73F) ||
         (c >= 0x2B740 && c <= 0x2B81F) || (c >= 0x2B820 && c <= 0x2CEAF) ||
         (c >= 0xF900 && c <= 0xFAFF) || (c >= 0x2F800 && c <= 0x2FA1F);
}

bool is_mark(char32_t c) { return (category(c) & U_GC_MN_MASK) != 0; }

void append_lower(std::string& text, char32_t c) {
  if (c == 0x130) {
    text += "i\xCC\x87";
    return;
  }
  append_utf8(text, static_cast<char32_t>(u_tolower(UChar32(c))));
}

std::string decompose(const std::string& text) {
  UErrorCode status = U_ZERO_ERROR;
  const icu::Normalizer2* nfd = icu::Normalizer2::getNFDInstance(status);
  std::string result;
  if (U_SUCCESS(status)) {
    icu::StringByteSink<std::string> sink(&result, static_cast<std::int32_t>(text.size()));
    nfd->normalizeUTF8(0, icu::StringPiece(text.data(), static_cast<std::int32_t>(text.size())),
                       sink, nullptr, status);
  }
  if (U_FAILURE(status)) {
    throw RunError(std::string("ICU cannot normalize a text: ") + u_errorName(status));
  }
  return result;
}

}  // namespace deneb::text
