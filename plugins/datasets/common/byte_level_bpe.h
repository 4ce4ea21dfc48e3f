#pragma once

#include <array>
#include <string>
#include <utility>

#include "token_model.h"

namespace deneb::text {

/// The tokenizer of GPT-2 and RoBERTa: byte pair encoding of the bytes of a text, which is cut
/// before at words, numbers, punctuation and white space. Radford et al., Language Models are
/// Unsupervised Multitask Learners, 2019; Sennrich et al., ACL 2016.
class ByteLevelBpe final : public TokenModel {
 public:
  using Merge = std::pair<std::string, std::string>;
  /// `merges`: the first is done first. Tokens are written in GPT-2's alphabet of visible
  /// characters, a space as U+0120. DataError when the vocabulary lacks one of the 256 bytes or a
  /// token of a merge. `add_prefix_space`: a text that begins otherwise gets a space in front.
  ByteLevelBpe(Vocabulary vocabulary, const std::vector<Merge>& merges, bool add_prefix_space);

  std::string normalize(const std::string& text) const override { return text; }
  void tokenize(std::string_view text, std::size_t limit,
                std::vector<std::int32_t>& ids) const override;
  const Vocabulary& vocabulary() const override { return vocabulary_; }

 private:
  struct Rule {
    std::int32_t rank;
    std::int32_t id;  // of the merged token
  };
  const Rule* rule_of(std::int32_t left, std::int32_t right) const;
  void append_piece(std::string_view piece, std::vector<std::int32_t>& ids) const;
  void append_pieces(std::string_view text, std::size_t full, std::vector<std::int32_t>& ids) const;

  Vocabulary vocabulary_;
  std::array<std::int32_t, 256> bytes_;
  std::unordered_map<std::uint64_t, Rule> rules_;  // by the ids of both halves
  bool add_prefix_space_;
};

/// End of the piece that begins at `start` of valid UTF-8, by GPT-2's pattern
/// 's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
std::size_t end_of_piece(std::string_view text, std::size_t start);

}  // namespace deneb::text
