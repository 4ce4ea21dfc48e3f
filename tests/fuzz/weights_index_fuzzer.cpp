#include <deneb/io/weight_file.h>

#include "fuzz.h"
#include "tensors.h"

// An index of shards, with two shards beside it.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using deneb::DataError;
  namespace fuzz = deneb::fuzz;
  static const fuzz::InputFile file("model.safetensors.index.json");
  static const bool has_shards = [] {
    const auto shard = [](const std::string& tensor) {
      const std::string header =
          "{\"" + tensor + "\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}";
      return std::string(1, static_cast<char>(header.size())) + std::string(7, '\0') + header +
             std::string(4, '\0');
    };
    fuzz::InputFile("a.safetensors").write(shard("a.weight"));
    fuzz::InputFile("b.safetensors").write(shard("b.weight"));
    return true;
  }();
  (void)has_shards;
  file.write(fuzz::bytes_of(data, size));
  // Errors begin with the name of the index, or with that of a shard in its folder.
  const std::string folder = std::filesystem::path(file.path()).parent_path();
  fuzz::read_or_refuse<DataError>(folder, [&] { fuzz::touch(deneb::read_weights(file.path())); });
  return 0;
}
