#include <algorithm>

#include "fuzz.h"
#include "plugins/datasets/common/tokenizer_file.h"

// The first line is a text, the rest a tokenizer: vocab.json and merges.txt, which begins with
// "#version"; or tokenizer.json; or vocab.txt.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace deneb;
  static const fuzz::InputFile json("tokenizer.json"), words("vocab.txt"),
      vocabulary("bpe/vocab.json"), merges("bpe/merges.txt");
  const std::string input = fuzz::bytes_of(data, size);
  const std::size_t cut = std::min(input.find('\n'), input.size());
  const std::string text = input.substr(0, cut),
                    rest = input.substr(std::min(cut + 1, input.size()));
  const std::size_t second = rest.find("\n#version");
  std::string path, begin;
  if (!rest.empty() && rest[0] == '{' && second != std::string::npos) {
    vocabulary.write(rest.substr(0, second));
    merges.write(rest.substr(second + 1));
    path = begin = std::filesystem::path(vocabulary.path()).parent_path();
  } else {
    const fuzz::InputFile& file = !rest.empty() && rest[0] == '{' ? json : words;
    file.write(rest);
    path = file.path();
    begin = path + ":";
  }
  fuzz::read_or_refuse<DataError>(begin, [&] {
    const text::Tokenizer tokenizer = text::read_tokenizer(path);
    const auto check = [&](const text::Tokens& tokens, bool pair, std::size_t most) {
      fuzz::require(tokens.types.size() == tokens.ids.size(), "every token has a type");
      most = std::max(most, static_cast<std::size_t>(tokenizer.special_tokens(pair)));
      fuzz::require(tokens.ids.size() <= most, "no more tokens than allowed");
      for (const std::int32_t id : tokens.ids) {
        fuzz::require(id >= 0 && id < tokenizer.id_limit(), "ids lie below their limit");
      }
    };
    check(tokenizer.encode(text, 512), false, 512);
    check(tokenizer.encode(text, 5), false, 5);
    check(tokenizer.encode(text, text, 7), true, 7);
    tokenizer.has_types();
  });
  return 0;
}
