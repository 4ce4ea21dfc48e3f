#include <deneb/search/layer_scores.h>

#include "fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace deneb;
  static const fuzz::InputFile file("scores.json"), copy("copy.json");
  file.write(fuzz::bytes_of(data, size));
  fuzz::read_or_refuse<DataError>(file.path() + ": ", [&] {
    const LayerScores read = read_layer_scores(file.path());
    write_layer_scores(copy.path(), read);
    const LayerScores again = read_layer_scores(copy.path());
    fuzz::require(again.layers.size() == read.layers.size(), "scores read back as written");
    for (std::size_t i = 0; i < read.layers.size(); ++i) {
      const LayerScore &a = read.layers[i], &b = again.layers[i];
      // The prefix of a name goes away once, for each reading.
      fuzz::require(a.weight == b.weight && a.activation == b.activation, "to the last bit");
      for (int bits = 1; bits <= 16; ++bits) {
        find_score(a.weight, Format::integer(bits, true));
        find_score(a.activation, Format::integer(bits, false));
      }
    }
  });
  return 0;
}
