#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <deneb/errors.h>
#include <deneb/nn/batch.h>

namespace deneb {

/// Facts of a dataset.
struct DatasetInfo {
  std::int64_t num_classes = 0;
  /// Of `input`, without the batch: [C, H, W]; for token ids [most tokens of a sample].
  std::vector<std::int64_t> sample_shape;
  /// Per channel, in the unit of the scaled inputs (bytes: 0..1); both empty = not normalized.
  std::vector<double> mean, deviation;
  /// Samples of the two parts, where that is known before open(); 0 = not known.
  std::int64_t train_samples = 0, test_samples = 0;
};

/// The two parts in which data come. The loader carves the validation split out of kTrain by seed;
/// kTest is read by final evaluations only.
enum class DataPart { kTrain, kTest };

/// Labelled samples, random access. Constructed cheaply (options are checked, no file is read);
/// open() reads. info() may be called before open() and gives the same answer as after it. After
/// open() all const functions are thread-safe.
class DENEB_API Dataset {
 public:
  static constexpr const char* kKind = "dataset";
  virtual ~Dataset();

  /// Looks whether what open() reads is there, without reading it: what open() would throw for
  /// missing files, and for options that do not fit small ones. Called by validation, before
  /// anything runs. By default all is well.
  virtual void check_files() const;
  /// Reads or maps the files. DataError names a missing or damaged file and the command that gets
  /// it. Called once, before size() and gather().
  virtual void open() = 0;
  virtual DatasetInfo info() const = 0;
  virtual std::int64_t size(DataPart part) const = 0;
  /// The samples at `indices` (each in 0 .. size(part) - 1, repetitions allowed) as one batch of
  /// CPU tensors, one row per index. Images are uint8 [N, C, H, W], which the loader divides by
  /// 255, or float32 [N, C, H, W] in a unit of their own. Then the loader normalizes both with mean
  /// and deviation, if info() gives them. Inputs of other dimensions are passed on unchanged.
  virtual Batch gather(DataPart part, const std::vector<std::int64_t>& indices) const = 0;
  /// The same for a training pass, where datasets whose images are larger than sample_shape cut a
  /// random part out of each. Samples of kTrain; one seed per index, made from the pass's seed, its
  /// epoch and the index, so that a sample looks the same in whatever batch it comes. All random
  /// numbers of a sample must come from its seed. What the loader's `augment` adds comes after it.
  /// By default gather(): the seeds are not used.
  virtual Batch gather_training(const std::vector<std::int64_t>& indices,
                                const std::vector<std::uint64_t>& seeds) const;
  /// Tokens of a sample, where samples differ in length and gather() pads a batch to its longest.
  /// By default 0, for all samples: they have one shape.
  virtual std::int64_t length(DataPart part, std::int64_t index) const;
};

}  // namespace deneb
