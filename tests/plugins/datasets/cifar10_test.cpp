#include <png.h>

#include <fstream>

#include "plugins/datasets/dataset_fixture.h"

namespace dataset_test {
namespace {

using testing::AllOf;
using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

constexpr std::size_t kImages = 10000, kPixels = 1024;
const std::vector<std::string> kBatches = {"data_batch_1", "data_batch_2", "data_batch_3",
                                           "data_batch_4", "data_batch_5", "test_batch"};

/// Value of a pixel in the files made here.
std::uint8_t value(std::size_t batch, std::size_t image, std::size_t channel, std::size_t pixel) {
  return static_cast<std::uint8_t>(batch * 40 + image / 100 + channel * 50 + (pixel % 32) / 8);
}

void write_png(const std::string& path, std::size_t batch, std::size_t width = kPixels,
               std::size_t height = kImages, png_uint_32 format = PNG_FORMAT_RGB) {
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  image.width = static_cast<png_uint_32>(width);
  image.height = static_cast<png_uint_32>(height);
  image.format = format;
  image.flags = PNG_IMAGE_FLAG_FAST;
  std::vector<std::uint8_t> pixels(PNG_IMAGE_SIZE(image));
  const std::size_t channels = PNG_IMAGE_PIXEL_CHANNELS(format);
  for (std::size_t i = 0, at = 0; i < height; ++i) {
    for (std::size_t p = 0; p < width; ++p) {
      for (std::size_t c = 0; c < channels; ++c) pixels[at++] = value(batch, i, c, p);
    }
  }
  ASSERT_TRUE(png_image_write_to_file(&image, path.c_str(), 0, pixels.data(), 0, nullptr))
      << image.message;
}

std::string label_list(std::size_t count) {
  auto list = nlohmann::json::array();
  for (std::size_t i = 0; i < count; ++i) list.push_back(i % 10);
  return list.dump();
}

/// One folder with sprites for all tests: making them costs a second.
class SpritesTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    scratch_ = new ScratchFolder;
    std::filesystem::create_directory(folder());
    for (std::size_t b = 0; b < kBatches.size(); ++b) {
      write_png(folder() + "/" + kBatches[b] + ".png", b);
    }
    put("train_lables.json", label_list(5 * kImages));
    put("test_lables.json", label_list(kImages));
  }
  static void TearDownTestSuite() {
    delete scratch_;
    scratch_ = nullptr;
  }
  static std::string folder() { return *scratch_ / "cifar10"; }
  static void put(const std::string& name, const std::string& bytes) {
    deneb::write_file_atomically(folder() + "/" + name, bytes);
  }
  static std::string error() { return open_error("Cifar10", {{"data_path", folder()}}); }
  /// The error with another file in the place of `name`, which comes back afterwards.
  static std::string error_with(const std::string& name,
                                const std::function<void(const std::string& path)>& write) {
    const std::string path = folder() + "/" + name;
    std::filesystem::rename(path, path + ".good");
    write(path);
    const std::string text = error();
    std::filesystem::remove_all(path);
    std::filesystem::rename(path + ".good", path);
    EXPECT_THAT(text, AllOf(StartsWith(path + ": "),
                            HasSubstr("`scripts/fetch_data.sh cifar10 --dir " + scratch_->path())));
    return text;
  }
  static std::string error_with(const std::string& name, const std::string& bytes) {
    return error_with(name,
                      [&](const std::string& path) { deneb::write_file_atomically(path, bytes); });
  }
  static ScratchFolder* scratch_;
};
ScratchFolder* SpritesTest::scratch_ = nullptr;

TEST_F(SpritesTest, AreReadAsPlanarImages) {
  const auto cifar = open("Cifar10", {{"data_path", folder()}});
  EXPECT_EQ(cifar->size(DataPart::kTrain), 50000);
  EXPECT_EQ(cifar->size(DataPart::kTest), 10000);
  EXPECT_THAT(cifar->info().sample_shape, ElementsAre(3, 32, 32));
  for (const std::int64_t index : {0, 9999, 10000, 34567, 49999}) {
    const Batch batch = cifar->gather(DataPart::kTrain, {3, index});
    EXPECT_EQ(batch.input().scalar_type(), torch::kUInt8);
    EXPECT_EQ(batch.target()[1].item<std::int64_t>(), index % 10);
    const Tensor image = batch.input()[1];
    for (const std::int64_t c : {0, 1, 2}) {
      for (const std::int64_t x : {0, 9, 31}) {
        EXPECT_EQ(image[c][17][x].item<int>(),
                  value(static_cast<std::size_t>(index) / kImages,
                        static_cast<std::size_t>(index) % kImages, static_cast<std::size_t>(c),
                        static_cast<std::size_t>(17 * 32 + x)));
      }
    }
  }
  EXPECT_EQ(cifar->gather(DataPart::kTest, {1}).input()[0][0][0][0].item<int>(), value(5, 1, 0, 0));
}

TEST_F(SpritesTest, MissingFiles) {
  for (const char* name :
       {"data_batch_3.png", "test_batch.png", "train_lables.json", "test_lables.json"}) {
    EXPECT_THAT(error_with(name, [](const std::string&) {}), HasSubstr("not found; get it with"));
  }
}

// Wherever the file ends.
TEST_F(SpritesTest, CutPng) {
  const std::string whole = deneb::read_file(folder() + "/data_batch_1.png");
  for (const std::size_t size :
       {std::size_t{0}, std::size_t{7}, std::size_t{8}, std::size_t{20}, std::size_t{60},
        std::size_t{1000}, whole.size() / 2, whole.size() - 40, whole.size() - 17,
        whole.size() - 13, whole.size() - 12, whole.size() - 5, whole.size() - 1}) {
    EXPECT_NE(error_with("data_batch_1.png", whole.substr(0, size)), "")
        << size << " of " << whole.size();
  }
}

TEST_F(SpritesTest, DamagedPng) {
  const std::string whole = deneb::read_file(folder() + "/data_batch_1.png");
  for (const std::size_t at : {std::size_t{20}, whole.size() / 3, whole.size() / 2}) {
    std::string bytes = whole;
    bytes[at] = static_cast<char>(bytes[at] ^ 0x10);
    EXPECT_NE(error_with("data_batch_1.png", bytes), "") << at;
  }
  EXPECT_THAT(error_with("data_batch_2.png", "<html>not found</html>"),
              HasSubstr("is no PNG image"));
}

TEST_F(SpritesTest, WrongPng) {
  EXPECT_THAT(error_with("data_batch_1.png",
                         [](const std::string& path) { write_png(path, 0, 1024, 100); }),
              HasSubstr("1024 x 100 pixels"));
  EXPECT_THAT(
      error_with("data_batch_1.png", [](const std::string& path) { write_png(path, 0, 32, 32); }),
      HasSubstr("32 x 32 pixels or not plain RGB, expected 1024 x 10000 RGB"));
  EXPECT_THAT(error_with("data_batch_1.png",
                         [](const std::string& path) {
                           write_png(path, 0, kPixels, kImages, PNG_FORMAT_GRAY);
                         }),
              HasSubstr("not plain RGB"));
}

TEST_F(SpritesTest, WrongLabels) {
  EXPECT_THAT(error_with("train_lables.json", label_list(49999)),
              HasSubstr("is no list of 50000 labels"));
  EXPECT_THAT(error_with("train_lables.json", label_list(50000).substr(0, 70000)),
              HasSubstr("is no list of 50000 labels"));
  EXPECT_THAT(error_with("test_lables.json", "{}"), HasSubstr("is no list of 10000 labels"));
  for (const char* bad : {"10", "-1", "1.5", "\"3\"", "null", "4294967296"}) {
    std::string list = label_list(10000);
    list.replace(1, 1, bad);
    EXPECT_THAT(error_with("test_lables.json", list), HasSubstr("a label other than 0 .. 9"))
        << bad;
  }
}

/// Binary batches with holes: they have their size, but take no space on the disk.
class BinaryTest : public testing::Test {
 protected:
  static constexpr std::int64_t kRecord = 3073;
  BinaryTest() {
    std::filesystem::create_directory(folder());
    for (const std::string& name : kBatches) {
      const std::string path = folder() + "/" + name + ".bin";
      std::ofstream(path).put(0);
      std::filesystem::resize_file(path, 30730000);
    }
  }
  void put(const std::string& name, std::int64_t at, int byte) {
    std::fstream file(folder() + "/" + name, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(at);
    file.put(static_cast<char>(byte));
    ASSERT_TRUE(file.good());
  }
  std::string folder() const { return scratch_ / "cifar10"; }
  std::string error() const { return open_error("Cifar10", {{"data_path", folder()}}); }
  ScratchFolder scratch_;
};

TEST_F(BinaryTest, AreRead) {
  put("data_batch_2.bin", 4 * kRecord, 7);
  put("data_batch_2.bin", 4 * kRecord + 1 + 2 * 1024 + 5 * 32 + 6, 200);
  put("test_batch.bin", 9999 * kRecord, 9);
  put("test_batch.bin", 9999 * kRecord + 3072, 99);
  const auto cifar = open("Cifar10", {{"data_path", folder()}});
  EXPECT_EQ(cifar->size(DataPart::kTrain), 50000);
  const Batch train = cifar->gather(DataPart::kTrain, {10004});
  EXPECT_EQ(train.target().item<int>(), 7);
  EXPECT_EQ(train.input()[0][2][5][6].item<int>(), 200);
  EXPECT_EQ(train.input().sum().item<int>(), 200);
  const Batch test = cifar->gather(DataPart::kTest, {9999});
  EXPECT_EQ(test.target().item<int>(), 9);
  EXPECT_EQ(test.input()[0][2][31][31].item<int>(), 99);
}

// The script fetches sprites, so its command alone would not help.
TEST_F(BinaryTest, DamageAndGaps) {
  const auto remedy = HasSubstr("remove all .bin files from the folder to use the PNG sprites");
  put("data_batch_3.bin", 12 * kRecord, 10);
  EXPECT_THAT(error(), AllOf(StartsWith(folder() + "/data_batch_3.bin: "),
                             HasSubstr("record 12 has the label 10"), remedy));
  std::filesystem::resize_file(folder() + "/data_batch_2.bin", 30729999);
  EXPECT_THAT(error(),
              AllOf(HasSubstr("data_batch_2.bin: 30729999 bytes, expected 30730000"), remedy));
  std::filesystem::remove(folder() + "/data_batch_2.bin");
  EXPECT_THAT(error(), AllOf(HasSubstr("data_batch_2.bin: not found"), remedy));
}

TEST(Cifar10, EmptyFolder) {
  const ScratchFolder scratch;
  EXPECT_THAT(open_error("Cifar10", {{"data_path", scratch.path()}}),
              AllOf(HasSubstr(": not found"), HasSubstr("correct data_path"),
                    HasSubstr("`scripts/fetch_data.sh cifar10`")));
}

TEST(Cifar10, ThePythonVersionIsRefused) {
  for (const std::string subfolder : {"", "/cifar-10-batches-py"}) {
    const ScratchFolder scratch;
    std::filesystem::create_directories(scratch.path() + subfolder);
    std::ofstream(scratch.path() + subfolder + "/data_batch_1") << "\x80\x02}q\x01";
    EXPECT_THAT(open_error("Cifar10", {{"data_path", scratch.path()}}),
                AllOf(StartsWith(scratch.path() + subfolder + "/data_batch_1: is a pickle"),
                      HasSubstr("cifar-10-binary.tar.gz"), HasSubstr("README.md shows")));
  }
}

TEST(Cifar10, MeanAndDeviationAreOptions) {
  for (const char* type : {"Cifar10", "Cifar100"}) {
    const auto info =
        make(type, {{"mean", {0.485, 0.456, 0.406}}, {"deviation", {0.229, 0.224, 0.225}}})->info();
    EXPECT_THAT(info.mean, ElementsAre(0.485, 0.456, 0.406));
    EXPECT_THAT(info.deviation, ElementsAre(0.229, 0.224, 0.225));
    EXPECT_THAT(text_of<deneb::ConfigError>([&] {
                  make(type, {{"mean", {0.5}}});
                }),
                HasSubstr("mean: has 1 numbers, expected one for each of red, green and blue"));
  }
  EXPECT_THAT(make("Cifar10")->info().mean, ElementsAre(0.4914, 0.4822, 0.4465));
  EXPECT_THAT(make("Cifar100")->info().deviation, ElementsAre(0.2673, 0.2564, 0.2762));
}

/// Files of the binary version with holes.
class Cifar100Test : public testing::Test {
 protected:
  static constexpr std::int64_t kRecord = 3074;
  Cifar100Test() {
    make_file("train.bin", 50000 * kRecord);
    make_file("test.bin", 10000 * kRecord);
  }
  void make_file(const std::string& name, std::int64_t size) const {
    std::ofstream(scratch_ / name).put(0);
    std::filesystem::resize_file(scratch_ / name, static_cast<std::uintmax_t>(size));
  }
  void put(const std::string& name, std::int64_t at, const std::string& bytes) const {
    std::fstream file(scratch_ / name, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(at);
    file << bytes;
    ASSERT_TRUE(file.good());
  }
  nlohmann::json options(const std::string& labels) const {
    return {{"data_path", scratch_.path()}, {"labels", labels}};
  }
  ScratchFolder scratch_;
};

TEST_F(Cifar100Test, FineAndCoarseLabels) {
  put("train.bin", 7 * kRecord, "\x13\x63\x21");
  put("test.bin", 9999 * kRecord, "\x05\x2a");
  put("test.bin", 10000 * kRecord - 1, "\x09");
  const auto fine = open("Cifar100", options("fine")), coarse = open("Cifar100", options("coarse"));
  EXPECT_EQ(fine->info().num_classes, 100);
  EXPECT_EQ(coarse->info().num_classes, 20);
  EXPECT_EQ(fine->size(DataPart::kTrain), 50000);
  EXPECT_EQ(fine->size(DataPart::kTest), 10000);
  const Batch train = fine->gather(DataPart::kTrain, {7});
  EXPECT_EQ(train.target().item<int>(), 99);
  EXPECT_EQ(train.input()[0][0][0][0].item<int>(), 0x21);
  EXPECT_EQ(coarse->gather(DataPart::kTrain, {7}).target().item<int>(), 19);
  EXPECT_EQ(fine->gather(DataPart::kTest, {9999}).target().item<int>(), 42);
  EXPECT_EQ(coarse->gather(DataPart::kTest, {9999}).input()[0][2][31][31].item<int>(), 9);
}

TEST_F(Cifar100Test, DamageAndGaps) {
  const auto advice = HasSubstr("cifar-100-binary.tar.gz");
  put("train.bin", 3 * kRecord, "\x14\x64");
  EXPECT_THAT(open_error("Cifar100", options("fine")),
              AllOf(HasSubstr("train.bin: record 3 has the label 100, expected 0 .. 99"), advice));
  EXPECT_THAT(open_error("Cifar100", options("coarse")), HasSubstr("label 20, expected 0 .. 19"));
  std::filesystem::resize_file(scratch_ / "train.bin", 30730000);
  EXPECT_THAT(open_error("Cifar100", options("fine")),
              HasSubstr("train.bin: 30730000 bytes, expected 153700000"));
  std::filesystem::remove(scratch_ / "train.bin");
  EXPECT_THAT(open_error("Cifar100", options("fine")),
              AllOf(HasSubstr("train.bin: not found"), advice));
  std::ofstream(scratch_ / "train") << "\x80\x02";
  EXPECT_THAT(open_error("Cifar100", options("fine")),
              AllOf(HasSubstr("/train: is a pickle of the Python version"), advice));
}

// Against the facts in the plugin's README.
TEST(Cifar10, RealFiles) {
  if (!std::filesystem::exists(deneb::data_directory("", "cifar10"))) {
    GTEST_SKIP() << "no CIFAR-10 on this machine (scripts/fetch_data.sh cifar10 gets it)";
  }
  const auto cifar = open("Cifar10");
  const Batch train = everything(*cifar, DataPart::kTrain);
  const Batch test = everything(*cifar, DataPart::kTest);
  EXPECT_THAT(class_counts(train), Each(5000));
  EXPECT_THAT(class_counts(test), Each(1000));
  const Tensor first = train.input()[0];
  EXPECT_THAT(numbers(first.select(1, 0).select(1, 0)), ElementsAre(59, 62, 63));
  EXPECT_EQ(train.target()[0].item<int>(), 6);
  const auto expect_means = [](const Batch& batch, const std::vector<double>& expected) {
    for (std::int64_t c = 0; c < 3; ++c) {
      const Tensor channel = batch.input().select(1, c);
      EXPECT_NEAR(double(channel.sum().item<std::int64_t>()) / double(channel.numel()) / 255,
                  expected[static_cast<std::size_t>(c)], 1e-6);
    }
  };
  expect_means(train, {0.491400, 0.482158, 0.446531});
  expect_means(test, {0.494214, 0.485131, 0.450409});
}

}  // namespace
}  // namespace dataset_test
