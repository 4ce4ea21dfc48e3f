#include <ATen/ops/_upsample_bilinear2d_aa.h>
#include <sys/stat.h>

#include <cmath>
#include <fstream>

#include "plugins/datasets/dataset_fixture.h"
#include "plugins/datasets/test_images.h"

namespace dataset_test {
namespace {

using test_images::jpeg;
using test_images::kHalvedColor;
using test_images::kInterlaced;
using test_images::kPlain;
using test_images::kProgressive;
using test_images::kSixteenBits;
using test_images::kYcck;
using test_images::palette_png;
using test_images::Picture;
using test_images::png;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

/// Two classes, cat and dog, of one gray image each in both parts.
class ImageFolderTest : public testing::Test {
 protected:
  ImageFolderTest() {
    for (const char* part : {"train", "val"}) {
      put(std::string(part) + "/cat/a.png", png(Picture(8, 8, {10})));
      put(std::string(part) + "/dog/a.png", png(Picture(8, 8, {200})));
    }
    options_ = {{"data_path", folder()}, {"num_classes", 2}, {"image_size", 8}, {"resize", 8}};
  }
  void put(const std::string& name, const std::string& bytes) {
    const std::string path = folder() + "/" + name;
    std::filesystem::create_directories(std::filesystem::path(path).parent_path());
    std::ofstream(path, std::ios::binary) << bytes;
  }
  std::string folder() const { return scratch_ / "images"; }
  std::shared_ptr<Dataset> open_with(const nlohmann::json& more = nlohmann::json::object()) const {
    nlohmann::json all = options_;
    all.update(more);
    return open("ImageFolder", all);
  }
  std::string open_error_with(const nlohmann::json& more = nlohmann::json::object()) const {
    return text_of<DataError>([&] { open_with(more); });
  }
  /// What evaluation sees of a file in the place of the first cat.
  Tensor seen(const std::string& bytes, const nlohmann::json& more = nlohmann::json::object()) {
    put("val/cat/a.png", bytes);
    return open_with(more)->gather(DataPart::kTest, {0}).input()[0];
  }
  /// The DataError of that.
  std::string error_of(const std::string& bytes) {
    const std::string text = text_of<DataError>([&] { seen(bytes); });
    EXPECT_THAT(text, AllOf(StartsWith(folder() + "/val/cat/a.png: "),
                            HasSubstr("put an intact copy there, or remove the file")));
    return text;
  }
  ScratchFolder scratch_;
  nlohmann::json options_;
};

/// [1, C, H, W] of a picture.
Tensor tensor_of(const Picture& picture) {
  return torch::tensor(picture.bytes, torch::kUInt8)
      .view({1, picture.height, picture.width, picture.channels})
      .permute({0, 3, 1, 2})
      .to(torch::kFloat32)
      .contiguous();
}

/// LibTorch's own antialiased scaling.
Tensor scaled(const Tensor& image, std::int64_t height, std::int64_t width) {
  return at::_upsample_bilinear2d_aa(image, torch::IntArrayRef({height, width}), false);
}

/// `bytes` are `exact`, [1, C, H, W], rounded.
void expect_rounded(const Tensor& bytes, const Tensor& exact, double more = 0) {
  EXPECT_EQ(bytes.scalar_type(), torch::kUInt8);
  EXPECT_LE((bytes - exact[0]).abs().max().item<double>(), 0.5 + 1e-3 + more);
}

/// The mean color of an image [3, H, W].
std::vector<double> color_of(const Tensor& image) {
  std::vector<double> color;
  for (std::int64_t c = 0; c < 3; ++c) {
    color.push_back(image[c].to(torch::kFloat64).mean().item<double>());
  }
  return color;
}

void expect_color(const Tensor& image, const std::vector<double>& color, double tolerance = 0) {
  for (std::int64_t c = 0; c < 3; ++c) {
    const double off = (image[c] - color[static_cast<std::size_t>(c)]).abs().max().item<double>();
    EXPECT_LE(off, tolerance) << "channel " << c << " of "
                              << testing::PrintToString(color_of(image));
  }
}

/// No two pixels of a row or column are the same, and nothing is smooth.
int noise(std::int64_t y, std::int64_t x, std::int64_t c) {
  return static_cast<int>((y * 7919 + x * 104729 + c * 31 + x * y * 13) % 256);
}

// --- folders

TEST_F(ImageFolderTest, ClassesAreTheSortedFolders) {
  put("train/Zebra/2.JPEG", jpeg(Picture(8, 8, {1, 2, 3})));
  put("train/Zebra/10.jpeg", jpeg(Picture(8, 8, {50, 50, 50})));
  put("train/Zebra/1.PNG", png(Picture(8, 8, {99})));
  put("val/Zebra/x.jpg", jpeg(Picture(8, 8, {1, 2, 3})));
  // None of them counts.
  put("train/Zebra/notes.txt", "x");
  put("train/Zebra/.hidden.jpg", "x");
  put("train/.cache/x.jpg", "x");
  put("train/list.txt", "x");
  put("train/Zebra/folder.png/x.png", png(Picture(8, 8, {1})));
  const auto dataset = open_with({{"num_classes", 3}});
  EXPECT_EQ(dataset->size(DataPart::kTrain), 5);
  EXPECT_EQ(dataset->size(DataPart::kTest), 3);
  const Batch train = everything(*dataset, DataPart::kTrain);
  EXPECT_THAT(numbers(train.target()), ElementsAre(0, 0, 0, 1, 2));
  EXPECT_EQ(train.input().sizes(), (std::vector<std::int64_t>{5, 3, 8, 8}));
  EXPECT_EQ(train.input().scalar_type(), torch::kUInt8);
  // 1.PNG, 10.jpeg, 2.JPEG; cat; dog.
  expect_color(train.input()[0], {99, 99, 99});
  expect_color(train.input()[1], {50, 50, 50}, 1);
  expect_color(train.input()[2], {1, 2, 3}, 2);
  expect_color(train.input()[3], {10, 10, 10});
  expect_color(train.input()[4], {200, 200, 200});
  const Batch test = dataset->gather(DataPart::kTest, {2, 0, 2});
  EXPECT_THAT(numbers(test.target()), ElementsAre(2, 0, 2));
  expect_color(test.input()[2], {200, 200, 200});
}

TEST_F(ImageFolderTest, InfoIsKnownBeforehand) {
  const deneb::DatasetInfo info = make("ImageFolder")->info();
  EXPECT_EQ(info.num_classes, 1000);
  EXPECT_THAT(info.sample_shape, ElementsAre(3, 224, 224));
  EXPECT_THAT(info.mean, ElementsAre(0.485, 0.456, 0.406));
  EXPECT_THAT(info.deviation, ElementsAre(0.229, 0.224, 0.225));
  const auto other = open_with({{"mean", {0.5, 0.6, 0.7}}, {"deviation", {1, 2, 3}}})->info();
  EXPECT_EQ(other.num_classes, 2);
  EXPECT_THAT(other.sample_shape, ElementsAre(3, 8, 8));
  EXPECT_THAT(other.mean, ElementsAre(0.5, 0.6, 0.7));
  EXPECT_THAT(other.deviation, ElementsAre(1, 2, 3));
}

TEST_F(ImageFolderTest, SubfoldersMayHaveOtherNames) {
  std::filesystem::rename(folder() + "/val", folder() + "/holdout");
  EXPECT_THAT(open_error_with(),
              AllOf(StartsWith(folder() + "/val: no such folder"), HasSubstr("<data_path>/val/"),
                    HasSubstr("set data_path"), HasSubstr("image-net.org")));
  EXPECT_EQ(open_with({{"test_folder", "holdout"}})->size(DataPart::kTest), 2);
  EXPECT_THAT(open_error_with({{"train_folder", "training"}}),
              StartsWith(folder() + "/training: no such folder"));
  EXPECT_THAT(open_error("ImageFolder", {{"data_path", "/nowhere"}}),
              StartsWith("/nowhere/train: no such folder"));
}

TEST_F(ImageFolderTest, WrongFolders) {
  EXPECT_THAT(open_error_with({{"num_classes", 1000}}),
              AllOf(StartsWith(folder() + "/train: 2 class folders, expected num_classes = 1000"),
                    HasSubstr("set num_classes to 2")));
  std::filesystem::create_directory(folder() + "/val/eel");
  EXPECT_THAT(open_error_with(),
              AllOf(StartsWith(folder() + "/val/eel: "), HasSubstr("no class of this name")));
  std::filesystem::create_directory(folder() + "/train/eel");
  EXPECT_THAT(open_error_with({{"num_classes", 3}}),
              AllOf(StartsWith(folder() + "/train/eel: no images in it"), HasSubstr(".jpg")));
  std::filesystem::remove(folder() + "/val/eel");
  EXPECT_THAT(open_error_with({{"num_classes", 3}}),
              StartsWith(folder() + "/val/eel: no such folder; each class"));
  std::filesystem::remove(folder() + "/train/eel");
  EXPECT_EQ(open_error_with(), "");
  // As ImageNet's validation images are given out: all in one folder.
  std::filesystem::remove_all(folder() + "/val");
  put("val/a.jpg", "");
  EXPECT_THAT(open_error_with(), AllOf(StartsWith(folder() + "/val: no class folders in it"),
                                       HasSubstr("<data_path>/val/<class>/")));
}

TEST_F(ImageFolderTest, WhatIsNoFile) {
  namespace fs = std::filesystem;
  const std::string image = folder() + "/train/dog/a.png", odd = folder() + "/train/cat/odd.png";
  fs::create_symlink(image, odd);
  EXPECT_EQ(open_with()->size(DataPart::kTrain), 3);
  fs::remove(odd);
  fs::create_directory_symlink(folder() + "/val", odd);
  EXPECT_EQ(open_with()->size(DataPart::kTrain), 2);
  fs::remove(odd);
  fs::create_symlink(folder() + "/nowhere.png", odd);
  EXPECT_THAT(open_error_with(), StartsWith(odd + ": is a link to no file; "));
  fs::remove(odd);
  // Reading it would wait for ever.
  ASSERT_EQ(::mkfifo(odd.c_str(), 0600), 0);
  EXPECT_THAT(open_error_with(), StartsWith(odd + ": is no regular file; "));
}

TEST_F(ImageFolderTest, OptionErrors) {
  const auto error = [](const nlohmann::json& options) {
    return text_of<deneb::ConfigError>([&] { make("ImageFolder", options); });
  };
  EXPECT_THAT(error({{"resize", 200}}), HasSubstr("200 is less than image_size = 224"));
  EXPECT_THAT(error({{"mean", {0.5}}}), HasSubstr("mean: has 1 numbers"));
  EXPECT_THAT(error({{"deviation", {1, 1, 1, 1}}}), HasSubstr("deviation: has 4 numbers"));
  EXPECT_THAT(error({{"deviation", {1, 0, 1}}}), HasSubstr("deviation"));
  EXPECT_THAT(error({{"random_resized_crop", {{"scale", {1, 0.5}}}}}),
              HasSubstr("random_resized_crop.scale: expected two numbers"));
  EXPECT_THAT(error({{"random_resized_crop", {{"ratio", {1}}}}}),
              HasSubstr("random_resized_crop.ratio: expected two numbers"));
}

// --- evaluation: scale the shorter side, take the middle

TEST_F(ImageFolderTest, SameSizeStaysAsItIs) {
  const Picture picture(8, 8, 3, noise);
  EXPECT_TRUE(torch::equal(seen(png(picture)).to(torch::kFloat32), tensor_of(picture)[0]));
  // Without scaling, the middle: rows 1 .. 8 of 10, columns 2 .. 9 of 13 (2.5 goes to 2).
  const Picture larger(10, 13, 3, noise);
  EXPECT_TRUE(torch::equal(seen(png(larger), {{"resize", 10}}).to(torch::kFloat32),
                           tensor_of(larger)[0].slice(1, 1, 9).slice(2, 2, 10)));
}

TEST_F(ImageFolderTest, ScalesAsLibTorchDoes) {
  // Sizes, and the size that torchvision's Resize(12) makes of them.
  struct Case {
    std::int64_t height, width, to_height, to_width;
  };
  for (const auto& [height, width, to_height, to_width] : std::vector<Case>{
           {30, 40, 12, 16}, {77, 50, 18, 12}, {12, 13, 12, 13}, {5, 9, 12, 21}, {1, 1, 12, 12}}) {
    const Picture picture(height, width, 3, noise);
    // Halves go to the even number: (13 - 8) / 2 and (21 - 8) / 2 to 2 and 6.
    const auto top = std::int64_t(std::nearbyint(double(to_height - 8) / 2));
    const auto left = std::int64_t(std::nearbyint(double(to_width - 8) / 2));
    const Tensor whole = scaled(tensor_of(picture), to_height, to_width);
    expect_rounded(seen(png(picture), {{"resize", 12}}),
                   whole.slice(2, top, top + 8).slice(3, left, left + 8));
  }
}

// Only what the crop shows is scaled: the whole would be 512 000 and 15 360 000 pixels long.
TEST_F(ImageFolderTest, LongImages) {
  for (const bool is_wide : {true, false}) {
    for (const auto& [length, width] : {std::pair{20000, 10}, std::pair{60000, 1}}) {
      const Picture line(is_wide ? width : length, is_wide ? length : width, 3,
                         [&](auto y, auto x, auto c) { return noise(y, x, c); });
      const nlohmann::json large = {{"image_size", 224}, {"resize", 256}};
      // In the middle, where the crop lies.
      const std::int64_t part = 40;
      const Tensor middle =
          tensor_of(line).narrow(is_wide ? 3 : 2, (length - part) / 2, part).contiguous();
      const std::int64_t scaled_length = part * 256 / width;
      Tensor expected =
          is_wide ? scaled(middle, 256, scaled_length) : scaled(middle, scaled_length, 256);
      for (const int dimension : {2, 3}) {
        expected = expected.narrow(dimension, (expected.size(dimension) - 224) / 2, 224);
      }
      expect_rounded(seen(png(line), large), expected, 0.02);
    }
  }
}

TEST_F(ImageFolderTest, ByHand) {
  // Two to one: the filter spans four pixels with weights 1 3 3 1 of 8; at the edge 3 3 1 of 7.
  const Picture step(16, 16, 3, [](auto, auto x, auto) { return x < 8 ? 0 : 240; });
  const Tensor row = seen(png(step))[0][4];
  EXPECT_THAT(numbers(row), ElementsAre(0, 0, 0, 30, 210, 240, 240, 240));
  const Picture edge(16, 16, 3, [](auto, auto x, auto) { return x == 0 ? 210 : 0; });
  EXPECT_THAT(numbers(seen(png(edge))[0][4]), ElementsAre(90, 0, 0, 0, 0, 0, 0, 0));
}

TEST_F(ImageFolderTest, HalvesStayHalves) {
  const Picture halves(90, 120, 3,
                       [](auto, auto x, auto c) { return (x < 60) == (c == 0) ? 250 : 5; });
  for (const std::string& file : {png(halves), jpeg(halves)}) {
    const Tensor image = seen(file, {{"image_size", 30}, {"resize", 32}});
    expect_color(image.slice(2, 0, 14), {250, 5, 5}, 3);
    expect_color(image.slice(2, 16, 30), {5, 250, 250}, 3);
  }
}

// Up to what JPEG itself loses.
TEST_F(ImageFolderTest, LargeJpegImages) {
  for (const std::int64_t size : {31, 33, 65, 150, 500}) {
    const Picture waves(size, size + 9, 3, [size](auto y, auto x, auto c) {
      const double at = double(c == 0 ? x : y) / double(size);
      return int(128 + 100 * std::sin(6 * at + double(c)));
    });
    const Tensor whole = scaled(tensor_of(waves), 8, 8 * (size + 9) / size);
    const auto left = std::int64_t(std::nearbyint(double(whole.size(3) - 8) / 2));
    expect_rounded(seen(jpeg(waves)), whole.slice(3, left, left + 8), 2);
  }
}

// --- formats

TEST_F(ImageFolderTest, JpegColors) {
  EXPECT_THAT(color_of(seen(jpeg(Picture(9, 10, {120})))), ElementsAre(120, 120, 120));
  expect_color(seen(jpeg(Picture(33, 20, {200, 30, 90}))), {200, 30, 90}, 2);
  expect_color(seen(jpeg(Picture(33, 20, {200, 30, 90}), kHalvedColor)), {200, 30, 90}, 2);
  expect_color(seen(jpeg(Picture(33, 20, {200, 30, 90}), kProgressive)), {200, 30, 90}, 2);
  for (const auto kind : {kPlain, kYcck}) {
    expect_color(seen(jpeg(Picture(9, 9, {200, 30, 90, 255}), kind)), {200, 30, 90}, 2);
    expect_color(seen(jpeg(Picture(9, 9, {200, 30, 90, 102}), kind)), {80, 12, 36}, 2);
    expect_color(seen(jpeg(Picture(9, 9, {200, 30, 90, 0}), kind)), {0, 0, 0}, 2);
  }
}

TEST_F(ImageFolderTest, PngColors) {
  expect_color(seen(png(Picture(8, 8, {7, 80, 250}))), {7, 80, 250});
  expect_color(seen(png(Picture(8, 8, {77}))), {77, 77, 77});
  expect_color(seen(png(Picture(8, 8, {77, 3}))), {77, 77, 77});
  expect_color(seen(png(Picture(8, 8, {7, 80, 250, 0}))), {7, 80, 250});
  expect_color(seen(png(Picture(8, 8, {7, 80, 250, 128}), kSixteenBits)), {7, 80, 250});
  const Picture noisy(8, 8, 3, noise);
  EXPECT_TRUE(torch::equal(seen(png(noisy, kInterlaced)).to(torch::kFloat32), tensor_of(noisy)[0]));
  const Picture indices(8, 8, 1, [](auto y, auto, auto) { return y < 4 ? 1 : 2; });
  const Tensor image = seen(palette_png(indices, {{0, 0, 0}, {9, 8, 7}, {100, 110, 120}}));
  expect_color(image.slice(1, 0, 4), {9, 8, 7});
  expect_color(image.slice(1, 4, 8), {100, 110, 120});
}

TEST_F(ImageFolderTest, ContentCountsNotTheName) {
  put("train/cat/a.png", jpeg(Picture(8, 8, {60})));
  put("train/dog/b.JPEG", png(Picture(8, 8, {61})));
  const Tensor images = everything(*open_with(), DataPart::kTrain).input();
  expect_color(images[0], {60, 60, 60});
  expect_color(images[2], {61, 61, 61});
  EXPECT_THAT(error_of("<html>not found</html>"), HasSubstr("is neither a JPEG nor a PNG image"));
  EXPECT_THAT(error_of(""), HasSubstr("is empty"));
}

// --- damage

TEST_F(ImageFolderTest, CutFiles) {
  const Picture noisy(20, 30, 3, noise);
  for (const std::string& whole :
       {jpeg(noisy), jpeg(noisy, kProgressive), png(noisy), png(noisy, kInterlaced)}) {
    seen(whole);
    for (std::size_t size = 0; size < whole.size(); size += 1 + whole.size() / 50) {
      EXPECT_NE(error_of(whole.substr(0, size)), "") << size << " of " << whole.size();
    }
    for (const std::size_t cut : {1, 2, 3, 12}) {
      EXPECT_NE(error_of(whole.substr(0, whole.size() - cut)), "") << cut << " less";
    }
  }
  EXPECT_THAT(error_of(jpeg(noisy).substr(0, 1000)),
              HasSubstr("damaged JPEG image (Premature end of JPEG file)"));
  EXPECT_THAT(error_of(png(noisy).substr(0, 500)), HasSubstr("damaged PNG image (ends too early)"));
}

TEST_F(ImageFolderTest, ChangedFiles) {
  const Picture noisy(20, 30, 3, noise);
  std::string bytes = png(noisy);
  bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 1);
  EXPECT_THAT(error_of(bytes), HasSubstr("damaged PNG image"));
  // The size in the frame header, 65500 x 65500.
  bytes = jpeg(noisy);
  const std::size_t frame = bytes.find("\xff\xc0");
  ASSERT_NE(frame, std::string::npos);
  bytes.replace(frame + 5, 4, "\xff\xdc\xff\xdc");
  EXPECT_THAT(error_of(bytes), HasSubstr("states a size of 65500 x 65500 pixels"));
}

/// A PNG chunk with its checksum.
std::string chunk(const std::string& type_and_data) {
  std::uint32_t crc = ~0u;
  for (const unsigned char byte : type_and_data) {
    crc ^= byte;
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
  }
  const auto word = [](std::uint32_t value) {
    std::string text;
    for (int shift = 24; shift >= 0; shift -= 8) text += static_cast<char>(value >> shift);
    return text;
  };
  return word(static_cast<std::uint32_t>(type_and_data.size() - 4)) + type_and_data + word(~crc);
}

std::string with_chunk(std::string file, const std::string& type_and_data) {
  return file.insert(33, chunk(type_and_data));  // behind the header
}

std::string with_size(std::string file, const std::string& width, const std::string& height) {
  const std::string header = "IHDR" + width + height + file.substr(24, 5);
  return file.replace(8, 25, chunk(header));
}

// Sizes are checked before memory is taken and before pixels are unpacked.
TEST_F(ImageFolderTest, SizesThatAFileCannotHold) {
  using namespace std::string_literals;
  const std::string file = png(Picture(8, 8, {1, 2, 3}));
  EXPECT_THAT(error_of(with_size(file, "\0\0\x27\x10"s, "\0\0\x27\x10"s)),
              HasSubstr("states a size of 10000 x 10000 pixels, more than its bytes can hold"));
  EXPECT_THAT(error_of(with_size(file, "\0\x0f\x42\x40"s, "\0\x0f\x42\x40"s)),
              HasSubstr("states a size of 1000000 x 1000000 pixels, at most 200000000"));
  EXPECT_THAT(error_of(with_size(file, "\x7f\xff\xff\xff"s, "\0\0\0\x01"s)),
              HasSubstr("damaged PNG image"));
  EXPECT_THAT(error_of(with_size(file, "\0\0\0\0"s, "\0\0\0\x08"s)),
              HasSubstr("damaged PNG image"));
  std::string bytes = jpeg(Picture(20, 30, 3, noise));
  const std::size_t frame = bytes.find("\xff\xc0");
  ASSERT_NE(frame, std::string::npos);
  bytes.replace(frame + 5, 4, "\x27\x10\x27\x10");
  EXPECT_THAT(error_of(bytes),
              HasSubstr("states a size of 10000 x 10000 pixels, more than its bytes can hold"));
  bytes.replace(frame + 5, 4, "\0\0\0\x10"s);
  EXPECT_THAT(error_of(bytes), HasSubstr("damaged JPEG image"));
  // One color packs well, and is not taken for damage.
  expect_color(seen(png(Picture(2000, 2000, {7}))), {7, 7, 7});
  expect_color(seen(jpeg(Picture(2000, 2000, {70}))), {70, 70, 70});
  expect_color(seen(jpeg(Picture(2000, 2000, {70, 70, 70}), kProgressive)), {70, 70, 70});
}

// A scan of a progressive file takes few bytes and the time of a whole image.
TEST_F(ImageFolderTest, ManyScans) {
  EXPECT_THAT(error_of(jpeg(Picture(16, 16, 1, noise), test_images::kManyScans)),
              HasSubstr("damaged JPEG image (more than 100 scans)"));
}

TEST_F(ImageFolderTest, AnimatedPngGivesItsStillImage) {
  using namespace std::string_literals;
  const std::string still = png(Picture(8, 8, {7, 80, 250}));
  const std::string control = "acTL\0\0\0\x02\0\0\0\0"s;
  expect_color(seen(with_chunk(still, control)), {7, 80, 250});
  EXPECT_THAT(error_of("GIF89a\x01\0\x01\0"s), HasSubstr("is neither a JPEG nor a PNG image"));
}

// Texts and profiles are not looked at: they can unpack to any size.
TEST_F(ImageFolderTest, WhatStandsBesideThePixelsIsIgnored) {
  using namespace std::string_literals;
  const std::string plain = png(Picture(8, 8, {7, 80, 250}));
  for (const std::string& beside : {"tEXtTitle\0x"s, "zTXtTitle\0\0damaged"s, "iCCPx\0\0damaged"s,
                                    "eXIfdamaged"s, "gAMA\0\0\xb1\x8f"s}) {
    expect_color(seen(with_chunk(plain, beside)), {7, 80, 250});
  }
}

// Some files of ImageNet have them; no pixel is lost.
TEST_F(ImageFolderTest, ExtraneousBytesAreHarmless) {
  const std::string plain = jpeg(Picture(20, 30, 3, noise));
  const Tensor expected = seen(plain);
  std::string bytes = plain;
  bytes.insert(bytes.size() - 2, "some bytes");  // before the end marker
  EXPECT_TRUE(torch::equal(seen(bytes), expected));
  EXPECT_TRUE(torch::equal(seen(plain + "some bytes"), expected));
}

TEST_F(ImageFolderTest, ErrorsComeOutOfTheLoader) {
  put("train/cat/b.jpg", jpeg(Picture(20, 30, 3, noise)).substr(0, 500));
  deneb::DataLoaderOptions loading;
  loading.train_portion = 1;
  loading.workers = 2;
  const deneb::DataLoader loader(open_with(), loading);
  Batch batch;
  EXPECT_THAT(text_of<DataError>([&] { loader.train(1, 0)->next(batch); }),
              StartsWith(folder() + "/train/cat/b.jpg: damaged JPEG image"));
}

// --- training

/// Red counts columns and green rows, so that a crop tells where it was taken.
Picture map_picture(std::int64_t height, std::int64_t width) {
  return {height, width, 3, [](auto y, auto x, auto c) { return int(c == 0 ? x : y); }};
}

struct Place {
  double top, left, height, width;
};

/// Where an image [3, 8, 8] was cut out of map_picture(), from two inner pixels each way.
Place place_of(const Tensor& image) {
  const auto line = [](const Tensor& values) {
    const double step = (values[5].item<double>() - values[2].item<double>()) / 3;
    return std::pair{values[2].item<double>() + 0.5 - 2.5 * step, 8 * step};
  };
  const auto [left, width] = line(image[0][4].to(torch::kFloat64));
  const auto [top, height] = line(image[1].select(1, 4).to(torch::kFloat64));
  return {top, left, height, width};
}

TEST_F(ImageFolderTest, RandomCropsCoverTheirRanges) {
  put("train/cat/a.png", png(map_picture(240, 200)));
  const auto dataset = open_with();
  int small = 0, upper = 0;
  constexpr int kCrops = 300;
  for (std::uint64_t seed = 0; seed < kCrops; ++seed) {
    // Bytes and so places are rounded: up to 3 pixels.
    const Place p = place_of(dataset->gather_training({0}, {seed}).input()[0]);
    EXPECT_GE(p.top, -3);
    EXPECT_GE(p.left, -3);
    EXPECT_LE(p.top + p.height, 240 + 3);
    EXPECT_LE(p.left + p.width, 200 + 3);
    const double area = p.height * p.width / (240 * 200), ratio = p.width / p.height;
    EXPECT_GE(area, 0.07);
    EXPECT_LE(area, 1.02);
    EXPECT_GE(ratio, 0.75 - 0.05);
    EXPECT_LE(ratio, 4.0 / 3 + 0.1);
    small += area < 0.54;
    upper += p.top + p.height / 2 < 120;
  }
  // Half of the areas are below 0.54, some more since large crops fit less often; deviation 9.
  EXPECT_NEAR(small, 165, 35);
  EXPECT_NEAR(upper, 150, 35);
}

TEST_F(ImageFolderTest, RandomCropsDependOnTheSeedOnly) {
  put("train/cat/a.png", png(Picture(40, 40, 3, noise)));
  const auto dataset = open_with();
  const Tensor first = dataset->gather_training({0}, {7}).input()[0];
  const Batch batch = dataset->gather_training({1, 0, 0}, {7, 8, 7});
  EXPECT_THAT(numbers(batch.target()), ElementsAre(1, 0, 0));
  EXPECT_TRUE(torch::equal(batch.input()[2], first));
  EXPECT_FALSE(torch::equal(batch.input()[1], first));
  expect_color(batch.input()[0], {200, 200, 200});
}

// With an area of 1 and the image's ratio there is one crop: all of it, squeezed to a square.
TEST_F(ImageFolderTest, RandomCropOfEverything) {
  const Picture picture(30, 45, 3, noise);
  put("train/cat/a.png", png(picture));
  const auto dataset =
      open_with({{"random_resized_crop", {{"scale", {1, 1}}, {"ratio", {1.5, 1.5}}}}});
  expect_rounded(dataset->gather_training({0}, {3}).input()[0], scaled(tensor_of(picture), 8, 8));
}

// No crop of this area and ratio fits: the middle, with the nearest ratio that is allowed.
TEST_F(ImageFolderTest, LongImagesGiveTheirMiddle) {
  const nlohmann::json large = {{"random_resized_crop", {{"scale", {0.9, 1}}}}};
  const Picture wide(6, 100, 3, noise);
  put("train/cat/a.png", png(wide));
  expect_rounded(open_with(large)->gather_training({0}, {3}).input()[0],
                 scaled(tensor_of(wide).slice(3, 46, 54), 8, 8));
  const Picture high(100, 6, 3, noise);
  put("train/cat/a.png", png(high));
  expect_rounded(open_with(large)->gather_training({0}, {3}).input()[0],
                 scaled(tensor_of(high).slice(2, 46, 54), 8, 8));
}

TEST_F(ImageFolderTest, WithoutRandomCropsTrainingSeesTheMiddle) {
  put("train/cat/a.png", png(Picture(40, 50, 3, noise)));
  const auto dataset = open_with({{"random_resized_crop", {{"enabled", false}}}});
  const Tensor middle = dataset->gather(DataPart::kTrain, {0}).input();
  EXPECT_TRUE(torch::equal(dataset->gather_training({0}, {3}).input(), middle));
  EXPECT_FALSE(torch::equal(open_with()->gather_training({0}, {3}).input(), middle));
}

/// The images of one training pass, in its order.
Tensor pass(const std::shared_ptr<Dataset>& dataset, int workers, int batch_size,
            std::int64_t epoch = 0, std::int64_t first_batch = 0) {
  deneb::DataLoaderOptions options;
  options.train_portion = 1;
  options.batch_size = batch_size;
  options.workers = workers;
  options.augment.horizontal_flip = true;
  const auto stream = deneb::DataLoader(dataset, options).train(11, epoch, first_batch);
  std::vector<Tensor> images;
  for (Batch batch; stream->next(batch);) images.push_back(batch.input());
  return torch::cat(images);
}

TEST_F(ImageFolderTest, WorkersAndBatchesDoNotChangeAPass) {
  for (int i = 0; i < 20; ++i) {
    put("train/dog/" + std::to_string(i) + ".jpg", jpeg(Picture(30 + i, 40, 3, noise)));
  }
  const auto dataset = open_with();
  const Tensor whole = pass(dataset, 0, 4);
  EXPECT_EQ(whole.size(0), 22);
  EXPECT_TRUE(torch::equal(pass(dataset, 1, 4), whole));
  EXPECT_TRUE(torch::equal(pass(dataset, 3, 4), whole));
  EXPECT_TRUE(torch::equal(pass(dataset, 2, 5), whole));
  EXPECT_TRUE(torch::equal(pass(dataset, 3, 4, 0, 2), whole.slice(0, 8)));
  EXPECT_FALSE(torch::equal(pass(dataset, 0, 4, 1), whole));
}

TEST_F(ImageFolderTest, FlipsAreLeftToTheLoader) {
  std::filesystem::remove_all(folder() + "/train/dog/a.png");
  const Picture halves(8, 8, 3, [](auto, auto x, auto) { return x < 4 ? 0 : 255; });
  for (const char* name : {"train/cat/a.png", "train/dog/a.png"}) put(name, png(halves));
  const auto dataset = open_with({{"random_resized_crop", {{"enabled", false}}}});
  int mirrored = 0;
  for (int epoch = 0; epoch < 50; ++epoch) {
    const Tensor image = pass(dataset, 0, 2, epoch)[0][0][0];
    EXPECT_NE(image[0].item<float>(), image[7].item<float>());
    mirrored += image[0].item<float>() > image[7].item<float>();
  }
  EXPECT_NEAR(mirrored, 25, 15);
}

}  // namespace
}  // namespace dataset_test
