#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/types.h>

#include <map>

#include <deneb/data/data_loader.h>

#include "unit/data/table_dataset.h"

namespace deneb {
namespace {

using torch::Tensor;

/// The batches of many epochs over one image: all placements of the augmentation.
std::vector<Tensor> augmented(const Tensor& image, const AugmentOptions& augment,
                              const DatasetInfo& facts, int epochs) {
  const auto dataset = std::make_shared<TableDataset>(image.unsqueeze(0), image.unsqueeze(0));
  dataset->facts.mean = facts.mean;
  dataset->facts.deviation = facts.deviation;
  DataLoaderOptions options;
  options.train_portion = 1;
  options.workers = 0;
  options.augment = augment;
  const DataLoader loader(dataset, options);
  std::vector<Tensor> images;
  for (int epoch = 0; epoch < epochs; ++epoch) {
    Batch batch;
    loader.train(3, epoch)->next(batch);
    images.push_back(batch.input()[0]);
  }
  return images;
}

std::string key_of(const Tensor& image) {
  const Tensor values = image.contiguous();
  std::string key;
  for (std::int64_t i = 0; i < values.numel(); ++i) {
    key += std::to_string(std::lround(values.data_ptr<float>()[i])) + " ";
  }
  return key;
}

Tensor normalized_batch(const Tensor& images, const std::vector<double>& mean,
                        const std::vector<double>& deviation) {
  const auto dataset = std::make_shared<TableDataset>(images, images);
  dataset->facts.mean = mean;
  dataset->facts.deviation = deviation;
  DataLoaderOptions options;
  options.train_portion = 1;
  const DataLoader loader(dataset, options);
  Batch batch;
  EXPECT_TRUE(loader.evaluate(Split::kTest)->next(batch));
  EXPECT_EQ(batch.input().scalar_type(), torch::kFloat32);
  EXPECT_TRUE(batch.input().is_contiguous());
  return batch.input();
}

TEST(Normalization, BytesAreScaledThenNormalized) {
  const auto bytes = torch::arange(48, torch::kUInt8).mul_(5).view({4, 3, 2, 2});
  const auto scaled = bytes.to(torch::kFloat32) / 255;
  EXPECT_TRUE(torch::allclose(normalized_batch(bytes, {}, {}), scaled, 0, 1e-7));
  const auto mean = torch::tensor({0.1, 0.2, 0.3}).view({1, 3, 1, 1});
  const auto deviation = torch::tensor({0.5, 1.0, 2.0}).view({1, 3, 1, 1});
  EXPECT_TRUE(torch::allclose(normalized_batch(bytes, {0.1, 0.2, 0.3}, {0.5, 1.0, 2.0}),
                              (scaled - mean) / deviation, 0, 1e-6));
}

// One pixel by hand: (51 / 255 - 0.1) / 0.25 = 0.4.
TEST(Normalization, ByHand) {
  const auto image = torch::full({4, 1, 1, 1}, 51, torch::kUInt8);
  EXPECT_NEAR(normalized_batch(image, {0.1}, {0.25})[0].item<float>(), 0.4, 1e-6);
}

TEST(Normalization, FloatsKeepTheirUnit) {
  const auto images = torch::randn({4, 2, 3, 5});
  EXPECT_TRUE(torch::equal(normalized_batch(images, {}, {}), images));
  const auto shift = torch::tensor({1.0, -2.0}).view({1, 2, 1, 1});
  const auto scale = torch::tensor({4.0, 0.5}).view({1, 2, 1, 1});
  EXPECT_TRUE(torch::allclose(normalized_batch(images, {1, -2}, {4, 0.5}), (images - shift) / scale,
                              0, 1e-6));
  // Also when the dataset's tensor is no contiguous one.
  const auto strided = torch::randn({4, 3, 5, 2}).permute({0, 3, 1, 2});
  EXPECT_TRUE(torch::equal(normalized_batch(strided, {}, {}), strided));
}

TEST(Augment, NothingByDefaultAndNeverInEvaluation) {
  const auto image = torch::arange(1, 10, torch::kFloat32).view({1, 3, 3});
  for (const Tensor& seen : augmented(image, {}, {}, 5)) EXPECT_TRUE(torch::equal(seen, image));
  const auto dataset = std::make_shared<TableDataset>(image.unsqueeze(0), image.unsqueeze(0));
  DataLoaderOptions options;
  options.train_portion = 1;
  options.augment = {2, true};
  const DataLoader loader(dataset, options);
  for (const Split split : {Split::kTrain, Split::kTest}) {
    Batch batch;
    ASSERT_TRUE(loader.evaluate(split)->next(batch));
    EXPECT_TRUE(torch::equal(batch.input()[0], image));
  }
}

// An image 1 2 3 / 4 5 6 of two rows, padded by one pixel and cut at nine places.
TEST(Augment, CropByHand) {
  const auto image = torch::arange(1, 7, torch::kFloat32).view({1, 2, 3});
  std::map<std::string, int> seen;
  for (const Tensor& crop : augmented(image, {1, false}, {}, 900)) ++seen[key_of(crop)];
  const std::vector<std::string> expected = {
      "0 0 0 0 1 2 ", "0 0 0 1 2 3 ", "0 0 0 2 3 0 ",  // down
      "0 1 2 0 4 5 ", "1 2 3 4 5 6 ", "2 3 0 5 6 0 ",  // in place
      "0 4 5 0 0 0 ", "4 5 6 0 0 0 ", "5 6 0 0 0 0 ",  // up
  };
  EXPECT_EQ(seen.size(), expected.size());
  for (const std::string& key : expected) {
    // 100 expected, deviation 9.4.
    EXPECT_GT(seen[key], 60) << key;
    EXPECT_LT(seen[key], 140) << key;
  }
}

TEST(Augment, FlipByHand) {
  const auto image = torch::arange(1, 13, torch::kFloat32).view({2, 2, 3});
  std::map<std::string, int> seen;
  for (const Tensor& flipped : augmented(image, {0, true}, {}, 400)) ++seen[key_of(flipped)];
  EXPECT_EQ(seen.size(), 2u);
  // 200 expected, deviation 10.
  EXPECT_NEAR(seen["1 2 3 4 5 6 7 8 9 10 11 12 "], 200, 40);
  EXPECT_NEAR(seen["3 2 1 6 5 4 9 8 7 12 11 10 "], 200, 40);
}

// The crop is mirrored, not its place: both together give each crop and its mirror image.
TEST(Augment, FlipComesAfterTheCrop) {
  const auto image = torch::arange(1, 3, torch::kFloat32).view({1, 1, 2});
  std::map<std::string, int> seen;
  for (const Tensor& result : augmented(image, {1, true}, {}, 600)) ++seen[key_of(result)];
  // Rows 0 of the padding in two of three cases; otherwise 0 1, 1 2, 2 0 and their mirror images.
  const std::map<std::string, int> expected = {{"0 0 ", 400}, {"0 1 ", 33}, {"1 2 ", 33},
                                               {"2 0 ", 33},  {"1 0 ", 33}, {"2 1 ", 33},
                                               {"0 2 ", 33}};
  EXPECT_EQ(seen.size(), expected.size());
  for (const auto& [key, count] : expected) EXPECT_NEAR(seen[key], count, 6 * 11) << key;
}

// Padding is black before normalization, so it is not 0 after it.
TEST(Augment, PaddingIsNormalizedZero) {
  const auto image = torch::full({1, 2, 2}, 255, torch::kUInt8);
  DatasetInfo facts;
  facts.mean = {0.5};
  facts.deviation = {0.25};
  int padded = 0;
  for (const Tensor& crop : augmented(image, {1, true}, facts, 50)) {
    const Tensor is_white = crop.sub(2).abs().lt(1e-6), is_black = crop.add(2).abs().lt(1e-6);
    EXPECT_TRUE(is_white.logical_or(is_black).all().item<bool>());
    padded += is_black.any().item<bool>();
  }
  EXPECT_GT(padded, 20);
}

TEST(Augment, PaddingMayExceedTheImage) {
  const auto image = torch::ones({1, 2, 2});
  int black = 0, visible = 0;
  for (const Tensor& crop : augmented(image, {5, true}, {}, 300)) {
    const float sum = crop.sum().item<float>();
    EXPECT_TRUE(sum == 0 || sum == 1 || sum == 2 || sum == 4) << sum;
    ++(sum == 0 ? black : visible);
  }
  // 9 of 121 places show a part of the image.
  EXPECT_GT(black, 200);
  EXPECT_GT(visible, 5);
}

// All channels of an image move together, images of a batch on their own.
TEST(Augment, PerImageNotPerChannel) {
  const auto plane = torch::arange(1, 26, torch::kFloat32).view({1, 1, 5, 5});
  const auto images = torch::cat({plane, plane * 2}, 1).expand({64, 2, 5, 5}).contiguous();
  const auto dataset = std::make_shared<TableDataset>(images, images);
  DataLoaderOptions options;
  options.train_portion = 1;
  options.augment = {2, true};
  const DataLoader loader(dataset, options);
  Batch batch;
  loader.train(1, 0)->next(batch);
  const Tensor input = batch.input();
  EXPECT_TRUE(torch::equal(input.select(1, 0) * 2, input.select(1, 1)));
  std::map<std::string, int> seen;
  for (std::int64_t i = 0; i < 64; ++i) ++seen[key_of(input[i])];
  EXPECT_GT(seen.size(), 25u);  // of 50 placements
}

}  // namespace
}  // namespace deneb
