#pragma once

#include <string>

#include "cifar_images.h"

namespace deneb::cifar {

struct Cifar100Options {
  std::string data_path;
  std::string labels = "fine";
  // Of the 50 000 training images, as they are in common use.
  Normalization normalization{{0.5071, 0.4865, 0.4409}, {0.2673, 0.2564, 0.2762}};
  template <class V>
  void visit(V& v) {
    v.file("data_path", data_path, "",
           "folder with train.bin and test.bin of the authors' binary version; empty = cifar100 in "
           "the folder of the datasets",
           /*must_exist=*/false);
    v("labels", labels, "fine: 100 classes; coarse: their 20 superclasses", {"fine", "coarse"});
    normalization.visit(v);
  }
  void check(OptionErrors& errors) const { normalization.check(errors); }
};

/// CIFAR-100: 50 000 training and 10 000 test images.
class Cifar100 final : public CifarImages {
 public:
  using Options = Cifar100Options;
  explicit Cifar100(const Options& o);
  void check_files() const override;
  void open() override;

 private:
  bool is_fine_;
  std::string folder_;
};

}  // namespace deneb::cifar
