#include "fuzz.h"
#include "plugins/search/emq/proxy_file.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace deneb;
  using namespace deneb::emq;
  static const fuzz::InputFile file("proxy.json"), copy("copy.json");
  file.write(fuzz::bytes_of(data, size));
  fuzz::read_or_refuse<DataError>(file.path() + ": ", [&] {
    const ProxyFile read = read_proxy(file.path());
    write_proxy(copy.path(), read);
    const ProxyFile again = read_proxy(copy.path());
    fuzz::require(text_of(again.genotype) == text_of(read.genotype),
                  "a proxy reads back as written");
    const Genotype shorter = canonical(read.genotype);
    fuzz::require(text_of(canonical(shorter)) == text_of(shorter), "canonical genotypes stay so");
    formula_of(shorter);
  });
  return 0;
}
