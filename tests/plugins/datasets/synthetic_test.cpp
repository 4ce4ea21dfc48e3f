#include "plugins/datasets/dataset_fixture.h"

namespace dataset_test {
namespace {

using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;

TEST(Synthetic, DefaultsHaveTheShapeOfCifar10) {
  const auto dataset = open("Synthetic");
  EXPECT_EQ(dataset->size(DataPart::kTrain), 1000);
  EXPECT_EQ(dataset->size(DataPart::kTest), 200);
  EXPECT_EQ(dataset->info().num_classes, 10);
  EXPECT_THAT(dataset->info().sample_shape, ElementsAre(3, 32, 32));
  const Batch train = everything(*dataset, DataPart::kTrain);
  EXPECT_EQ(train.input().scalar_type(), torch::kUInt8);
  EXPECT_EQ(train.input().sizes(), (std::vector<std::int64_t>{1000, 3, 32, 32}));
  EXPECT_THAT(class_counts(train), Each(100));
  EXPECT_THAT(class_counts(everything(*dataset, DataPart::kTest)), Each(20));
  // Not far from the nominal mean and deviation.
  const Tensor values = train.input().to(torch::kFloat32) / 255;
  EXPECT_NEAR(values.mean().item<double>(), 0.5, 0.05);
  EXPECT_NEAR(values.std().item<double>(), 0.25, 0.1);
}

TEST(Synthetic, OptionsSetTheShape) {
  const auto dataset = open("Synthetic", {{"num_classes", 3},
                                          {"channels", 1},
                                          {"size", 5},
                                          {"train_samples", 7},
                                          {"test_samples", 2}});
  EXPECT_THAT(dataset->info().sample_shape, ElementsAre(1, 5, 5));
  EXPECT_THAT(dataset->info().mean, ElementsAre(0.5));
  EXPECT_THAT(numbers(everything(*dataset, DataPart::kTrain).target()),
              ElementsAre(0, 1, 2, 0, 1, 2, 0));
  EXPECT_EQ(everything(*dataset, DataPart::kTest).input().size(0), 2);
  EXPECT_EQ(open("Synthetic", {{"size", 1}})->gather(DataPart::kTest, {3}).input().size(3), 1);
}

TEST(Synthetic, SameOptionsSameImages) {
  const auto images = [](const nlohmann::json& options, DataPart part) {
    return everything(*open("Synthetic", options), part).input();
  };
  const nlohmann::json small = {{"size", 8}, {"train_samples", 50}, {"test_samples", 50}};
  const Tensor first = images(small, DataPart::kTrain);
  EXPECT_TRUE(torch::equal(images(small, DataPart::kTrain), first));
  EXPECT_FALSE(torch::equal(images(small, DataPart::kTest), first));
  nlohmann::json other = small;
  other["seed"] = 1;
  EXPECT_FALSE(torch::equal(images(other, DataPart::kTrain), first));
  // A larger set begins with the smaller one.
  other = small;
  other["train_samples"] = 80;
  EXPECT_TRUE(torch::equal(images(other, DataPart::kTrain).slice(0, 0, 50), first));
}

TEST(Synthetic, NoiseIsTheGivenDeviation) {
  const auto at = [](double noise) {
    return everything(*open("Synthetic", {{"noise", noise}, {"num_classes", 2}}), DataPart::kTrain)
        .input()
        .slice(0, 0, {}, 2)
        .to(torch::kFloat64);
  };
  const Tensor exact = at(0);
  EXPECT_EQ((exact - exact[0]).abs().max().item<double>(), 0);
  // Away from black and white, where nothing is clipped.
  const Tensor noisy = at(0.05);
  const Tensor inner = exact.gt(0.3 * 255).logical_and(exact.lt(0.7 * 255));
  const Tensor difference = (noisy - exact).masked_select(inner) / 255;
  EXPECT_GT(difference.numel(), 100000);
  EXPECT_NEAR(difference.mean().item<double>(), 0, 1e-3);
  EXPECT_NEAR(difference.std().item<double>(), 0.05, 1e-3);
}

// As the README says: the nearest class mean of the training part labels every test image.
TEST(Synthetic, DefaultsAreLinearlySeparable) {
  const auto dataset = open("Synthetic");
  const Batch train = everything(*dataset, DataPart::kTrain);
  const Batch test = everything(*dataset, DataPart::kTest);
  const auto flat = [](const Batch& b) { return b.input().to(torch::kFloat32).flatten(1) / 255; };
  const Tensor one_hot = torch::one_hot(train.target(), 10).to(torch::kFloat32);
  const Tensor means = torch::matmul(one_hot.t(), flat(train)) / 100;
  const Tensor predicted = torch::cdist(flat(test), means).argmin(1);
  EXPECT_TRUE(torch::equal(predicted, test.target()));
}

TEST(Synthetic, TooLargeIsAnOptionError) {
  EXPECT_THAT(text_of<deneb::ConfigError>([] {
                make("Synthetic", {{"size", 1024}, {"train_samples", 1000000}});
              }),
              HasSubstr("GB of memory, 4 are allowed"));
  EXPECT_THAT(text_of<deneb::ConfigError>([] {
                make("Synthetic", {{"num_classes", 1}});
              }),
              HasSubstr("num_classes"));
}

}  // namespace
}  // namespace dataset_test
