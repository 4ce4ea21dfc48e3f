#include "words.h"

#include <algorithm>

namespace deneb::reports {

const std::vector<Word>& words() {
  static const std::vector<Word> all = {
      {"bitops", "BitOps", "fewer BitOps",
       "Cost of computing: multiplications times weight bits times activation bits, summed over "
       "the "
       "layers."},
      {"size", "size in bits", "smaller",
       "Bits that the weights take: number of weights times weight bits."},
      {"flops", "FLOPs", "fewer FLOPs",
       "Multiplications, each counted by its share of 32-bit work: (weight bits + activation bits) "
       "/ 32."},
      {"params", "parameters", "fewer parameters", ""},
      {"accuracy_top5", "top-5 accuracy", "", ""}};
  return all;
}

const Word* word_of(const std::string& name) {
  const auto found = std::find_if(words().begin(), words().end(),
                                  [&](const Word& word) { return word.name == name; });
  return found == words().end() ? nullptr : &*found;
}

}  // namespace deneb::reports
