#include <ATen/Parallel.h>
#include <deneb/data/data_loader.h>
#include <deneb/data/sample_counts.h>
#include <deneb/interrupt.h>
#include <deneb/random.h>
#include <omp.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <exception>
#include <map>
#include <mutex>
#include <numeric>
#include <system_error>
#include <thread>
#include <type_traits>

#include "data/place_image.h"
#include "io/number_text.h"

namespace deneb {
namespace {

using Indices = std::vector<std::int64_t>;

std::atomic<std::int64_t> training_samples{0}, evaluation_samples{0};

void shuffle(Indices& indices, std::uint64_t seed) {
  std::mt19937_64 rng(seed);
  for (std::size_t i = indices.size(); i > 1; --i) {
    std::swap(indices[i - 1], indices[uniform_index(rng, i)]);
  }
}

Normalization normalization_of(const DatasetInfo& info, bool is_byte, std::int64_t channels) {
  Normalization n;
  const double unit = is_byte ? 1.0 / 255.0 : 1.0;
  for (std::int64_t c = 0; c < channels; ++c) {
    const double mean = info.mean.empty() ? 0.0 : info.mean[static_cast<std::size_t>(c)];
    const double deviation =
        info.deviation.empty() ? 1.0 : info.deviation[static_cast<std::size_t>(c)];
    n.scale.push_back(static_cast<float>(unit / deviation));
    n.shift.push_back(static_cast<float>(-mean / deviation));
  }
  return n;
}

class Preparer {
 public:
  // For evaluation: samples as they are.
  Preparer(std::shared_ptr<const Dataset> dataset, DataPart part)
      : dataset_(std::move(dataset)), info_(dataset_->info()), part_(part) {}
  // For training.
  Preparer(std::shared_ptr<const Dataset> dataset, AugmentOptions augment, std::uint64_t epoch_seed)
      : dataset_(std::move(dataset)),
        info_(dataset_->info()),
        training_(true),
        augment_(augment),
        seed_(derive_seed(epoch_seed, "augment")),
        sample_seed_(derive_seed(epoch_seed, "sample")) {}

  std::atomic<std::int64_t>& counter() const {
    return training_ ? training_samples : evaluation_samples;
  }

  // `position` of the first sample in the epoch: with the seed it fixes the augmentation.
  Batch prepare(const Indices& indices, std::int64_t position) const {
    Batch batch = training_ ? dataset_->gather_training(indices, sample_seeds(indices))
                            : dataset_->gather(part_, indices);
    check(batch, indices.size());
    torch::Tensor& input = batch["input"];
    if (input.dim() != 4) return batch;
    const auto raw = input.contiguous();
    auto out = torch::empty(raw.sizes(), torch::kFloat32);
    if (raw.scalar_type() == torch::kUInt8) {
      place_all<std::uint8_t>(raw, out, position);
    } else {
      place_all<float>(raw, out, position);
    }
    input = out;
    return batch;
  }

 private:
  std::vector<std::uint64_t> sample_seeds(const Indices& indices) const {
    std::vector<std::uint64_t> seeds;
    seeds.reserve(indices.size());
    for (const std::int64_t index : indices) {
      seeds.push_back(derive_seed(sample_seed_, static_cast<std::uint64_t>(index)));
    }
    return seeds;
  }

  void check(const Batch& batch, std::size_t count) const {
    const auto broken = [this](const std::string& what) {
      return PluginError(std::string("dataset: gather") + (training_ ? "_training" : "") +
                         "() returned " + what + "; the dataset plugin is at fault");
    };
    if (!batch.tensors.count("input")) throw broken("no tensor 'input'");
    for (const auto& [name, tensor] : batch.tensors) {
      if (!tensor.defined() || tensor.dim() == 0 ||
          tensor.size(0) != static_cast<std::int64_t>(count)) {
        throw broken("'" + name + "' without one row for each of " + std::to_string(count) +
                     " samples");
      }
    }
    const torch::Tensor& input = batch.input();
    if (input.dim() != 4) return;
    if (input.scalar_type() != torch::kUInt8 && input.scalar_type() != torch::kFloat32) {
      throw broken(std::string("images of type ") + c10::toString(input.scalar_type()) +
                   ", expected uint8 or float32");
    }
    if (!info_.mean.empty() && input.size(1) != static_cast<std::int64_t>(info_.mean.size())) {
      throw broken("images of " + std::to_string(input.size(1)) + " channels, info() has " +
                   std::to_string(info_.mean.size()) + " means");
    }
  }

  template <class Raw>
  void place_all(const torch::Tensor& raw, torch::Tensor& out, std::int64_t position) const {
    const std::int64_t n = raw.size(0), c = raw.size(1), h = raw.size(2), w = raw.size(3);
    const Normalization normalization =
        normalization_of(info_, std::is_same_v<Raw, std::uint8_t>, c);
    for (std::int64_t i = 0; i < n; ++i) {
      place_image(raw.data_ptr<Raw>() + i * c * h * w, out.data_ptr<float>() + i * c * h * w, c, h,
                  w, draw(position + i), normalization);
    }
  }

  Placement draw(std::int64_t position) const {
    Placement p;
    if (augment_.random_crop == 0 && !augment_.horizontal_flip) return p;
    std::mt19937_64 rng(derive_seed(seed_, static_cast<std::uint64_t>(position)));
    if (augment_.random_crop > 0) {
      const std::uint64_t span = 2 * static_cast<std::uint64_t>(augment_.random_crop) + 1;
      p.dy = static_cast<std::int64_t>(uniform_index(rng, span)) - augment_.random_crop;
      p.dx = static_cast<std::int64_t>(uniform_index(rng, span)) - augment_.random_crop;
    }
    if (augment_.horizontal_flip) p.mirror = uniform_index(rng, 2) == 1;
    return p;
  }

  std::shared_ptr<const Dataset> dataset_;
  DatasetInfo info_;
  DataPart part_ = DataPart::kTrain;
  bool training_ = false;
  AugmentOptions augment_;
  std::uint64_t seed_ = 0, sample_seed_ = 0;
};

// Prepares batches in the caller (no threads) or in background threads; order is always kept, and
// an error is thrown in place of the batch that it belongs to.
class Stream final : public BatchStream {
 public:
  Stream(Preparer preparer, Indices order, std::int64_t batch_size, std::int64_t first_batch,
         int workers)
      : preparer_(std::move(preparer)),
        order_(std::move(order)),
        batch_size_(batch_size),
        next_(first_batch),
        to_start_(first_batch),
        ahead_(2 * workers) {
    try {
      for (int i = 0; i < workers; ++i) threads_.emplace_back([this] { work(); });
    } catch (const std::system_error&) {
      // The system grants no more threads: fewer of them, or none, give the same batches.
    }
  }

  ~Stream() override {
    {
      std::lock_guard<std::mutex> lock(mutex_);
      stop_ = true;
    }
    changed_.notify_all();
    for (std::thread& thread : threads_) thread.join();
  }

  bool next(Batch& batch) override {
    if (next_ >= count()) return false;
    if (threads_.empty()) {
      batch = make(next_);
      count_batch();
      return true;
    }
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, [this] { return ready_.count(next_) > 0; });
    const auto found = ready_.find(next_);
    if (found->second.error) std::rethrow_exception(found->second.error);
    batch = std::move(found->second.batch);
    ready_.erase(found);
    count_batch();
    lock.unlock();
    changed_.notify_all();
    return true;
  }

 private:
  struct Prepared {
    Batch batch;
    std::exception_ptr error;
  };

  std::int64_t count() const {
    return (static_cast<std::int64_t>(order_.size()) + batch_size_ - 1) / batch_size_;
  }

  // The batch `next_` is given out.
  void count_batch() {
    const std::int64_t begin = next_++ * batch_size_;
    preparer_.counter() +=
        std::min<std::int64_t>(batch_size_, static_cast<std::int64_t>(order_.size()) - begin);
  }

  Batch make(std::int64_t b) const {
    const std::int64_t begin = b * batch_size_;
    const std::int64_t end =
        std::min<std::int64_t>(begin + batch_size_, static_cast<std::int64_t>(order_.size()));
    return preparer_.prepare(Indices(order_.begin() + begin, order_.begin() + end), begin);
  }

  // Batches are started in order, so all before a failed one are finished by somebody.
  void work() {
    // LibTorch's operators would start threads of their own in each of these. The first call makes
    // LibTorch set its number for this thread, which it does once.
    at::get_num_threads();
    omp_set_num_threads(1);
    std::unique_lock<std::mutex> lock(mutex_);
    while (true) {
      changed_.wait(lock, [this] { return stop_ || failed_ || to_start_ < next_ + ahead_; });
      if (stop_ || failed_ || to_start_ >= count()) return;
      const std::int64_t b = to_start_++;
      lock.unlock();
      Prepared prepared;
      try {
        prepared.batch = make(b);
      } catch (...) {
        prepared.error = std::current_exception();
      }
      lock.lock();
      failed_ = failed_ || prepared.error;
      ready_[b] = std::move(prepared);
      changed_.notify_all();
    }
  }

  const Preparer preparer_;
  const Indices order_;
  const std::int64_t batch_size_;
  std::int64_t next_, to_start_;
  const std::int64_t ahead_;
  std::vector<std::thread> threads_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::int64_t, Prepared> ready_;
  bool stop_ = false, failed_ = false;
};

bool has_lengths(const Dataset& dataset, DataPart part, const Indices& samples) {
  return !samples.empty() && dataset.length(part, samples[0]) > 0;
}

// Ties keep their order.
void sort_by_length(const Dataset& dataset, DataPart part, Indices::iterator begin,
                    Indices::iterator end) {
  std::stable_sort(begin, end, [&](std::int64_t a, std::int64_t b) {
    return dataset.length(part, a) < dataset.length(part, b);
  });
}

// Shuffles whole batches; the last one stays where it is if it is smaller.
void shuffle_batches(Indices& order, std::int64_t batch_size, std::uint64_t seed) {
  Indices batches(order.size() / static_cast<std::size_t>(batch_size));
  std::iota(batches.begin(), batches.end(), 0);
  shuffle(batches, seed);
  const Indices old = order;
  auto to = order.begin();
  for (const std::int64_t batch : batches) {
    to = std::copy_n(old.begin() + batch * batch_size, batch_size, to);
  }
}

// So many of the training part are trained on; ConfigError where that leaves a split empty.
std::size_t trained_on(const DataLoaderOptions& options, std::int64_t samples) {
  const auto kept = static_cast<std::int64_t>(options.train_portion * double(samples) + 0.5);
  if (kept == 0 || (kept == samples && options.train_portion < 1)) {
    throw ConfigError("data_loader.train_portion: " + detail::number_text(options.train_portion) +
                      " of " + std::to_string(samples) + " samples leaves nothing to " +
                      (kept == 0 ? "train on; use a larger share"
                                 : "validate with; use a smaller share, or 1 for no validation"));
  }
  return static_cast<std::size_t>(kept);
}

void check_info(const DatasetInfo& info) {
  const std::size_t channels =
      info.sample_shape.size() == 3 ? static_cast<std::size_t>(info.sample_shape[0]) : 0;
  if (info.mean.size() != info.deviation.size() ||
      (!info.mean.empty() && info.mean.size() != channels)) {
    throw PluginError("dataset: info() gives " + std::to_string(info.mean.size()) + " means and " +
                      std::to_string(info.deviation.size()) + " deviations for " +
                      std::to_string(channels) + " channels; the dataset plugin is at fault");
  }
}

}  // namespace

BatchStream::~BatchStream() = default;

bool StoppableStream::next(Batch& batch) {
  throw_if_stopping();
  return stream_->next(batch);
}

DataLoader::~DataLoader() = default;

DataLoader::DataLoader(std::shared_ptr<const Dataset> dataset, const DataLoaderOptions& options)
    : dataset_(std::move(dataset)), options_(options) {
  check_info(dataset_->info());
  check_data_loader(options, dataset_->info());
  Indices all(static_cast<std::size_t>(dataset_->size(DataPart::kTrain)));
  std::iota(all.begin(), all.end(), 0);
  shuffle(all, derive_seed(static_cast<std::uint64_t>(options.split_seed), "split"));
  const std::size_t kept = trained_on(options, static_cast<std::int64_t>(all.size()));
  train_.assign(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(kept));
  validation_.assign(all.begin() + static_cast<std::ptrdiff_t>(kept), all.end());
  const auto cut = [](Indices& indices, std::int64_t limit) {
    if (limit > 0 && static_cast<std::int64_t>(indices.size()) > limit) indices.resize(limit);
  };
  cut(train_, options.train_limit);
  cut(validation_, options.validation_limit);
  test_.resize(static_cast<std::size_t>(dataset_->size(DataPart::kTest)));
  std::iota(test_.begin(), test_.end(), 0);
}

DatasetInfo DataLoader::info() const { return dataset_->info(); }

std::int64_t DataLoader::samples(Split split) const {
  const Indices& indices = split == Split::kTrain        ? train_
                           : split == Split::kValidation ? validation_
                                                         : test_;
  return static_cast<std::int64_t>(indices.size());
}

std::int64_t DataLoader::batches(Split split) const {
  const std::int64_t size = split == Split::kTrain ? options_.batch_size : options_.eval_batch_size;
  return (samples(split) + size - 1) / size;
}

std::unique_ptr<BatchStream> DataLoader::train(std::uint64_t seed, std::int64_t epoch,
                                               std::int64_t first_batch) const {
  const std::uint64_t epoch_seed =
      derive_seed(derive_seed(seed, "epoch"), static_cast<std::uint64_t>(epoch));
  Indices order = train_;
  shuffle(order, epoch_seed);
  if (has_lengths(*dataset_, DataPart::kTrain, order)) {
    const std::int64_t size = options_.batch_size;
    const auto full = static_cast<std::int64_t>(order.size()) / size * size;
    for (std::int64_t first = 0; first < full; first += size * options_.bucket_batches) {
      sort_by_length(*dataset_, DataPart::kTrain, order.begin() + first,
                     order.begin() + std::min(full, first + size * options_.bucket_batches));
    }
    shuffle_batches(order, size, derive_seed(epoch_seed, "batches"));
  }
  return std::make_unique<Stream>(Preparer(dataset_, options_.augment, epoch_seed),
                                  std::move(order), options_.batch_size, first_batch,
                                  options_.workers);
}

std::unique_ptr<BatchStream> DataLoader::evaluate(Split split, std::int64_t limit) const {
  Indices order = split == Split::kTrain        ? train_
                  : split == Split::kValidation ? validation_
                                                : test_;
  if (limit > 0 && static_cast<std::int64_t>(order.size()) > limit) order.resize(limit);
  const DataPart part = split == Split::kTest ? DataPart::kTest : DataPart::kTrain;
  if (has_lengths(*dataset_, part, order)) {
    const std::int64_t size = options_.eval_batch_size;
    sort_by_length(*dataset_, part, order.begin(), order.end());
    // The small batch gets the shortest samples. The others are mixed, since some look at the first
    // batches only.
    std::rotate(order.begin(), order.begin() + static_cast<std::int64_t>(order.size()) % size,
                order.end());
    shuffle_batches(order, size, derive_seed(0, "evaluation batches"));
  }
  return std::make_unique<Stream>(Preparer(dataset_, part), std::move(order),
                                  options_.eval_batch_size, 0, std::min(options_.workers, 1));
}

SampleCounts samples_drawn() { return {training_samples, evaluation_samples}; }

void check_data_loader(const DataLoaderOptions& options, const DatasetInfo& info) {
  if (info.train_samples > 0) trained_on(options, info.train_samples);
  const AugmentOptions& augment = options.augment;
  if ((augment.random_crop == 0 && !augment.horizontal_flip) || info.sample_shape.size() == 3)
    return;
  throw ConfigError(
      "data_loader.augment: random_crop and horizontal_flip change images, but the samples of the "
      "dataset are none (" +
      std::to_string(info.sample_shape.size()) + " dimensions, images have 3); leave augment out");
}

}  // namespace deneb
