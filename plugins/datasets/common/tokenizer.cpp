#include "tokenizer.h"

#include <algorithm>
#include <limits>
#include <utility>

#include <deneb/errors.h>

#include "unicode.h"

namespace deneb::text {
namespace {

std::size_t without_space_behind(std::string_view text, std::size_t lowest, std::size_t end) {
  while (end > lowest) {
    std::size_t start = end - 1;
    while (start > lowest && (text[start] & 0xC0) == 0x80) --start;
    std::size_t position = start;
    if (!is_white_space(next_code_point(text, position))) break;
    end = start;
  }
  return end;
}

std::size_t behind_space(std::string_view text, std::size_t start) {
  while (start < text.size()) {
    std::size_t position = start;
    if (!is_white_space(next_code_point(text, position))) break;
    start = position;
  }
  return start;
}

Tokens fill(const Template& pieces, const std::vector<std::int32_t>& first,
            const std::vector<std::int32_t>& second) {
  Tokens tokens;
  for (const TemplatePiece& piece : pieces) {
    if (piece.kind == TemplatePiece::Kind::kSpecial) {
      tokens.ids.push_back(piece.id);
    } else {
      const auto& ids = piece.kind == TemplatePiece::Kind::kFirst ? first : second;
      tokens.ids.insert(tokens.ids.end(), ids.begin(), ids.end());
    }
    tokens.types.resize(tokens.ids.size(), piece.type);
  }
  return tokens;
}

}  // namespace

void Tokenizer::Finder::add(AddedToken token) {
  if (token.content.empty()) return;
  first_bytes_[static_cast<unsigned char>(token.content[0])] = true;
  tokens_.push_back(std::move(token));
}

const AddedToken* Tokenizer::Finder::find(std::string_view text, std::size_t start,
                                          std::size_t& begin, std::size_t& end) const {
  if (tokens_.empty()) return nullptr;
  for (std::size_t place = start; place < text.size(); ++place) {
    if (!first_bytes_[static_cast<unsigned char>(text[place])]) continue;
    const AddedToken* longest = nullptr;
    for (const AddedToken& token : tokens_) {
      if (text.compare(place, token.content.size(), token.content) == 0 &&
          (!longest || token.content.size() > longest->content.size())) {
        longest = &token;
      }
    }
    if (!longest) continue;
    begin = longest->strip_left ? without_space_behind(text, start, place) : place;
    end = place + longest->content.size();
    if (longest->strip_right) end = behind_space(text, end);
    return longest;
  }
  return nullptr;
}

Tokenizer::Tokenizer(TokenizerParts parts)
    : parts_(std::move(parts)), id_limit_(parts_.model->vocabulary().id_limit()) {
  for (AddedToken token : parts_.added) {
    id_limit_ = std::max<std::int64_t>(id_limit_, std::int64_t(token.id) + 1);
    if (token.normalized) {
      token.content = parts_.model->normalize(token.content);
      normalized_.add(std::move(token));
    } else {
      raw_.add(std::move(token));
    }
  }
}

void Tokenizer::append_normalized(const std::string& text, std::size_t limit,
                                  std::vector<std::int32_t>& ids) const {
  const auto model = [&](std::size_t from, std::size_t to) {
    if (to > from && ids.size() < limit) {
      parts_.model->tokenize(std::string_view(text).substr(from, to - from), limit - ids.size(),
                             ids);
    }
  };
  std::size_t position = 0, begin = 0, end = 0;
  while (ids.size() < limit) {
    const AddedToken* token = normalized_.find(text, position, begin, end);
    model(position, token ? begin : text.size());
    if (!token) return;
    if (ids.size() < limit) ids.push_back(token->id);
    position = end;
  }
}

std::vector<std::int32_t> Tokenizer::ids(std::string_view text, std::size_t limit) const {
  if (text.size() > std::size_t(std::numeric_limits<std::int32_t>::max()) / 3) {
    throw DataError("a text of " + std::to_string(text.size() >> 20) +
                    " MiB, expected at most 682; divide it among several samples or files");
  }
  const std::string valid = valid_utf8(text);
  std::vector<std::int32_t> ids;
  std::size_t position = 0, begin = 0, end = 0;
  while (ids.size() < limit) {
    const AddedToken* token = raw_.find(valid, position, begin, end);
    const std::size_t stop = token ? begin : valid.size();
    append_normalized(parts_.model->normalize(valid.substr(position, stop - position)), limit, ids);
    if (!token) break;
    if (ids.size() < limit) ids.push_back(token->id);
    position = end;
  }
  return ids;
}

std::vector<std::int32_t> Tokenizer::ids(std::string_view text) const {
  return ids(text, std::numeric_limits<std::size_t>::max());
}

std::int64_t Tokenizer::special_tokens(bool pair) const {
  const Template& pieces = pair ? parts_.pair : parts_.single;
  return std::count_if(pieces.begin(), pieces.end(), [](const TemplatePiece& piece) {
    return piece.kind == TemplatePiece::Kind::kSpecial;
  });
}

bool Tokenizer::has_types() const {
  const auto typed = [](const TemplatePiece& piece) { return piece.type != 0; };
  return std::any_of(parts_.single.begin(), parts_.single.end(), typed) ||
         std::any_of(parts_.pair.begin(), parts_.pair.end(), typed);
}

std::size_t Tokenizer::room_for_text(std::int64_t max_length, bool pair) const {
  return static_cast<std::size_t>(std::max<std::int64_t>(0, max_length - special_tokens(pair)));
}

Tokens Tokenizer::encode(std::string_view text, std::int64_t max_length) const {
  const std::size_t room = room_for_text(max_length, false);
  return fill(parts_.single, ids(text, room), {});
}

Tokens Tokenizer::encode(std::string_view first, std::string_view second,
                         std::int64_t max_length) const {
  const std::size_t room = room_for_text(max_length, true);
  std::vector<std::int32_t> a = ids(first), b = ids(second);
  std::size_t a_size = a.size(), b_size = b.size();
  cut_longest_first(a_size, b_size, room);
  a.resize(a_size);
  b.resize(b_size);
  return fill(parts_.pair, a, b);
}

void cut_longest_first(std::size_t& first, std::size_t& second, std::size_t room) {
  if (first + second <= room) return;
  const bool second_is_shorter = first > second;
  const std::size_t shorter = std::min(first, second);
  std::size_t a = shorter, b = room - std::min(shorter, room);
  if (shorter > b) {  // the halves
    a = room / 2;
    b = room - a;
  }
  first = second_is_shorter ? b : a;
  second = second_is_shorter ? a : b;
}

}  // namespace deneb::text
