#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "token_model.h"

namespace deneb::text {

/// Ids of one sample, special tokens included.
struct Tokens {
  std::vector<std::int32_t> ids;
  std::vector<std::uint8_t> types;  ///< 0, or 1 for what belongs to the second text
};

/// A token that is searched in the text itself, before the model sees what lies between.
struct AddedToken {
  std::string content;
  std::int32_t id = 0;
  bool strip_left = false;  ///< takes the white space before it
  bool strip_right = false;
  bool normalized = false;  ///< searched in the normalized text
};

/// What surrounds the texts: a special token, or the place of the first or second text.
struct TemplatePiece {
  enum class Kind { kFirst, kSecond, kSpecial };
  Kind kind = Kind::kSpecial;
  std::int32_t id = 0;  ///< of a special token
  std::uint8_t type = 0;
};
using Template = std::vector<TemplatePiece>;

struct TokenizerParts {
  std::unique_ptr<TokenModel> model;
  std::vector<AddedToken> added;
  Template single, pair;
  std::int32_t padding_id = 0;
};

/// Text to token ids, as Hugging Face's `tokenizers` 0.15 gives them. Const functions may be called
/// from several threads at once.
///
/// Texts are UTF-8; every ill-formed part counts as U+FFFD (Python's errors="replace"). Of an empty
/// text only the special tokens are left, which may be none. DataError for a text above 682 MiB,
/// since ICU counts in 32 bits.
class Tokenizer {
 public:
  explicit Tokenizer(TokenizerParts parts);

  /// At most `max_length` tokens, but never less than the special ones: the end of the text gives
  /// way.
  Tokens encode(std::string_view text, std::int64_t max_length) const;
  /// The longer text gives way first.
  Tokens encode(std::string_view first, std::string_view second, std::int64_t max_length) const;
  /// Without special tokens, of any length.
  std::vector<std::int32_t> ids(std::string_view text) const;

  std::int64_t special_tokens(bool pair) const;
  /// True when token types other than 0 occur.
  bool has_types() const;
  std::int32_t padding_id() const { return parts_.padding_id; }
  /// All ids are below it.
  std::int64_t id_limit() const { return id_limit_; }

 private:
  // Finds added tokens of one kind, normalized or not.
  class Finder {
   public:
    void add(AddedToken token);
    /// The first one at or behind `start`, the longest at its place; nullptr = none. [begin, end)
    /// with the white space that it takes.
    const AddedToken* find(std::string_view text, std::size_t start, std::size_t& begin,
                           std::size_t& end) const;

   private:
    std::vector<AddedToken> tokens_;
    std::array<bool, 256> first_bytes_{};
  };

  std::size_t room_for_text(std::int64_t max_length, bool pair) const;
  std::vector<std::int32_t> ids(std::string_view text, std::size_t limit) const;
  void append_normalized(const std::string& text, std::size_t limit,
                         std::vector<std::int32_t>& ids) const;

  TokenizerParts parts_;
  Finder raw_, normalized_;
  std::int64_t id_limit_;
};

/// Lengths of two texts of `first` and `second` tokens that shall have `room` together: the longer
/// one is cut to what the shorter leaves; where that is not enough, both to the half, of an odd
/// room the larger one for the text that was longer, of equal ones for the second.
void cut_longest_first(std::size_t& first, std::size_t& second, std::size_t room);

}  // namespace deneb::text
