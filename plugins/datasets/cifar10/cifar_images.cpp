#include "cifar_images.h"

#include <cstring>
#include <filesystem>

#include <deneb/io/files.h>

namespace deneb::cifar {

void Normalization::check(OptionErrors& errors) const {
  for (const auto& [key, list] : {std::pair{"mean", &mean}, std::pair{"deviation", &deviation}}) {
    if (list->size() == 3) continue;
    errors.add(key, "has " + std::to_string(list->size()) +
                        " numbers, expected one for each of red, green and blue");
  }
}

DatasetInfo CifarImages::info() const {
  return {num_classes_, {3, kSide, kSide}, normalization_.mean, normalization_.deviation, 50000,
          10000};
}

std::int64_t CifarImages::size(DataPart part) const {
  return static_cast<std::int64_t>(of(part).labels.size());
}

Batch CifarImages::gather(DataPart part, const std::vector<std::int64_t>& indices) const {
  const Part& source = of(part);
  const auto n = static_cast<std::int64_t>(indices.size());
  auto input = torch::empty({n, 3, kSide, kSide}, torch::kUInt8);
  auto target = torch::empty({n}, torch::kInt64);
  for (std::int64_t i = 0; i < n; ++i) {
    const auto index = static_cast<std::size_t>(indices[static_cast<std::size_t>(i)]);
    std::memcpy(input.data_ptr<std::uint8_t>() + i * kBytes, source.pixels.data() + index * kBytes,
                kBytes);
    target.data_ptr<std::int64_t>()[i] = source.labels[index];
  }
  Batch batch;
  batch["input"] = input;
  batch["target"] = target;
  return batch;
}

void require_records(const std::string& path, const std::string& advice) {
  if (!std::filesystem::exists(path)) throw DataError(path + ": not found; " + advice);
}

void append_records(const std::string& path, std::int64_t records, int label_bytes, int label,
                    int classes, const std::string& advice, Part& part) {
  const auto bad = [&](const std::string& what) {
    return DataError(path + ": " + what + "; " + advice);
  };
  require_records(path, advice);
  const std::string bytes = read_file(path);
  const std::int64_t record_bytes = label_bytes + kBytes;
  if (bytes.size() != static_cast<std::size_t>(records * record_bytes)) {
    throw bad(std::to_string(bytes.size()) + " bytes, expected " +
              std::to_string(records * record_bytes));
  }
  for (std::int64_t i = 0; i < records; ++i) {
    const char* record = bytes.data() + i * record_bytes;
    const auto found = static_cast<std::uint8_t>(record[label]);
    if (found >= classes) {
      throw bad("record " + std::to_string(i) + " has the label " + std::to_string(found) +
                ", expected 0 .. " + std::to_string(classes - 1));
    }
    part.labels.push_back(found);
    part.pixels.insert(part.pixels.end(), record + label_bytes, record + record_bytes);
  }
}

void refuse_python_version(const std::string& folder, const std::string& subfolder,
                           const std::string& pickle, const std::string& binary_archive) {
  for (const std::string& path : {folder + "/" + pickle, folder + "/" + subfolder + "/" + pickle}) {
    if (!std::filesystem::is_regular_file(path)) continue;
    throw DataError(path +
                    ": is a pickle of the Python version of the data, and no pickle is executed; "
                    "take the authors' binary version (" +
                    binary_archive +
                    "), or convert the pickles as plugins/datasets/cifar10/README.md shows");
  }
}

}  // namespace deneb::cifar
