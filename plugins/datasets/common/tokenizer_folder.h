#pragma once

#include <string>

#include "tokenizer.h"

namespace deneb::text {

/// The tokenizer that a data set's option `tokenizer` names; empty = where scripts/fetch_data.sh
/// minilm puts its. DataError as read_tokenizer, and for a max_length that leaves no room for text
/// beside the special tokens.
Tokenizer open_tokenizer(const std::string& option, std::int64_t max_length, bool pair);

}  // namespace deneb::text
