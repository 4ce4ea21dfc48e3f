#pragma once

#include <cstdint>
#include <vector>

#include <deneb/nn/batch.h>

#include "../common/tokenizer.h"

namespace deneb::text_table {

/// Tokenized samples with their labels, close together in memory.
class TokenTable {
 public:
  /// A sample without tokens becomes one padding token that counts as a token.
  void append(const text::Tokens& tokens, std::int64_t label, std::int32_t padding_id);
  std::int64_t size() const { return static_cast<std::int64_t>(labels_.size()); }
  std::int64_t length(std::int64_t index) const {
    return static_cast<std::int64_t>(ends_[std::size_t(index) + 1] - ends_[std::size_t(index)]);
  }
  /// `padded_length` 0 = that of the longest of these samples. attention_mask only where there is
  /// padding, token_type only where `with_types`.
  Batch gather(const std::vector<std::int64_t>& indices, std::int32_t padding_id,
               std::int64_t padded_length, bool with_types) const;

 private:
  std::vector<std::int32_t> ids_;
  std::vector<std::uint8_t> types_;
  std::vector<std::size_t> ends_{0};
  std::vector<std::int64_t> labels_;
};

}  // namespace deneb::text_table
