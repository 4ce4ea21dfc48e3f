#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/types.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <set>

#include <deneb/data/data_loader.h>
#include <deneb/data/sample_counts.h>

#include "scratch_folder.h"
#include "unit/data/table_dataset.h"

namespace deneb {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;

using Indices = std::vector<std::int64_t>;

Indices targets_of(const Batch& batch) {
  const auto target = batch.target().contiguous();
  return {target.data_ptr<std::int64_t>(), target.data_ptr<std::int64_t>() + target.numel()};
}

std::vector<Batch> drain(BatchStream& stream) {
  std::vector<Batch> batches;
  for (Batch batch; stream.next(batch);) batches.push_back(batch);
  return batches;
}

Indices order_of(BatchStream& stream) {
  Indices order;
  for (const Batch& batch : drain(stream)) {
    const Indices targets = targets_of(batch);
    order.insert(order.end(), targets.begin(), targets.end());
  }
  return order;
}

std::vector<std::int64_t> sizes_of(BatchStream& stream) {
  std::vector<std::int64_t> sizes;
  for (const Batch& batch : drain(stream)) sizes.push_back(batch.size());
  return sizes;
}

std::set<std::int64_t> split_of(const DataLoader& loader, Split split) {
  const Indices order = order_of(*loader.evaluate(split));
  const std::set<std::int64_t> set(order.begin(), order.end());
  EXPECT_EQ(set.size(), order.size()) << "a sample came twice";
  return set;
}

void expect_equal(const std::vector<Batch>& a, const std::vector<Batch>& b) {
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    EXPECT_TRUE(torch::equal(a[i].input(), b[i].input())) << "batch " << i;
    EXPECT_TRUE(torch::equal(a[i].target(), b[i].target())) << "batch " << i;
  }
}

DataLoaderOptions small_batches() {
  DataLoaderOptions options;
  options.batch_size = 8;
  options.eval_batch_size = 16;
  return options;
}

TEST(Splits, AreExactDisjointAndComplete) {
  for (const auto& [portion, expected] :
       std::vector<std::pair<double, std::int64_t>>{{0.9, 90}, {0.5, 50}, {0.333, 33}, {1, 100}}) {
    DataLoaderOptions options = small_batches();
    options.train_portion = portion;
    const DataLoader loader(TableDataset::counting(100, 7), options);
    EXPECT_EQ(loader.samples(Split::kTrain), expected);
    EXPECT_EQ(loader.samples(Split::kValidation), 100 - expected);
    EXPECT_EQ(loader.samples(Split::kTest), 7);
    std::set<std::int64_t> all = split_of(loader, Split::kTrain);
    EXPECT_THAT(all, SizeIs(expected));
    all.merge(split_of(loader, Split::kValidation));
    EXPECT_THAT(all, SizeIs(100));
    EXPECT_EQ(*all.begin(), 0);
    EXPECT_EQ(*all.rbegin(), 99);
  }
}

TEST(Splits, DependOnTheSplitSeedOnly) {
  const auto validation = [](std::int64_t split_seed, int batch_size, int workers) {
    DataLoaderOptions options = small_batches();
    options.split_seed = split_seed;
    options.batch_size = batch_size;
    options.workers = workers;
    return split_of(DataLoader(TableDataset::counting(200), options), Split::kValidation);
  };
  const auto first = validation(0, 8, 1);
  EXPECT_EQ(validation(0, 50, 3), first);
  EXPECT_NE(validation(1, 8, 1), first);
  // Pinned: another platform or version must cut the same split, or results cannot be compared.
  EXPECT_THAT(first, ElementsAre(12, 13, 26, 38, 40, 51, 58, 89, 91, 107, 108, 110, 111, 149, 152,
                                 153, 166, 167, 169, 179));
}

TEST(Splits, TestPartComesInItsOrderAndIsNeverTrainedOn) {
  const DataLoader loader(TableDataset::counting(20, 40), small_batches());
  Indices expected(40);
  std::iota(expected.begin(), expected.end(), TableDataset::kTestBase);
  EXPECT_EQ(order_of(*loader.evaluate(Split::kTest)), expected);
  for (const std::int64_t target : order_of(*loader.train(1, 0))) EXPECT_LT(target, 20);
}

TEST(Splits, LimitsTakeTheFirstOfASplit) {
  DataLoaderOptions options = small_batches();
  options.train_portion = 0.8;
  const DataLoader whole(TableDataset::counting(100), options);
  options.train_limit = 30;
  options.validation_limit = 5;
  const DataLoader cut(TableDataset::counting(100), options);
  EXPECT_EQ(cut.samples(Split::kTrain), 30);
  EXPECT_EQ(cut.samples(Split::kValidation), 5);
  EXPECT_EQ(cut.samples(Split::kTest), 5);
  EXPECT_EQ(cut.batches(Split::kTrain), 4);
  EXPECT_EQ(cut.batches(Split::kValidation), 1);
  Indices expected = order_of(*whole.evaluate(Split::kTrain));
  expected.resize(30);
  EXPECT_EQ(order_of(*cut.evaluate(Split::kTrain)), expected);
  // The cut changes neither what is validated with nor lets the two splits overlap.
  for (const std::int64_t target : split_of(cut, Split::kValidation)) {
    EXPECT_EQ(split_of(whole, Split::kValidation).count(target), 1u);
  }
  options.train_limit = options.validation_limit = 1000;
  const DataLoader uncut(TableDataset::counting(100), options);
  EXPECT_EQ(uncut.samples(Split::kTrain), 80);
  EXPECT_EQ(uncut.samples(Split::kValidation), 20);
}

TEST(Splits, EvaluationLimit) {
  const DataLoader loader(TableDataset::counting(20, 40), small_batches());
  EXPECT_THAT(sizes_of(*loader.evaluate(Split::kTest, 20)), ElementsAre(16, 4));
  EXPECT_THAT(sizes_of(*loader.evaluate(Split::kTest, 1000)), ElementsAre(16, 16, 8));
}

TEST(Splits, EmptySplitsAreErrors) {
  const auto error = [](double portion, std::int64_t samples) {
    DataLoaderOptions options;
    options.train_portion = portion;
    return text_of<ConfigError>([&] { DataLoader(TableDataset::counting(samples), options); });
  };
  EXPECT_THAT(error(0, 100), HasSubstr("leaves nothing to train on; use a larger share"));
  EXPECT_THAT(error(0.1, 4), HasSubstr("data_loader.train_portion: 0.1"));
  // The same before there are data, where their number is known.
  DataLoaderOptions options = small_batches();
  options.train_portion = 0.1;
  DatasetInfo info;
  check_data_loader(options, info);
  info.train_samples = 4;
  EXPECT_THROW(check_data_loader(options, info), ConfigError);
  info.train_samples = 40;
  check_data_loader(options, info);
  EXPECT_THAT(error(0.9, 4), HasSubstr("leaves nothing to validate with"));
  EXPECT_EQ(error(0.5, 2), "");
  EXPECT_EQ(error(1, 1), "");
}

TEST(Order, KeepsTheLastBatch) {
  DataLoaderOptions options = small_batches();
  options.train_portion = 0.5;
  const DataLoader loader(TableDataset::counting(41), options);
  EXPECT_EQ(loader.batches(Split::kTrain), 3);
  EXPECT_THAT(sizes_of(*loader.train(1, 0)), ElementsAre(8, 8, 5));
  EXPECT_THAT(sizes_of(*loader.evaluate(Split::kValidation)), ElementsAre(16, 4));
}

TEST(Order, EveryEpochIsAPermutationOfItsOwn) {
  const DataLoader loader(TableDataset::counting(100), small_batches());
  const auto train = split_of(loader, Split::kTrain);
  const Indices first = order_of(*loader.train(5, 0));
  EXPECT_EQ(std::set<std::int64_t>(first.begin(), first.end()), train);
  EXPECT_EQ(order_of(*loader.train(5, 0)), first);
  const Indices second = order_of(*loader.train(5, 1));
  EXPECT_EQ(std::set<std::int64_t>(second.begin(), second.end()), train);
  EXPECT_NE(second, first);
  EXPECT_NE(order_of(*loader.train(6, 0)), first);
  // Seed 5, epoch 1 is not seed 6, epoch 0.
  EXPECT_NE(order_of(*loader.train(6, 0)), second);
}

TEST(Order, IsUniform) {
  DataLoaderOptions options = small_batches();
  options.train_portion = 1;
  const DataLoader loader(TableDataset::counting(4, 1), options);
  std::map<Indices, int> seen;
  for (int epoch = 0; epoch < 2400; ++epoch) ++seen[order_of(*loader.train(1, epoch))];
  EXPECT_THAT(seen, SizeIs(24));
  for (const auto& [order, count] : seen) {
    // 100 expected, deviation 9.8.
    EXPECT_GT(count, 60);
    EXPECT_LT(count, 140);
  }
}

TEST(Workers, DoNotChangeTheBatches) {
  std::vector<std::vector<Batch>> passes;
  for (const int workers : {0, 1, 3}) {
    DataLoaderOptions options = small_batches();
    options.workers = workers;
    options.augment = {1, true};
    const DataLoader loader(TableDataset::counting(300), options);
    passes.push_back(drain(*loader.train(11, 2)));
  }
  EXPECT_THAT(passes[0], SizeIs(34));
  expect_equal(passes[1], passes[0]);
  expect_equal(passes[2], passes[0]);
}

TEST(Workers, ResumedPassIsTheRemainder) {
  for (const int workers : {0, 1, 3}) {
    DataLoaderOptions options = small_batches();
    options.workers = workers;
    options.augment = {1, true};
    const DataLoader loader(TableDataset::counting(100), options);
    const std::vector<Batch> whole = drain(*loader.train(11, 2));
    for (const std::int64_t first : {0, 1, 7, 11, 12, 50}) {
      const auto begin = whole.begin() + std::min<std::int64_t>(first, 12);
      expect_equal(drain(*loader.train(11, 2, first)), {begin, whole.end()});
    }
  }
}

TEST(Workers, PrepareAheadButNotEverything) {
  DataLoaderOptions options = small_batches();
  options.batch_size = 1;
  options.workers = 3;
  const auto dataset = TableDataset::counting(1000);
  const DataLoader loader(dataset, options);
  const auto stream = loader.train(1, 0);
  Batch batch;
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(stream->next(batch));
  // 10 taken, at most 2 x 3 more under way.
  EXPECT_LE(dataset->gathered, 16);
}

TEST(Workers, StreamsEndEarlyAndSideBySide) {
  for (const int workers : {0, 1, 3}) {
    DataLoaderOptions options = small_batches();
    options.workers = workers;
    auto loader = std::make_unique<DataLoader>(TableDataset::counting(100), options);
    const Indices expected = order_of(*loader->train(1, 0));
    const auto a = loader->train(1, 0), b = loader->train(1, 0), unused = loader->train(1, 1);
    loader.reset();
    Batch batch;
    ASSERT_TRUE(b->next(batch));
    EXPECT_EQ(order_of(*a), expected);
    EXPECT_FALSE(a->next(batch));
    EXPECT_FALSE(a->next(batch));
  }
}

TEST(Workers, ErrorsComeInPlaceOfTheirBatch) {
  for (const int workers : {0, 1, 3}) {
    DataLoaderOptions options = small_batches();
    options.workers = workers;
    const auto dataset = TableDataset::counting(100);
    const DataLoader loader(dataset, options);
    const Indices order = order_of(*loader.train(1, 0));
    const std::int64_t bad = order[5 * 8 + 3];  // in the sixth batch
    dataset->on_gather = [bad](const Indices& indices) {
      if (std::count(indices.begin(), indices.end(), bad)) throw DataError("image 7 is unreadable");
    };
    for (int repeat = 0; repeat < 20; ++repeat) {
      const auto stream = loader.train(1, 0);
      Batch batch;
      for (int i = 0; i < 5; ++i) ASSERT_TRUE(stream->next(batch)) << workers << " workers";
      EXPECT_EQ(text_of<DataError>([&] { stream->next(batch); }), "image 7 is unreadable");
      // It stays there.
      EXPECT_EQ(text_of<DataError>([&] { stream->next(batch); }), "image 7 is unreadable");
    }
    EXPECT_EQ(text_of<DataError>([&] { drain(*loader.evaluate(Split::kTrain)); }),
              "image 7 is unreadable");
    EXPECT_EQ(order_of(*loader.evaluate(Split::kTest)).size(), 5u);
  }
}

/// Seed of each sample in the rest of a training pass.
std::map<std::int64_t, std::int64_t> seeds_of(const DataLoader& loader, std::uint64_t seed,
                                              std::int64_t epoch, std::int64_t first_batch = 0) {
  std::map<std::int64_t, std::int64_t> seeds;
  const auto stream = loader.train(seed, epoch, first_batch);
  for (const Batch& batch : drain(*stream)) {
    const Indices targets = targets_of(batch);
    for (std::size_t i = 0; i < targets.size(); ++i) {
      seeds[targets[i]] = batch.at("seed")[static_cast<std::int64_t>(i)].item<std::int64_t>();
    }
  }
  return seeds;
}

DataLoader seed_loader(int batch_size, int workers) {
  const auto dataset = TableDataset::counting(100);
  dataset->give_seeds = true;
  DataLoaderOptions options;
  options.batch_size = batch_size;
  options.workers = workers;
  return {dataset, options};
}

TEST(SampleSeeds, DependOnSeedEpochAndSampleOnly) {
  const auto first = seeds_of(seed_loader(8, 0), 5, 2);
  EXPECT_THAT(first, SizeIs(90));
  EXPECT_EQ(seeds_of(seed_loader(8, 3), 5, 2), first);
  EXPECT_EQ(seeds_of(seed_loader(7, 1), 5, 2), first);
  std::set<std::int64_t> distinct;
  for (const auto& [sample, seed] : first) distinct.insert(seed);
  for (const auto& other : {seeds_of(seed_loader(8, 0), 5, 3), seeds_of(seed_loader(8, 0), 6, 2)}) {
    for (const auto& [sample, seed] : other) distinct.insert(seed);
  }
  EXPECT_THAT(distinct, SizeIs(3 * 90));
}

TEST(SampleSeeds, ResumedPassGivesTheSameOnes) {
  const auto whole = seeds_of(seed_loader(8, 1), 5, 2);
  const auto rest = seeds_of(seed_loader(8, 1), 5, 2, 9);
  EXPECT_THAT(rest, SizeIs(18));
  for (const auto& [sample, seed] : rest) EXPECT_EQ(whole.at(sample), seed);
}

TEST(SampleSeeds, AreForTrainingOnly) {
  const DataLoader loader = seed_loader(8, 1);
  for (const Split split : {Split::kTrain, Split::kValidation, Split::kTest}) {
    for (const Batch& batch : drain(*loader.evaluate(split))) {
      EXPECT_EQ(batch.tensors.count("seed"), 0u);
    }
  }
}

TEST(Contract, BrokenBatchesAreThePluginsFault) {
  const auto dataset = TableDataset::counting(20);
  const DataLoader loader(dataset, small_batches());
  const auto error = [&](std::function<void(Batch&)> change) {
    dataset->on_batch = std::move(change);
    return text_of<PluginError>([&] { drain(*loader.evaluate(Split::kTest)); });
  };
  EXPECT_THAT(error([](Batch& b) { b.tensors.erase("input"); }), HasSubstr("no tensor 'input'"));
  EXPECT_THAT(error([](Batch& b) { b["input"] = torch::Tensor(); }), HasSubstr("'input' without"));
  EXPECT_THAT(error([](Batch& b) { b["target"] = b["target"].slice(0, 1); }),
              HasSubstr("'target' without one row for each of 5 samples"));
  EXPECT_THAT(error([](Batch& b) { b["extra"] = torch::tensor(1); }), HasSubstr("'extra'"));
  EXPECT_THAT(error([](Batch& b) { b["input"] = b["input"].to(torch::kFloat64); }),
              HasSubstr("images of type Double, expected uint8 or float32"));
  dataset->facts.mean = dataset->facts.deviation = {0.5};
  EXPECT_THAT(error([](Batch& b) {
                b["input"] = b["input"].expand({5, 3, 2, 2});
              }),
              HasSubstr("images of 3 channels, info() has 1 means"));
  EXPECT_EQ(error({}), "");
  dataset->on_batch = [](Batch& b) { b.tensors.erase("input"); };
  EXPECT_THAT(text_of<PluginError>([&] { drain(*loader.train(1, 0)); }),
              HasSubstr("gather_training() returned no tensor 'input'"));
}

TEST(Contract, ContradictingInfo) {
  const auto error = [](std::vector<double> mean, std::vector<double> deviation) {
    const auto dataset = TableDataset::counting(20);
    dataset->facts.mean = std::move(mean);
    dataset->facts.deviation = std::move(deviation);
    return text_of<PluginError>([&] { DataLoader(dataset, {}); });
  };
  EXPECT_THAT(error({0.5}, {}), HasSubstr("1 means and 0 deviations for 1 channels"));
  EXPECT_THAT(error({0.5, 0.5}, {1, 1}), HasSubstr("2 means and 2 deviations for 1 channels"));
  EXPECT_EQ(error({0.5}, {1}), "");
}

// Tables and texts: no images, nothing to scale.
TEST(Contract, OtherInputsPassUnchanged) {
  const auto rows = torch::randn({20, 6}, torch::kFloat64);
  const auto dataset = std::make_shared<TableDataset>(rows, rows);
  const DataLoader loader(dataset, small_batches());
  Batch batch;
  loader.train(1, 0)->next(batch);
  EXPECT_EQ(batch.input().scalar_type(), torch::kFloat64);
  EXPECT_TRUE(torch::equal(batch.input(), rows.index_select(0, batch.target())));
}

TEST(Contract, AugmentationIsForImages) {
  const auto rows = torch::zeros({20, 6}, torch::kInt64);
  const auto error = [&](AugmentOptions augment) {
    DataLoaderOptions options = small_batches();
    options.augment = augment;
    return text_of<ConfigError>(
        [&] { DataLoader(std::make_shared<TableDataset>(rows, rows), options); });
  };
  EXPECT_THAT(error({2, false}), HasSubstr("data_loader.augment: random_crop and horizontal_flip"));
  EXPECT_THAT(error({0, true}), HasSubstr("leave augment out"));
  EXPECT_EQ(error({}), "");
}

// ---- samples of different lengths

// Lengths 1 .. 40, far from sorted.
std::int64_t length_of(std::int64_t sample) { return sample * 7919 % 40 + 1; }

DataLoader text_loader(std::int64_t samples, int bucket_batches, int workers = 1) {
  const auto dataset = TableDataset::counting(samples, 1000);
  dataset->length_of = length_of;
  DataLoaderOptions options = small_batches();
  options.train_portion = 1;
  options.bucket_batches = bucket_batches;
  options.workers = workers;
  return {dataset, options};
}

// Tokens of a pass with the padding to the longest of each batch.
std::int64_t padded_tokens(BatchStream& stream) {
  std::int64_t tokens = 0;
  for (const Batch& batch : drain(stream)) {
    std::int64_t longest = 0;
    for (const std::int64_t sample : targets_of(batch)) {
      longest = std::max(longest, length_of(sample % TableDataset::kTestBase));
    }
    tokens += batch.size() * longest;
  }
  return tokens;
}

TEST(Lengths, AlikeShareABatch) {
  std::int64_t tokens = 0;
  for (std::int64_t sample = 0; sample < 4000; ++sample) tokens += length_of(sample);
  EXPECT_EQ(tokens, 4000 * 41 / 2);
  EXPECT_LT(padded_tokens(*text_loader(4000, 50).train(1, 0)), tokens * 1.04);
  EXPECT_GT(padded_tokens(*text_loader(4000, 1).train(1, 0)), tokens * 1.6);
  // Evaluation sorts the whole split: 25 of each length among 1000, in batches of 16.
  EXPECT_LT(padded_tokens(*text_loader(8, 1).evaluate(Split::kTest)), 1000 * 41 / 2 * 1.04);
}

TEST(Lengths, EverySampleOnceAndTheSmallBatchLast) {
  const DataLoader loader = text_loader(405, 10);
  const Indices order = order_of(*loader.train(3, 1));
  EXPECT_EQ(std::set<std::int64_t>(order.begin(), order.end()).size(), 405u);
  EXPECT_EQ(sizes_of(*loader.train(3, 1)).back(), 5);
  EXPECT_THAT(split_of(loader, Split::kTest), SizeIs(1000));
  EXPECT_EQ(sizes_of(*loader.evaluate(Split::kTest)).back(), 8);
}

TEST(Lengths, OrderComesFromSeedAndEpoch) {
  const Indices first = order_of(*text_loader(405, 10).train(3, 1));
  EXPECT_EQ(order_of(*text_loader(405, 10, 0).train(3, 1)), first);
  EXPECT_EQ(order_of(*text_loader(405, 10, 3).train(3, 1)), first);
  EXPECT_NE(order_of(*text_loader(405, 10).train(3, 2)), first);
  EXPECT_NE(order_of(*text_loader(405, 10).train(4, 1)), first);
  EXPECT_EQ(order_of(*text_loader(405, 10).evaluate(Split::kTest)),
            order_of(*text_loader(405, 3, 0).evaluate(Split::kTest)));
  // Not from short to long.
  const auto lengths = [](const Indices& order) {
    std::vector<std::int64_t> list;
    for (std::size_t i = 0; i + 16 <= order.size(); i += 16) {
      list.push_back(length_of(order[i] % TableDataset::kTestBase));
    }
    return list;
  };
  const auto train = lengths(first);
  EXPECT_FALSE(std::is_sorted(train.begin(), train.end()));
  const auto test = lengths(order_of(*text_loader(8, 1).evaluate(Split::kTest)));
  EXPECT_FALSE(std::is_sorted(test.begin(), test.end()));
}

TEST(Lengths, ResumedPassIsTheRemainder) {
  const std::vector<Batch> whole = drain(*text_loader(405, 10).train(3, 1));
  for (const std::int64_t first : {0, 1, 17, 50, 51}) {
    expect_equal(drain(*text_loader(405, 10).train(3, 1, first)),
                 {whole.begin() + first, whole.end()});
  }
}

// Given out counts, prepared in advance does not.
TEST(SampleCounts, CountWhatStreamsGiveOut) {
  for (const int workers : {0, 2}) {
    DataLoaderOptions options = small_batches();
    options.train_portion = 0.7;
    options.workers = workers;
    const DataLoader loader(TableDataset::counting(100, 5), options);
    const SampleCounts before = samples_drawn();
    const auto training = loader.train(1, 0, 7);  // of 70 samples in batches of 8
    Batch batch;
    ASSERT_TRUE(training->next(batch));
    EXPECT_EQ(samples_drawn().training - before.training, 8);
    ASSERT_TRUE(training->next(batch));
    ASSERT_FALSE(training->next(batch));
    EXPECT_EQ(samples_drawn().training - before.training, 14);
    EXPECT_EQ(samples_drawn().evaluation, before.evaluation);
    drain(*loader.evaluate(Split::kValidation));
    drain(*loader.evaluate(Split::kTrain, 10));
    EXPECT_EQ(samples_drawn().evaluation - before.evaluation, 40);
    EXPECT_EQ(samples_drawn().training - before.training, 14);
  }
}

}  // namespace
}  // namespace deneb
