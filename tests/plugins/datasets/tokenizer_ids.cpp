// tokenizer_ids TOKENIZER MAX_LENGTH [pair]
//
// Reads texts from standard input, one a line (with `pair`, every two lines are a pair), and writes
// the ids of each, a line for each sample; with `pair` a line with the token types after it.
#include <cstdlib>
#include <iostream>
#include <string>

#include "../../../plugins/datasets/common/tokenizer_file.h"

namespace {

template <class Numbers>
void print(const Numbers& numbers) {
  std::string line;
  for (const auto number : numbers) {
    line += (line.empty() ? "" : " ") + std::to_string(std::int64_t(number));
  }
  std::cout << line << '\n';
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    std::cerr << "usage: tokenizer_ids TOKENIZER MAX_LENGTH [pair]\n";
    return 2;
  }
  std::ios::sync_with_stdio(false);
  const auto tokenizer = deneb::text::read_tokenizer(argv[1]);
  const std::int64_t max_length = std::atoll(argv[2]);
  std::string first, second;
  while (std::getline(std::cin, first)) {
    if (argc == 3) {
      print(tokenizer.encode(first, max_length).ids);
      continue;
    }
    std::getline(std::cin, second);
    const auto tokens = tokenizer.encode(first, second, max_length);
    print(tokens.ids);
    print(tokens.types);
  }
  return 0;
}
