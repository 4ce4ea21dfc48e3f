#include <png.h>

#include <filesystem>
#include <vector>

#include <deneb/data/data_path.h>
#include <deneb/data/dataset.h>
#include <deneb/io/files.h>
#include <deneb/io/json.h>
#include <deneb/plugin/plugin.h>

#include "cifar100.h"
#include "cifar_images.h"

namespace {

using deneb::cifar::kBytes;
using deneb::cifar::kPixels;
using deneb::cifar::Part;

constexpr std::int64_t kPerFile = 10000;

struct Cifar10Options {
  std::string data_path;
  // Of the 50 000 training images.
  deneb::cifar::Normalization normalization{{0.4914, 0.4822, 0.4465}, {0.2470, 0.2435, 0.2616}};
  template <class V>
  void visit(V& v) {
    v.file("data_path", data_path, "",
           "folder with the PNG sprites or the binary batches; empty = where scripts/fetch_data.sh "
           "puts them",
           /*must_exist=*/false);
    normalization.visit(v);
  }
  void check(deneb::OptionErrors& errors) const { normalization.check(errors); }
};

void reserve(Part& part, std::size_t samples) {
  part.pixels.reserve(samples * kBytes);
  part.labels.reserve(samples);
}

// The script gets sprites, so it can neither complete nor repair a set of binary batches.
constexpr const char* kBinaryAdvice =
    "copy it from the authors' binary version again, or remove all .bin files from the folder to "
    "use the PNG sprites that `scripts/fetch_data.sh cifar10` gets";

// libpng is done with the last row and does not look at what follows.
bool has_end_of_png(const std::string& bytes) {
  static constexpr char kEnd[] = "\0\0\0\0IEND\xae\x42\x60\x82";  // length, name, checksum
  constexpr std::size_t kSize = sizeof(kEnd) - 1;
  return bytes.size() >= kSize && bytes.compare(bytes.size() - kSize, kSize, kEnd, kSize) == 0;
}

// Reads a sprite as [10000, 1024, 3].
std::vector<std::uint8_t> read_sprite(const std::string& path) {
  const std::string bytes = deneb::read_file(path);
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  if (!png_image_begin_read_from_memory(&image, bytes.data(), bytes.size())) {
    deneb::throw_damaged_data(path, std::string("is no PNG image (") + image.message + ")",
                              "cifar10");
  }
  if (image.width != kPixels || image.height != kPerFile || image.format != PNG_FORMAT_RGB) {
    png_image_free(&image);
    deneb::throw_damaged_data(path,
                              std::to_string(image.width) + " x " + std::to_string(image.height) +
                                  " pixels or not plain RGB, expected 1024 x 10000 RGB",
                              "cifar10");
  }
  std::vector<std::uint8_t> rgb(PNG_IMAGE_SIZE(image));
  // libpng goes on after some kinds of damage with a warning; for us it is damage all the same.
  if (!png_image_finish_read(&image, nullptr, rgb.data(), 0, nullptr) ||
      image.warning_or_error != 0) {
    deneb::throw_damaged_data(path, std::string("cannot be decoded (") + image.message + ")",
                              "cifar10");
  }
  if (!has_end_of_png(bytes)) deneb::throw_damaged_data(path, "is cut off at its end", "cifar10");
  return rgb;
}

// Sprite: one image a row, 1024 RGB pixels, row-major.
void append_sprite(const std::string& path, Part& part) {
  const std::vector<std::uint8_t> rgb = read_sprite(path);
  const std::size_t start = part.pixels.size();
  part.pixels.resize(start + kPerFile * kBytes);
  std::uint8_t* planar = part.pixels.data() + start;
  for (std::int64_t i = 0; i < kPerFile; ++i) {
    for (std::int64_t p = 0; p < kPixels; ++p) {
      for (std::int64_t c = 0; c < 3; ++c) {
        planar[i * kBytes + c * kPixels + p] = rgb[(i * kPixels + p) * 3 + c];
      }
    }
  }
}

void append_labels(const std::string& path, std::size_t count, Part& part) {
  const auto json = deneb::parse_json(deneb::read_file(path));
  if (!json.is_array() || json.size() != count) {
    deneb::throw_damaged_data(path, "is no list of " + std::to_string(count) + " labels",
                              "cifar10");
  }
  for (const auto& label : json) {
    if (!label.is_number_unsigned() || label.get<std::uint64_t>() > 9) {
      deneb::throw_damaged_data(path, "has a label other than 0 .. 9", "cifar10");
    }
    part.labels.push_back(label.get<std::uint8_t>());
  }
}

class Cifar10 final : public deneb::cifar::CifarImages {
 public:
  using Options = Cifar10Options;
  explicit Cifar10(const Options& o)
      : CifarImages(10, o.normalization), folder_(deneb::data_directory(o.data_path, "cifar10")) {}

  void check_files() const override {
    if (is_binary()) {
      for (const auto& name : train_files()) require_binary(name);
      require_binary("test_batch");
      return;
    }
    if (!std::filesystem::exists(folder_ + "/train_lables.json")) {
      deneb::cifar::refuse_python_version(folder_, "cifar-10-batches-py", "data_batch_1",
                                          "cifar-10-binary.tar.gz");
    }
    require("train_lables.json");
    require("test_lables.json");
    for (const auto& name : train_files()) require(name + ".png");
    require("test_batch.png");
  }

  void open() override {
    check_files();
    const std::vector<std::string> train = train_files();
    reserve(train_, 5 * kPerFile);
    reserve(test_, kPerFile);
    if (is_binary()) {
      for (const auto& name : train) append_binary(name, train_);
      append_binary("test_batch", test_);
      return;
    }
    append_labels(require("train_lables.json"), 5 * kPerFile, train_);
    append_labels(require("test_lables.json"), kPerFile, test_);
    for (const auto& name : train) append_sprite(require(name + ".png"), train_);
    append_sprite(require("test_batch.png"), test_);
  }

 private:
  static std::vector<std::string> train_files() {
    return {"data_batch_1", "data_batch_2", "data_batch_3", "data_batch_4", "data_batch_5"};
  }
  bool is_binary() const { return std::filesystem::exists(folder_ + "/data_batch_1.bin"); }
  void require_binary(const std::string& name) const {
    deneb::cifar::require_records(folder_ + "/" + name + ".bin", kBinaryAdvice);
  }
  void append_binary(const std::string& name, Part& part) const {
    deneb::cifar::append_records(folder_ + "/" + name + ".bin", kPerFile, 1, 0, 10, kBinaryAdvice,
                                 part);
  }
  std::string require(const std::string& name) const {
    const std::string path = folder_ + "/" + name;
    if (!std::filesystem::exists(path)) deneb::throw_missing_data(path, "cifar10");
    return path;
  }

  std::string folder_;
};

void register_all(deneb::Registrar& r) {
  r.add<deneb::Dataset, Cifar10>("Cifar10", "CIFAR-10: 50 000 + 10 000 color images of 32x32");
  r.add<deneb::Dataset, deneb::cifar::Cifar100>(
      "Cifar100", "CIFAR-100: 50 000 + 10 000 color images of 32x32, fine or coarse labels");
}

}  // namespace

DENEB_PLUGIN("cifar10", "0.1.0", "CIFAR-10 from PNG sprites or binary batches, CIFAR-100",
             register_all);
