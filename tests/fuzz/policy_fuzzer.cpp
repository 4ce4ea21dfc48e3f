#include <deneb/quant/policy_file.h>

#include <nlohmann/json.hpp>

#include "fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace deneb;
  static const fuzz::InputFile file("policy.json"), copy("copy.json");
  file.write(fuzz::bytes_of(data, size));
  fuzz::read_or_refuse<ConfigError>(file.path() + ":", [&] {
    const PolicyFile read = read_policy_file(file.path());
    write_policy_file(copy.path(), read);
    const PolicyFile again = read_policy_file(copy.path());
    fuzz::require(again.policy == read.policy, "a policy reads back as it was written");
    fuzz::require(again.policy.fingerprint() == read.policy.fingerprint(), "so does its print");
    fuzz::require(again.metrics == read.metrics && again.provenance == read.provenance,
                  "so does what stands beside it");
    read.policy.text();
  });
  return 0;
}
