#include <deneb/search/benchmark.h>

#include "fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace deneb;
  static const fuzz::InputFile file("benchmark.json"), copy("copy.json");
  file.write(fuzz::bytes_of(data, size));
  Benchmark read;
  if (!fuzz::read_or_refuse<DataError>(file.path() + ": ",
                                       [&] { read = read_benchmark(file.path()); })) {
    return 0;
  }
  for (const BenchmarkEntry& entry : read.entries) read.find(entry.bits);
  for (const std::string& split : benchmark_splits()) read.ids(split);
  // The published text may have widths twice, which a benchmark file may not.
  try {
    write_benchmark(copy.path(), read);
  } catch (const RunError&) {
    return 0;
  }
  const Benchmark again = read_benchmark(copy.path());
  fuzz::require(again.entries.size() == read.entries.size(), "as many entries as written");
  for (std::size_t i = 0; i < read.entries.size(); ++i) {
    fuzz::require(again.entries[i].bits == read.entries[i].bits &&
                      again.entries[i].accuracy == read.entries[i].accuracy,
                  "entries read back as written");
  }
  return 0;
}
