#pragma once

#include <cstdint>
#include <string>
#include <string_view>

/// What the tokenizers ask of Unicode; ICU's tables behind it.
namespace deneb::text {

bool is_ascii(std::string_view text);

/// The text with every ill-formed part replaced by U+FFFD, as Python's errors="replace" does it:
/// one for each longest beginning of a character, or else for each byte.
std::string valid_utf8(std::string_view text);

/// The code point at `position` of valid UTF-8, which moves behind it.
char32_t next_code_point(std::string_view text, std::size_t& position);
void append_utf8(std::string& text, char32_t c);

bool is_letter(char32_t c);       ///< general category L
bool is_number(char32_t c);       ///< N
bool is_white_space(char32_t c);  ///< property White_Space
bool is_punctuation(char32_t c);  ///< P, and the ASCII characters that are neither letter nor digit
                                  ///< nor space nor control
bool is_control(char32_t c);      ///< C without Cn, except tab, line feed and carriage return
bool is_ideograph(char32_t c);    ///< of the blocks that BERT takes for Chinese
bool is_mark(char32_t c);         ///< Mn

/// Each character by itself, without regard to its neighbors; U+0130 alone becomes two.
void append_lower(std::string& text, char32_t c);
/// Canonical decomposition (NFD) of valid UTF-8.
std::string decompose(const std::string& text);

}  // namespace deneb::text
