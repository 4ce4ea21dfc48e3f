#pragma once

#include <string>

#include "tokenizer.h"

namespace deneb::text {

/// Reads the tokenizer of a folder in Hugging Face's layout, by the first of these that is there:
///
/// - tokenizer.json: WordPiece with BERT's normalizer, or byte-level BPE, with its special tokens
/// and
///   template. Its truncation and padding lengths are left to the data set.
/// - vocab.txt: WordPiece, [CLS] a [SEP] b [SEP]; do_lower_case, strip_accents and
///   tokenize_chinese_chars from tokenizer_config.json where that is there, else BERT's (true).
/// - vocab.json and merges.txt: byte-level BPE; with <s> and </s> in the vocabulary RoBERTa's
///   <s> a </s></s> b </s>, otherwise GPT-2's, without special tokens; add_prefix_space from
///   tokenizer_config.json, else false.
///
/// `path` may also name tokenizer.json or vocab.txt itself. DataError for files that are missing,
/// damaged or of a kind that is not supported.
Tokenizer read_tokenizer(const std::string& path);

}  // namespace deneb::text
