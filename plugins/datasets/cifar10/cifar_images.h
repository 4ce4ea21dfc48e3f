#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <deneb/data/dataset.h>
#include <deneb/options/options.h>

namespace deneb::cifar {

constexpr std::int64_t kSide = 32, kPixels = kSide * kSide, kBytes = 3 * kPixels;

struct Part {
  std::vector<std::uint8_t> pixels;  // [N, 3, 32, 32]
  std::vector<std::uint8_t> labels;
};

/// What the network sees is (pixel / 255 - mean) / deviation, per channel.
struct Normalization {
  std::vector<double> mean, deviation;
  template <class V>
  void visit(V& v) {
    v("mean", mean,
      "of red, green and blue in 0 .. 1, for normalization; networks from elsewhere need the "
      "figures that they were trained with",
      {0, 1});
    v("deviation", deviation, "likewise", {1e-6, 1000});
  }
  void check(OptionErrors& errors) const;
};

/// Two parts in memory.
class CifarImages : public Dataset {
 public:
  CifarImages(std::int64_t num_classes, const Normalization& normalization)
      : num_classes_(num_classes), normalization_(normalization) {}

  DatasetInfo info() const override;
  std::int64_t size(DataPart part) const override;
  Batch gather(DataPart part, const std::vector<std::int64_t>& indices) const override;

 protected:
  Part train_, test_;

 private:
  const Part& of(DataPart part) const { return part == DataPart::kTrain ? train_ : test_; }

  std::int64_t num_classes_;
  Normalization normalization_;
};

/// DataError, whose text ends in `advice`, unless the file is there.
void require_records(const std::string& path, const std::string& advice);

/// Appends the records of a file of the binary version: `label_bytes` label bytes, of which number
/// `label` counts, then 3072 planar bytes. DataError, whose text ends in `advice`.
void append_records(const std::string& path, std::int64_t records, int label_bytes, int label,
                    int classes, const std::string& advice, Part& part);

/// DataError when `folder` holds the named pickle of the authors' Python version, itself or in the
/// subfolder that their archive unpacks to.
void refuse_python_version(const std::string& folder, const std::string& subfolder,
                           const std::string& pickle, const std::string& binary_archive);

}  // namespace deneb::cifar
