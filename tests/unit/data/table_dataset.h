#pragma once

#include <torch/types.h>

#include <atomic>
#include <functional>
#include <vector>

#include <deneb/data/dataset.h>

/// Samples from two tensors; the target of a sample is its index, test samples count from 1000000.
class TableDataset final : public deneb::Dataset {
 public:
  static constexpr std::int64_t kTestBase = 1000000;

  TableDataset(torch::Tensor train, torch::Tensor test)
      : train_(std::move(train)), test_(std::move(test)) {
    facts.num_classes = 10;
    facts.sample_shape = train_.sizes().slice(1).vec();
  }
  /// `train` and `test` samples of bytes 1x2x2, whose pixels are the index modulo 256.
  static std::shared_ptr<TableDataset> counting(std::int64_t train, std::int64_t test = 5) {
    const auto images = [](std::int64_t n) {
      return torch::arange(n)
          .remainder(256)
          .to(torch::kUInt8)
          .view({n, 1, 1, 1})
          .expand({n, 1, 2, 2});
    };
    return std::make_shared<TableDataset>(images(train), images(test));
  }

  void open() override {}
  deneb::DatasetInfo info() const override { return facts; }
  std::int64_t size(deneb::DataPart part) const override { return of(part).size(0); }
  deneb::Batch gather(deneb::DataPart part,
                      const std::vector<std::int64_t>& indices) const override {
    ++gathered;
    if (on_gather) on_gather(indices);
    const auto rows = torch::tensor(indices);
    deneb::Batch batch;
    batch["input"] = of(part).index_select(0, rows);
    batch["target"] = rows + (part == deneb::DataPart::kTest ? kTestBase : 0);
    if (on_batch) on_batch(batch);
    return batch;
  }
  /// The default, and with `give_seeds` the seeds as a further tensor.
  deneb::Batch gather_training(const std::vector<std::int64_t>& indices,
                               const std::vector<std::uint64_t>& seeds) const override {
    deneb::Batch batch = Dataset::gather_training(indices, seeds);
    if (give_seeds) {
      batch["seed"] = torch::tensor(std::vector<std::int64_t>(seeds.begin(), seeds.end()));
    }
    return batch;
  }

  std::int64_t length(deneb::DataPart, std::int64_t index) const override {
    return length_of ? length_of(index) : 0;
  }

  bool give_seeds = false;
  std::function<std::int64_t(std::int64_t)> length_of;  ///< by default all samples have one shape
  deneb::DatasetInfo facts;
  std::function<void(const std::vector<std::int64_t>&)> on_gather;
  std::function<void(deneb::Batch&)> on_batch;
  mutable std::atomic<int> gathered{0};

 private:
  const torch::Tensor& of(deneb::DataPart part) const {
    return part == deneb::DataPart::kTrain ? train_ : test_;
  }
  torch::Tensor train_, test_;
};
