#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <deneb/data/dataset.h>
#include <deneb/options/options.h>

namespace deneb {

enum class Split { kTrain, kValidation, kTest };

/// Random changes of training images; none by default.
struct AugmentOptions {
  int random_crop = 0;
  bool horizontal_flip = false;
  template <class V>
  void visit(V& v) {
    v("random_crop", random_crop, "zero padding in pixels before a random crop to the old size",
      {0, 1024});
    v("horizontal_flip", horizontal_flip, "mirror half of the images");
  }
};

/// The `data_loader` section of a step.
struct DataLoaderOptions {
  int batch_size = 128;
  int eval_batch_size = 256;
  double train_portion = 0.9;
  std::int64_t split_seed = 0;
  std::int64_t train_limit = 0;
  std::int64_t validation_limit = 0;
  int workers = 1;
  int bucket_batches = 50;
  AugmentOptions augment;
  template <class V>
  void visit(V& v) {
    v("batch_size", batch_size, "training samples per step", {1, 1e6});
    v("eval_batch_size", eval_batch_size, "samples per evaluation batch", {1, 1e6});
    v("train_portion", train_portion,
      "share of the training part that is trained on; the rest is the validation split", {0, 1});
    v("split_seed", split_seed, "seed of the train/validation split", {0, 9e15});
    v("train_limit", train_limit, "use only so many training samples; 0 = all", {0, 1e12});
    v("validation_limit", validation_limit, "use only so many validation samples; 0 = all",
      {0, 1e12});
    v("workers", workers, "background threads that prepare training batches", {0, 64});
    v("bucket_batches", bucket_batches,
      "texts: so many training batches are drawn at a time and filled with samples of like length, "
      "which saves padding; 1 = batches are drawn one by one",
      {1, 1e6});
    v("augment", augment, "random changes of training images");
  }
  void check(OptionErrors& errors) const {
    if (train_portion == 0) {
      errors.add("train_portion", "is 0, which leaves nothing to train on; use a larger share");
    }
  }
};

/// One pass over a split. next() is called from one thread.
class DENEB_API BatchStream {
 public:
  virtual ~BatchStream();
  /// False at the end of the pass. Images are float32, normalized, contiguous, on the CPU; all
  /// other tensors come as the dataset gave them. What Dataset::gather or gather_training throws is
  /// thrown here, in place of the batch that it belongs to, also when a background thread ran into
  /// it; PluginError for a batch that breaks the contract of gather.
  virtual bool next(Batch& batch) = 0;
};

/// Throws Interrupted between two batches when a stop was asked for (deneb/interrupt.h).
class DENEB_API StoppableStream final : public BatchStream {
 public:
  explicit StoppableStream(std::unique_ptr<BatchStream> stream) : stream_(std::move(stream)) {}
  bool next(Batch& batch) override;

 private:
  std::unique_ptr<BatchStream> stream_;
};

/// Splits, shuffles, augments, normalizes and batches a dataset. The last, smaller batch is never
/// dropped. What a pass yields depends on (split_seed, seed, epoch) only, not on `workers`. The
/// padding of a random crop is zero before normalization (black), and mirroring comes after it.
///
/// Where samples differ in length (Dataset::length), those of like length share a batch. In
/// training the samples are shuffled, each `bucket_batches` batches of them sorted by length (ties
/// stay shuffled), then all batches shuffled; the last, smaller batch is drawn at random and stays
/// last.
///
/// Streams share the dataset, not the loader: they may outlive it and run side by side.
class DENEB_API DataLoader {
 public:
  /// `dataset` must be open. ConfigError when a split that train_portion asks for would be empty,
  /// and as check_data_loader; PluginError when the dataset's info() contradicts itself.
  DataLoader(std::shared_ptr<const Dataset> dataset, const DataLoaderOptions& options);
  ~DataLoader();

  std::int64_t samples(Split split) const;
  std::int64_t batches(Split split) const;
  DatasetInfo info() const;
  const DataLoaderOptions& options() const { return options_; }

  /// Training order and augmentation of one epoch (Dataset::gather_training); resumable from
  /// `first_batch`.
  std::unique_ptr<BatchStream> train(std::uint64_t seed, std::int64_t epoch,
                                     std::int64_t first_batch = 0) const;
  /// Samples in fixed order, no augmentation (Dataset::gather). `limit` 0 = all, else so many of
  /// the split's first. Batches of samples of like length come in a mixed order that is fixed, too.
  std::unique_ptr<BatchStream> evaluate(Split split, std::int64_t limit = 0) const;

 private:
  std::shared_ptr<const Dataset> dataset_;
  DataLoaderOptions options_;
  std::vector<std::int64_t> train_, validation_, test_;
};

/// ConfigError for options that make no sense with such a dataset: `augment` where samples are no
/// images, a train_portion that leaves a split empty where the number of samples is known. No data
/// needed.
DENEB_API void check_data_loader(const DataLoaderOptions& options, const DatasetInfo& info);

}  // namespace deneb
