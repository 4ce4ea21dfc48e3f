#pragma once

#include <string>

#include "token_model.h"

namespace deneb::text {

struct WordPieceSettings {
  bool clean_text = true;            ///< without control characters; any white space is a space
  bool handle_chinese_chars = true;  ///< every ideograph is a word
  bool strip_accents = true;
  bool lowercase = true;
  std::string unknown_token = "[UNK]";
  std::string continuing_prefix = "##";
  std::size_t longest_word = 100;  ///< in characters; longer words are unknown
};

/// BERT's tokenizer: words between white space, every punctuation mark by itself, and of each word
/// the longest pieces that the vocabulary has, from left to right. Devlin et al., BERT, NAACL 2019;
/// piece by piece as in Wu et al., arXiv:1609.08144.
class WordPiece final : public TokenModel {
 public:
  /// DataError when the vocabulary lacks the unknown token.
  WordPiece(Vocabulary vocabulary, WordPieceSettings settings);

  std::string normalize(const std::string& text) const override;
  void tokenize(std::string_view text, std::size_t limit,
                std::vector<std::int32_t>& ids) const override;
  const Vocabulary& vocabulary() const override { return vocabulary_; }

 private:
  std::string normalize_ascii(const std::string& text) const;
  void append_word(std::string_view word, std::vector<std::int32_t>& ids) const;

  WordPieceSettings settings_;
  Vocabulary vocabulary_;
  Vocabulary continuations_;  // without the prefix
  std::int32_t unknown_;
};

}  // namespace deneb::text
