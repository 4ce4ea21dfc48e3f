#include "tokenizer_folder.h"

#include <deneb/data/data_path.h>
#include <deneb/errors.h>

#include <filesystem>

#include "tokenizer_file.h"

namespace deneb::text {

Tokenizer open_tokenizer(const std::string& option, std::int64_t max_length, bool pair) {
  const std::string path = data_directory(option, "minilm");
  if (!std::filesystem::exists(path)) {
    throw DataError(path + ": not found; " +
                    (option.empty()
                         ? "get it with `scripts/fetch_data.sh minilm`, or set tokenizer "
                           "to the folder of the network's weights"
                         : "correct the option tokenizer"));
  }
  Tokenizer tokenizer = read_tokenizer(path);
  const std::int64_t special = tokenizer.special_tokens(pair);
  if (max_length <= special) {
    throw ConfigError("dataset.max_length: " + std::to_string(max_length) +
                      " leaves no room for text beside the " + std::to_string(special) +
                      " special tokens of " + path + "; use a larger one");
  }
  return tokenizer;
}

}  // namespace deneb::text
