#include <algorithm>
#include <cstring>
#include <filesystem>

#include <deneb/data/data_path.h>
#include <deneb/data/dataset.h>
#include <deneb/io/files.h>
#include <deneb/plugin/plugin.h>

namespace {

constexpr std::int64_t kSide = 28, kPixels = kSide * kSide, kClasses = 10;
constexpr const char* kName = "mnist";  // of the folder and for the script
constexpr const char *kImages = "-images-idx3-ubyte", *kLabels = "-labels-idx1-ubyte";

struct MnistOptions {
  std::string data_path;
  // Of the 60 000 training images.
  std::vector<double> mean = {0.1307}, deviation = {0.3081};
  template <class V>
  void visit(V& v) {
    v.file("data_path", data_path, "",
           "folder with the four IDX files; empty = where scripts/fetch_data.sh puts them",
           /*must_exist=*/false);
    v("mean", mean,
      "of the gray values in 0 .. 1, for normalization; networks from elsewhere need the figures "
      "that they were trained with",
      {0, 1});
    v("deviation", deviation, "likewise", {1e-6, 1000});
  }
  void check(deneb::OptionErrors& errors) const {
    for (const auto& [key, list] : {std::pair{"mean", &mean}, std::pair{"deviation", &deviation}}) {
      if (list->size() == 1) continue;
      errors.add(key, "has " + std::to_string(list->size()) + " numbers, expected one");
    }
  }
};

// An IDX file of unsigned bytes: big-endian words 0x0800 + number of dimensions and the extents,
// then the values.
class IdxFile {
 public:
  /// `item`: extents that each item must have.
  IdxFile(const std::string& path, const std::vector<std::int64_t>& item) : path_(path) {
    require(path_);
    bytes_ = deneb::read_file(path);
    const std::size_t dimensions = item.size() + 1;
    header_ = 4 * (dimensions + 1);
    if (bytes_.size() < header_) {
      damaged(std::to_string(bytes_.size()) + " bytes, the header alone has " +
              std::to_string(header_));
    }
    expect("magic number", word(0), 0x0800 + static_cast<std::int64_t>(dimensions));
    count_ = word(1);
    std::int64_t item_bytes = 1;
    for (std::size_t i = 0; i < item.size(); ++i) {
      expect(i == 0 ? "number of rows" : "number of columns", word(i + 2), item[i]);
      item_bytes *= item[i];
    }
    if (count_ == 0) damaged("holds no items");
    expect("size in bytes", static_cast<std::int64_t>(bytes_.size()),
           static_cast<std::int64_t>(header_) + count_ * item_bytes);
  }

  static void require(const std::string& path) {
    if (std::filesystem::exists(path)) return;
    if (std::filesystem::exists(path + ".gz")) {
      throw deneb::DataError(path + ": not found, only " + path + ".gz; unpack it with `gunzip " +
                             path + ".gz`");
    }
    deneb::throw_missing_data(path, kName);
  }
  std::int64_t count() const { return count_; }
  const unsigned char* data() const {
    return reinterpret_cast<const unsigned char*>(bytes_.data()) + header_;
  }
  void expect(const std::string& what, std::int64_t found, std::int64_t expected) const {
    if (found == expected) return;
    damaged(what + " is " + std::to_string(found) + ", expected " + std::to_string(expected));
  }
  [[noreturn]] void damaged(const std::string& what) const {
    deneb::throw_damaged_data(path_, what, kName);
  }

 private:
  std::int64_t word(std::size_t i) const {
    std::uint32_t value = 0;
    for (std::size_t b = 4 * i; b < 4 * i + 4; ++b) {
      value = value << 8 | static_cast<unsigned char>(bytes_[b]);
    }
    return value;
  }

  std::string path_, bytes_;
  std::size_t header_ = 0;
  std::int64_t count_ = 0;
};

struct Part {
  std::vector<std::uint8_t> pixels, labels;  // [N, 28, 28], [N]
};

Part read_part(const std::string& prefix) {
  const IdxFile images(prefix + kImages, {kSide, kSide});
  const IdxFile labels(prefix + kLabels, {});
  labels.expect("number of labels", labels.count(), images.count());
  Part part;
  part.pixels.assign(images.data(), images.data() + images.count() * kPixels);
  part.labels.assign(labels.data(), labels.data() + labels.count());
  const std::uint8_t largest = *std::max_element(part.labels.begin(), part.labels.end());
  if (largest >= kClasses) {
    labels.damaged("has the label " + std::to_string(largest) + ", expected 0 .. 9");
  }
  return part;
}

class Mnist final : public deneb::Dataset {
 public:
  using Options = MnistOptions;
  explicit Mnist(const Options& o)
      : options_(o), folder_(deneb::data_directory(o.data_path, kName)) {}

  void check_files() const override {
    for (const char* part : {"/train", "/t10k"}) {
      IdxFile::require(folder_ + part + kImages);
      IdxFile::require(folder_ + part + kLabels);
    }
  }

  void open() override {
    train_ = read_part(folder_ + "/train");
    test_ = read_part(folder_ + "/t10k");
  }

  deneb::DatasetInfo info() const override {
    return {kClasses, {1, kSide, kSide}, options_.mean, options_.deviation};
  }

  std::int64_t size(deneb::DataPart part) const override {
    return static_cast<std::int64_t>(of(part).labels.size());
  }

  deneb::Batch gather(deneb::DataPart part,
                      const std::vector<std::int64_t>& indices) const override {
    const Part& source = of(part);
    const auto n = static_cast<std::int64_t>(indices.size());
    auto input = torch::empty({n, 1, kSide, kSide}, torch::kUInt8);
    auto target = torch::empty({n}, torch::kInt64);
    std::uint8_t* pixels = input.data_ptr<std::uint8_t>();
    std::int64_t* label = target.data_ptr<std::int64_t>();
    for (const std::int64_t index : indices) {
      std::memcpy(pixels, source.pixels.data() + index * kPixels, kPixels);
      pixels += kPixels;
      *label++ = source.labels[static_cast<std::size_t>(index)];
    }
    deneb::Batch batch;
    batch["input"] = input;
    batch["target"] = target;
    return batch;
  }

 private:
  const Part& of(deneb::DataPart part) const {
    return part == deneb::DataPart::kTrain ? train_ : test_;
  }

  MnistOptions options_;
  std::string folder_;
  Part train_, test_;
};

void register_all(deneb::Registrar& r) {
  r.add<deneb::Dataset, Mnist>("Mnist", "MNIST: 60 000 + 10 000 gray images of 28x28");
}

}  // namespace

DENEB_PLUGIN("mnist", "0.1.0", "MNIST, or another set in its four IDX files", register_all);
