#include <deneb/data/dataset.h>

namespace deneb {

Dataset::~Dataset() = default;

void Dataset::check_files() const {}
Batch Dataset::gather_training(const std::vector<std::int64_t>& indices,
                               const std::vector<std::uint64_t>&) const {
  return gather(DataPart::kTrain, indices);
}

std::int64_t Dataset::length(DataPart, std::int64_t) const { return 0; }

}  // namespace deneb
