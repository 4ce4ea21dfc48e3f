#include "byte_level_bpe.h"

#include <functional>
#include <queue>
#include <tuple>

#include <deneb/errors.h>

#include "unicode.h"

namespace deneb::text {
namespace {

enum class CharacterKind { kLetter, kNumber, kSpace, kOther };

CharacterKind kind_of(char32_t c) {
  if (is_letter(c)) return CharacterKind::kLetter;
  if (is_number(c)) return CharacterKind::kNumber;
  return is_white_space(c) ? CharacterKind::kSpace : CharacterKind::kOther;
}

// Bytes that are visible in Latin-1 stand for themselves, all others, in order, for U+0100 and on.
std::array<std::string, 256> byte_alphabet() {
  std::array<std::string, 256> symbols;
  char32_t next = 0x100;
  for (int byte = 0; byte < 256; ++byte) {
    const bool visible = (byte >= '!' && byte <= '~') || (byte >= 0xA1 && byte <= 0xAC) ||
                         (byte >= 0xAE && byte <= 0xFF);
    append_utf8(symbols[std::size_t(byte)], visible ? char32_t(byte) : next++);
  }
  return symbols;
}

std::uint64_t pair_key(std::int32_t left, std::int32_t right) {
  return (std::uint64_t(std::uint32_t(left)) << 32) | std::uint32_t(right);
}

// Length of 's, 't, 're, 've, 'm, 'll or 'd at `start`, or 0.
std::size_t contraction_at(std::string_view text, std::size_t start) {
  if (text[start] != '\'' || start + 1 >= text.size()) return 0;
  const char first = text[start + 1];
  if (first == 's' || first == 't' || first == 'm' || first == 'd') return 2;
  const std::string_view two = text.substr(start + 1, 2);
  return two == "re" || two == "ve" || two == "ll" ? 3 : 0;
}

// Of a run of white space before other characters the last one is left to what follows.
std::size_t end_of_space(std::string_view text, std::size_t start) {
  std::size_t last = start, position = start;
  while (position < text.size()) {
    const std::size_t before = position;
    if (!is_white_space(next_code_point(text, position))) return last > start ? last : before;
    last = before;
  }
  return text.size();
}

}  // namespace

std::size_t end_of_piece(std::string_view text, std::size_t start) {
  const std::size_t contraction = contraction_at(text, start);
  if (contraction > 0) return start + contraction;
  std::size_t position = start;
  CharacterKind kind = kind_of(next_code_point(text, position));
  if (text[start] == ' ' && position < text.size()) {
    std::size_t behind = position;
    const CharacterKind next = kind_of(next_code_point(text, behind));
    if (next != CharacterKind::kSpace) {
      kind = next;
      position = behind;
    }
  }
  if (kind == CharacterKind::kSpace) return end_of_space(text, start);
  while (position < text.size()) {
    const std::size_t before = position;
    if (kind_of(next_code_point(text, position)) != kind) return before;
  }
  return position;
}

ByteLevelBpe::ByteLevelBpe(Vocabulary vocabulary, const std::vector<Merge>& merges,
                           bool add_prefix_space)
    : vocabulary_(std::move(vocabulary)), add_prefix_space_(add_prefix_space) {
  const std::array<std::string, 256> alphabet = byte_alphabet();
  for (std::size_t byte = 0; byte < 256; ++byte) {
    bytes_[byte] = vocabulary_.find(alphabet[byte]);
    if (bytes_[byte] < 0) {
      throw DataError("the vocabulary has no token '" + alphabet[byte] + "' for byte " +
                      std::to_string(byte) +
                      "; byte-level BPE needs all 256, take the file that belongs to the "
                      "network's weights");
    }
  }
  for (std::size_t rank = 0; rank < merges.size(); ++rank) {
    const auto& [left, right] = merges[rank];
    const std::int32_t a = vocabulary_.find(left), b = vocabulary_.find(right),
                       both = vocabulary_.find(left + right);
    if (a < 0 || b < 0 || both < 0) {
      throw DataError("merge " + std::to_string(rank + 1) + " ('" + left + "' and '" + right +
                      "'): the vocabulary has no token '" +
                      (a < 0   ? left
                       : b < 0 ? right
                               : left + right) +
                      "'; vocabulary and merges must belong together");
    }
    rules_[pair_key(a, b)] = {static_cast<std::int32_t>(rank), both};
  }
}

const ByteLevelBpe::Rule* ByteLevelBpe::rule_of(std::int32_t left, std::int32_t right) const {
  const auto found = rules_.find(pair_key(left, right));
  return found == rules_.end() ? nullptr : &found->second;
}

// Lowest rank first, of equal ones the leftmost; a heap, since a piece may be a whole file.
void ByteLevelBpe::append_piece(std::string_view piece, std::vector<std::int32_t>& ids) const {
  struct Symbol {
    std::int32_t id;
    std::int32_t previous, next;  // -1 = none; id -1 = merged into the one before
  };
  using Candidate = std::tuple<std::int32_t, std::int32_t, std::int32_t>;  // rank, place, merged id
  std::priority_queue<Candidate, std::vector<Candidate>, std::greater<>> queue;
  std::vector<Symbol> symbols(piece.size());
  const auto size = static_cast<std::int32_t>(piece.size());
  for (std::int32_t i = 0; i < size; ++i) {
    symbols[std::size_t(i)] = {bytes_[static_cast<unsigned char>(piece[std::size_t(i)])], i - 1,
                               i + 1 < size ? i + 1 : -1};
  }
  const auto offer = [&](std::int32_t place) {
    if (place < 0) return;
    const Symbol& left = symbols[std::size_t(place)];
    if (left.next < 0) return;
    const Rule* rule = rule_of(left.id, symbols[std::size_t(left.next)].id);
    if (rule) queue.emplace(rule->rank, place, rule->id);
  };
  for (std::int32_t i = 0; i < size; ++i) offer(i);
  while (!queue.empty()) {
    const auto [rank, place, merged] = queue.top();
    queue.pop();
    Symbol& left = symbols[std::size_t(place)];
    if (left.id < 0 || left.next < 0) continue;
    Symbol& right = symbols[std::size_t(left.next)];
    const Rule* rule = rule_of(left.id, right.id);
    if (!rule || rule->id != merged || rule->rank != rank) continue;  // overtaken by another merge
    left.id = merged;
    right.id = -1;
    left.next = right.next;
    if (left.next >= 0) symbols[std::size_t(left.next)].previous = place;
    offer(left.previous);
    offer(place);
  }
  for (const Symbol& symbol : symbols) {
    if (symbol.id >= 0) ids.push_back(symbol.id);
  }
}

void ByteLevelBpe::append_pieces(std::string_view text, std::size_t full,
                                 std::vector<std::int32_t>& ids) const {
  for (std::size_t start = 0; start < text.size() && ids.size() < full;) {
    const std::size_t end = end_of_piece(text, start);
    append_piece(text.substr(start, end - start), ids);
    start = end;
  }
  if (ids.size() > full) ids.resize(full);
}

void ByteLevelBpe::tokenize(std::string_view text, std::size_t limit,
                            std::vector<std::int32_t>& ids) const {
  const std::size_t full =
      limit > ids.max_size() - ids.size() ? ids.max_size() : ids.size() + limit;
  if (add_prefix_space_ && !text.empty() && text[0] != ' ') {
    append_pieces(" " + std::string(text), full, ids);
  } else {
    append_pieces(text, full, ids);
  }
}

}  // namespace deneb::text
