#pragma once

#include <torch/types.h>

#include <cstdint>
#include <functional>
#include <vector>

#include <deneb/data/data_loader.h>
#include <deneb/nn/batch.h>
#include <deneb/nn/block.h>

namespace deneb::reconstruction {

/// The samples that a reconstruction learns from: the first of a training pass, augmented as that
/// is, without labels. Images are kept in channels_last.
class CalibrationSet {
 public:
  /// At most `samples`. Sequences of different lengths are padded to the longest, with a mask.
  CalibrationSet(const DataLoader& data, std::uint64_t seed, std::int64_t samples,
                 torch::Device device);

  std::int64_t size() const { return input_.size(0); }
  const torch::Tensor& input() const { return input_; }
  /// What units read beside their input, of some samples.
  Batch beside(const torch::Tensor& samples) const;
  Batch beside(std::int64_t begin, std::int64_t count) const;
  /// float32 [N, T], 1 = token; undefined where there is no padding.
  const torch::Tensor& positions() const { return positions_; }

 private:
  torch::Tensor input_, positions_;
  Batch beside_;
};

/// Rows of a tensor whose first dimension is the samples; images stay in channels_last.
torch::Tensor rows(const torch::Tensor& all, const torch::Tensor& samples);

/// `unit` on the first `count` samples of `input`, a part at a time, without gradient.
torch::Tensor run(const Block& unit, const torch::Tensor& input, const CalibrationSet& set,
                  std::int64_t count);

/// Samples that run() hands to a unit at a time.
constexpr std::int64_t kPart = 128;

}  // namespace deneb::reconstruction
