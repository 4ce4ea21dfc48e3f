#include "fuzz.h"
#include "io/tensor_formats.h"
#include "tensors.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  namespace detail = deneb::detail;
  namespace fuzz = deneb::fuzz;
  using deneb::DataError;
  const auto mapping = detail::FileMapping::of(fuzz::bytes_of(data, size));
  fuzz::read_or_refuse<DataError>("input: ",
                                  [&] { fuzz::touch(detail::read_safetensors("input", mapping)); });
  return 0;
}
