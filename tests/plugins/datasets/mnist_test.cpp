#include "plugins/datasets/dataset_fixture.h"

namespace dataset_test {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

constexpr const char* kTrainImages = "train-images-idx3-ubyte";
constexpr const char* kTrainLabels = "train-labels-idx1-ubyte";
constexpr const char* kTestImages = "t10k-images-idx3-ubyte";
constexpr const char* kTestLabels = "t10k-labels-idx1-ubyte";

std::string words(const std::vector<std::uint32_t>& values) {
  std::string bytes;
  for (const std::uint32_t value : values) {
    for (int shift = 24; shift >= 0; shift -= 8) bytes.push_back(static_cast<char>(value >> shift));
  }
  return bytes;
}

/// Image i is filled with i * 20, but its first row counts up; label i % 10.
std::string images(std::uint32_t count, const std::vector<std::uint32_t>& header) {
  std::string bytes = words(header);
  for (std::uint32_t i = 0; i < count; ++i) {
    for (int p = 0; p < 784; ++p) bytes.push_back(static_cast<char>(p < 28 ? p : i * 20));
  }
  return bytes;
}
std::string labels(std::uint32_t count, const std::vector<std::uint32_t>& header) {
  std::string bytes = words(header);
  for (std::uint32_t i = 0; i < count; ++i) bytes.push_back(static_cast<char>(i % 10));
  return bytes;
}

class MnistTest : public testing::Test {
 protected:
  MnistTest() {
    put(kTrainImages, images(12, {2051, 12, 28, 28}));
    put(kTrainLabels, labels(12, {2049, 12}));
    put(kTestImages, images(5, {2051, 5, 28, 28}));
    put(kTestLabels, labels(5, {2049, 5}));
  }
  void put(const std::string& name, const std::string& bytes) {
    deneb::write_file_atomically(folder() + "/" + name, bytes);
  }
  std::string folder() const { return scratch_ / "mnist"; }
  std::string error() const { return open_error("Mnist", {{"data_path", folder()}}); }
  std::string error_with(const std::string& name, const std::string& bytes) {
    const std::string good = deneb::read_file(folder() + "/" + name);
    put(name, bytes);
    const std::string text = error();
    put(name, good);
    EXPECT_THAT(text, AllOf(StartsWith(folder() + "/" + name + ": "),
                            HasSubstr("`scripts/fetch_data.sh mnist --dir " + scratch_.path())));
    return text;
  }
  ScratchFolder scratch_;
};

TEST_F(MnistTest, ReadsIdxFiles) {
  const auto mnist = open("Mnist", {{"data_path", folder()}});
  EXPECT_EQ(mnist->size(DataPart::kTrain), 12);
  EXPECT_EQ(mnist->size(DataPart::kTest), 5);
  const Batch batch = mnist->gather(DataPart::kTrain, {11, 3});
  EXPECT_EQ(batch.input().scalar_type(), torch::kUInt8);
  EXPECT_EQ(batch.input().sizes(), (std::vector<std::int64_t>{2, 1, 28, 28}));
  EXPECT_THAT(numbers(batch.target()), ElementsAre(1, 3));
  EXPECT_EQ(batch.input()[0][0][0][27].item<int>(), 27);
  EXPECT_EQ(batch.input()[0][0][1][0].item<int>(), 220);
  EXPECT_EQ(batch.input()[1][0][27][27].item<int>(), 60);
  EXPECT_THAT(numbers(mnist->gather(DataPart::kTest, {4}).target()), ElementsAre(4));
  EXPECT_EQ(mnist->info().mean, std::vector<double>{0.1307});
  EXPECT_EQ(mnist->info().deviation, std::vector<double>{0.3081});
}

TEST_F(MnistTest, MissingFiles) {
  for (const char* name : {kTrainImages, kTrainLabels, kTestImages, kTestLabels}) {
    const std::string path = folder() + "/" + name;
    std::filesystem::rename(path, path + ".away");
    EXPECT_THAT(error(), AllOf(StartsWith(path + ": not found"),
                               HasSubstr("`scripts/fetch_data.sh mnist --dir ")));
    std::filesystem::rename(path + ".away", path + ".gz");
    EXPECT_THAT(error(), HasSubstr("unpack it with `gunzip " + path + ".gz`"));
    std::filesystem::rename(path + ".gz", path);
  }
  EXPECT_EQ(error(), "");
  EXPECT_THAT(open_error("Mnist", {{"data_path", "/nowhere"}}),
              AllOf(StartsWith("/nowhere/train-images-idx3-ubyte: not found"),
                    HasSubstr("correct data_path")));
}

TEST_F(MnistTest, DamagedImages) {
  EXPECT_THAT(error_with(kTrainImages, ""), HasSubstr("0 bytes, the header alone has 16"));
  EXPECT_THAT(error_with(kTrainImages, images(12, {2049, 12, 28, 28})),
              HasSubstr("magic number is 2049, expected 2051"));
  EXPECT_THAT(error_with(kTrainImages, images(12, {0x03080000, 12, 28, 28})),
              HasSubstr("magic number is 50855936"));
  EXPECT_THAT(error_with(kTrainImages, images(12, {2051, 12, 32, 28})),
              HasSubstr("number of rows is 32, expected 28"));
  EXPECT_THAT(error_with(kTestImages, images(5, {2051, 5, 28, 27})),
              HasSubstr("number of columns is 27, expected 28"));
  EXPECT_THAT(error_with(kTrainImages, images(11, {2051, 12, 28, 28})),
              HasSubstr("size in bytes is 8640, expected 9424"));
  EXPECT_THAT(error_with(kTrainImages, images(12, {2051, 12, 28, 28}) + "x"),
              HasSubstr("size in bytes is 9425, expected 9424"));
  EXPECT_THAT(error_with(kTrainImages, images(0, {2051, 0, 28, 28})), HasSubstr("no items"));
  EXPECT_THAT(error_with(kTrainImages, images(1, {2051, 0xffffffff, 28, 28})),
              HasSubstr("expected 3367254359296"));  // no overflow
  // Cut at any place.
  const std::string whole = images(12, {2051, 12, 28, 28});
  for (std::size_t size = 0; size < whole.size(); size += 321) {
    EXPECT_NE(error_with(kTrainImages, whole.substr(0, size)), "");
  }
}

TEST_F(MnistTest, DamagedLabels) {
  EXPECT_THAT(error_with(kTrainLabels, labels(12, {2051, 12})),
              HasSubstr("magic number is 2051, expected 2049"));
  EXPECT_THAT(error_with(kTrainLabels, labels(11, {2049, 11})),
              HasSubstr("number of labels is 11, expected 12"));
  EXPECT_THAT(error_with(kTestLabels, labels(4, {2049, 5})),
              HasSubstr("size in bytes is 12, expected 13"));
  std::string bad = labels(12, {2049, 12});
  bad[12] = 10;
  EXPECT_THAT(error_with(kTrainLabels, bad), HasSubstr("has the label 10, expected 0 .. 9"));
}

// Against the facts in the plugin's README.
TEST(MnistData, MeanAndDeviationAreOptions) {
  const auto info = make("Mnist", {{"mean", {0.5}}, {"deviation", {0.25}}})->info();
  EXPECT_EQ(info.mean, std::vector<double>{0.5});
  EXPECT_EQ(info.deviation, std::vector<double>{0.25});
  EXPECT_THAT(text_of<deneb::ConfigError>([] {
                make("Mnist", {{"mean", {0.5, 0.5}}});
              }),
              HasSubstr("mean: has 2 numbers, expected one"));
}

TEST(MnistData, RealFiles) {
  if (!std::filesystem::exists(deneb::data_directory("", "mnist"))) {
    GTEST_SKIP() << "no MNIST on this machine (scripts/fetch_data.sh mnist gets it)";
  }
  const auto mnist = open("Mnist");
  const Batch train = everything(*mnist, DataPart::kTrain);
  const Batch test = everything(*mnist, DataPart::kTest);
  EXPECT_THAT(class_counts(train),
              ElementsAre(5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949));
  EXPECT_THAT(class_counts(test),
              ElementsAre(980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009));
  EXPECT_THAT(numbers(train.target().slice(0, 0, 10)), ElementsAre(5, 0, 4, 1, 9, 2, 1, 3, 1, 4));
  EXPECT_THAT(numbers(test.target().slice(0, 0, 10)), ElementsAre(7, 2, 1, 0, 4, 1, 4, 9, 5, 9));
  const auto mean = [](const Batch& batch) {
    return double(batch.input().sum().item<std::int64_t>()) / double(batch.input().numel()) / 255;
  };
  EXPECT_NEAR(mean(train), 0.130660, 1e-6);
  EXPECT_NEAR(mean(test), 0.132515, 1e-6);
}

}  // namespace
}  // namespace dataset_test
