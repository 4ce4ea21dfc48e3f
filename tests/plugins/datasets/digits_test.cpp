#include "plugins/datasets/dataset_fixture.h"

namespace dataset_test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(Digits, FactsOfTheReadme) {
  const auto digits = open("Digits");
  EXPECT_EQ(digits->size(DataPart::kTrain), 1442);
  EXPECT_EQ(digits->size(DataPart::kTest), 355);
  const Batch train = everything(*digits, DataPart::kTrain);
  const Batch test = everything(*digits, DataPart::kTest);
  EXPECT_THAT(class_counts(train), ElementsAre(143, 146, 142, 147, 145, 146, 145, 144, 140, 144));
  EXPECT_THAT(class_counts(test), ElementsAre(35, 36, 35, 36, 36, 36, 36, 35, 34, 36));
  EXPECT_EQ(train.input().sizes(), (std::vector<std::int64_t>{1442, 1, 8, 8}));
  EXPECT_EQ(train.input().scalar_type(), torch::kFloat32);
  const Tensor all = torch::cat({train.input(), test.input()}) * 16;
  EXPECT_EQ(all.sum(torch::kFloat64).item<double>(), 561718);  // both parts together are the file
  EXPECT_EQ(all.max().item<float>(), 16);
  EXPECT_NEAR(all.to(torch::kFloat64).std(/*unbiased=*/false).item<double>(), 6.016788, 1e-6);
}

TEST(Digits, FirstImages) {
  const auto digits = open("Digits");
  const Batch first = digits->gather(DataPart::kTrain, {0, 1, 2});
  EXPECT_THAT(numbers(first.input()[0][0][0] * 16), ElementsAre(0, 0, 5, 13, 9, 1, 0, 0));
  EXPECT_THAT(numbers(first.target()), ElementsAre(0, 1, 2));
  // The fifth image of each class; the first of them is number 33 of the file.
  const Batch test = digits->gather(DataPart::kTest, {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11});
  EXPECT_THAT(numbers(test.target()), ElementsAre(5, 0, 9, 8, 7, 1, 2, 6, 3, 4, 0, 2));
  EXPECT_THAT(numbers(test.input()[0][0][0] * 16), ElementsAre(0, 6, 13, 5, 8, 8, 1, 0));
  const Batch again = digits->gather(DataPart::kTrain, {7, 0, 7});
  EXPECT_TRUE(torch::equal(again.input()[1], first.input()[0]));
  EXPECT_TRUE(torch::equal(again.input()[0], again.input()[2]));
}

TEST(Digits, MeanAndDeviationOfTheTrainingPart) {
  const auto digits = make("Digits");
  const deneb::DatasetInfo before = digits->info();  // works without open()
  digits->open();
  const deneb::DatasetInfo info = digits->info();
  EXPECT_EQ(info.num_classes, 10);
  EXPECT_THAT(info.sample_shape, ElementsAre(1, 8, 8));
  EXPECT_EQ(before.mean, info.mean);
  const Tensor train = everything(*digits, DataPart::kTrain).input().to(torch::kFloat64);
  ASSERT_EQ(info.mean.size(), 1u);
  EXPECT_NEAR(info.mean[0], train.mean().item<double>(), 1e-12);
  EXPECT_NEAR(info.deviation[0], train.std(/*unbiased=*/false).item<double>(), 1e-12);
  // Counted from digits.bin with exact integers.
  EXPECT_NEAR(info.mean[0], 0.305135824809, 1e-12);
  EXPECT_NEAR(info.deviation[0], 0.376157556955, 1e-12);
  // So the loader's batches have mean 0 and deviation 1.
  deneb::DataLoaderOptions options;
  options.train_portion = 1;
  options.eval_batch_size = 2000;
  Batch batch;
  deneb::DataLoader(digits, options).evaluate(deneb::Split::kTrain)->next(batch);
  EXPECT_NEAR(batch.input().mean().item<double>(), 0, 1e-5);
  EXPECT_NEAR(batch.input().std().item<double>(), 1, 1e-4);
}

TEST(Digits, HasNoOptions) {
  EXPECT_THAT(text_of<deneb::ConfigError>([] {
                make("Digits", {{"data_path", "x"}});
              }),
              HasSubstr("data_path"));
}

}  // namespace
}  // namespace dataset_test
