#include "word_piece.h"

#include <algorithm>
#include <utility>

#include <deneb/errors.h>

#include "unicode.h"

namespace deneb::text {

WordPiece::WordPiece(Vocabulary vocabulary, WordPieceSettings settings)
    : settings_(std::move(settings)),
      vocabulary_(std::move(vocabulary)),
      unknown_(vocabulary_.find(settings_.unknown_token)) {
  if (unknown_ < 0) {
    throw DataError("the vocabulary has no unknown token '" + settings_.unknown_token +
                    "'; take the one that belongs to the network's weights");
  }
  const std::string& prefix = settings_.continuing_prefix;
  for (const auto& [token, id] : vocabulary_.ids()) {
    if (token.compare(0, prefix.size(), prefix) == 0) {
      continuations_.add(std::string(token.substr(prefix.size())), id);
    }
  }
}

std::string WordPiece::normalize_ascii(const std::string& text) const {
  std::string result;
  result.reserve(text.size());
  for (char c : text) {
    if (settings_.clean_text) {
      if (is_white_space(static_cast<unsigned char>(c)) && !is_control(c)) {
        c = ' ';
      } else if (is_control(static_cast<unsigned char>(c))) {
        continue;
      }
    }
    if (settings_.lowercase && c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    result += c;
  }
  return result;
}

std::string WordPiece::normalize(const std::string& text) const {
  if (is_ascii(text)) return normalize_ascii(text);
  std::string cleaned;
  cleaned.reserve(text.size());
  for (std::size_t position = 0; position < text.size();) {
    char32_t c = next_code_point(text, position);
    if (settings_.clean_text) {
      if (c == 0xFFFD || is_control(c)) continue;
      if (is_white_space(c)) c = ' ';
    }
    const bool alone = settings_.handle_chinese_chars && is_ideograph(c);
    if (alone) cleaned += ' ';
    append_utf8(cleaned, c);
    if (alone) cleaned += ' ';
  }
  if (settings_.strip_accents) cleaned = decompose(cleaned);
  if (!settings_.strip_accents && !settings_.lowercase) return cleaned;
  std::string result;
  result.reserve(cleaned.size());
  for (std::size_t position = 0; position < cleaned.size();) {
    const char32_t c = next_code_point(cleaned, position);
    if (settings_.strip_accents && is_mark(c)) continue;
    if (settings_.lowercase) {
      append_lower(result, c);
    } else {
      append_utf8(result, c);
    }
  }
  return result;
}

void WordPiece::append_word(std::string_view word, std::vector<std::int32_t>& ids) const {
  const auto is_start = [](char c) { return (c & 0xC0) != 0x80; };
  if (word.size() > settings_.longest_word &&
      std::count_if(word.begin(), word.end(), is_start) > std::int64_t(settings_.longest_word)) {
    ids.push_back(unknown_);
    return;
  }
  const std::size_t before = ids.size();
  for (std::size_t start = 0; start < word.size();) {
    const Vocabulary& pieces = start == 0 ? vocabulary_ : continuations_;
    std::size_t end = std::min(word.size(), start + pieces.longest());
    std::int32_t id = -1;
    for (; end > start; --end) {
      if (end < word.size() && !is_start(word[end])) continue;
      id = pieces.find(word.substr(start, end - start));
      if (id >= 0) break;
    }
    if (id < 0) {
      ids.resize(before);
      ids.push_back(unknown_);
      return;
    }
    ids.push_back(id);
    start = end;
  }
}

void WordPiece::tokenize(std::string_view text, std::size_t limit,
                         std::vector<std::int32_t>& ids) const {
  const std::size_t full =
      limit > ids.max_size() - ids.size() ? ids.max_size() : ids.size() + limit;
  std::size_t word = 0;  // start of the word that is being read
  const auto finish = [&](std::size_t end) {
    if (end > word) append_word(text.substr(word, end - word), ids);
  };
  for (std::size_t position = 0; position < text.size() && ids.size() < full;) {
    const std::size_t start = position;
    const char32_t c = next_code_point(text, position);
    if (is_white_space(c)) {
      finish(start);
      word = position;
    } else if (is_punctuation(c)) {
      finish(start);
      append_word(text.substr(start, position - start), ids);
      word = position;
    }
  }
  if (ids.size() < full) finish(text.size());
  if (ids.size() > full) ids.resize(full);
}

}  // namespace deneb::text
