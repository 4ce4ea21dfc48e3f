#include "cifar100.h"

#include <filesystem>

#include <deneb/data/data_path.h>

namespace deneb::cifar {

constexpr std::int64_t kTrainImages = 50000, kTestImages = 10000;
constexpr const char* kAdvice =
    "unpack the authors' binary version (cifar-100-binary.tar.gz) and set data_path to the folder "
    "with its train.bin and test.bin";

Cifar100::Cifar100(const Options& o)
    : CifarImages(o.labels == "fine" ? 100 : 20, o.normalization),
      is_fine_(o.labels == "fine"),
      folder_(data_directory(o.data_path, "cifar100")) {}

void Cifar100::check_files() const {
  if (!std::filesystem::exists(folder_ + "/train.bin")) {
    refuse_python_version(folder_, "cifar-100-python", "train", "cifar-100-binary.tar.gz");
  }
  for (const char* name : {"/train.bin", "/test.bin"}) require_records(folder_ + name, kAdvice);
}

void Cifar100::open() {
  check_files();
  train_.pixels.reserve(kTrainImages * kBytes);
  // Each record has the coarse label first.
  const int label = is_fine_ ? 1 : 0, classes = is_fine_ ? 100 : 20;
  append_records(folder_ + "/train.bin", kTrainImages, 2, label, classes, kAdvice, train_);
  append_records(folder_ + "/test.bin", kTestImages, 2, label, classes, kAdvice, test_);
}

}  // namespace deneb::cifar
