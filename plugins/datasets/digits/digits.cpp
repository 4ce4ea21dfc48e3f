#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

#include <deneb/data/dataset.h>
#include <deneb/plugin/plugin.h>

// digits.bin as it is, in the read-only data of this plugin.
__asm__(
    ".pushsection .rodata, \"a\"\n"
    ".balign 16\n"
    ".global deneb_digits_begin\n"
    ".hidden deneb_digits_begin\n"
    "deneb_digits_begin:\n"
    ".incbin \"" DENEB_DIGITS_FILE
    "\"\n"
    ".global deneb_digits_end\n"
    ".hidden deneb_digits_end\n"
    "deneb_digits_end:\n"
    ".byte 0\n"
    ".popsection\n");

extern "C" {
extern const unsigned char deneb_digits_begin[] __attribute__((visibility("hidden")));
extern const unsigned char deneb_digits_end[] __attribute__((visibility("hidden")));
}

namespace {

constexpr std::size_t kSide = 8, kPixels = kSide * kSide, kClasses = 10;
constexpr std::size_t kHeader = 20;
constexpr std::size_t kFold = 5;  // every fifth sample of a class is for testing

struct Sample {
  const unsigned char* pixels;  // [8, 8], 0 .. 16
  std::int64_t label;
};

std::uint32_t little_endian(const unsigned char* bytes) {
  return bytes[0] | bytes[1] << 8 | bytes[2] << 16 | static_cast<std::uint32_t>(bytes[3]) << 24;
}

// The embedded file, checked, cut into the two parts.
class Embedded {
 public:
  Embedded() {
    const unsigned char* file = deneb_digits_begin;
    const auto size = static_cast<std::size_t>(deneb_digits_end - deneb_digits_begin);
    const auto damaged = [](const char* what) {
      return deneb::DataError(std::string("dataset Digits: the digits.bin in the plugin ") + what +
                              "; restore plugins/datasets/digits/digits.bin and build again");
    };
    if (size < kHeader || std::memcmp(file, "DIGITS1\n", 8) != 0) throw damaged("has no header");
    const std::size_t count = little_endian(file + 8);
    if (little_endian(file + 12) != kSide || little_endian(file + 16) != kSide) {
      throw damaged("does not hold images of 8x8 pixels");
    }
    if (size != kHeader + count * (kPixels + 1)) throw damaged("has the wrong size");
    const unsigned char *pixels = file + kHeader, *labels = pixels + count * kPixels;
    if (std::any_of(pixels, labels, [](unsigned char value) { return value > 16; })) {
      throw damaged("has a pixel above 16");
    }
    std::array<std::size_t, kClasses> seen{};
    for (std::size_t i = 0; i < count; ++i) {
      if (labels[i] >= kClasses) throw damaged("has a label above 9");
      const bool is_test = seen[labels[i]]++ % kFold == kFold - 1;
      (is_test ? test : train).push_back({pixels + i * kPixels, labels[i]});
    }
    if (train.empty() || test.empty()) throw damaged("has too few images");
    measure();
  }

  std::vector<Sample> train, test;
  double mean = 0, deviation = 1;  // of the training part, of pixels / 16

 private:
  void measure() {
    std::uint64_t sum = 0, squares = 0;
    for (const Sample& sample : train) {
      for (std::size_t p = 0; p < kPixels; ++p) {
        sum += sample.pixels[p];
        squares += std::uint64_t{sample.pixels[p]} * sample.pixels[p];
      }
    }
    const double n = static_cast<double>(train.size() * kPixels);
    const double raw_mean = static_cast<double>(sum) / n;
    mean = raw_mean / 16;
    deviation = std::sqrt(static_cast<double>(squares) / n - raw_mean * raw_mean) / 16;
  }
};

const Embedded& embedded() {
  static const Embedded data;
  return data;
}

class Digits final : public deneb::Dataset {
 public:
  using Options = deneb::NoOptions;
  explicit Digits(const Options&) {}

  void open() override { embedded(); }

  deneb::DatasetInfo info() const override {
    return {kClasses,
            {1, kSide, kSide},
            {embedded().mean},
            {embedded().deviation},
            size(deneb::DataPart::kTrain),
            size(deneb::DataPart::kTest)};
  }

  std::int64_t size(deneb::DataPart part) const override {
    return static_cast<std::int64_t>(of(part).size());
  }

  deneb::Batch gather(deneb::DataPart part,
                      const std::vector<std::int64_t>& indices) const override {
    const auto n = static_cast<std::int64_t>(indices.size());
    auto input = torch::empty({n, 1, kSide, kSide}, torch::kFloat32);
    auto target = torch::empty({n}, torch::kInt64);
    float* value = input.data_ptr<float>();
    std::int64_t* label = target.data_ptr<std::int64_t>();
    for (const std::int64_t index : indices) {
      const Sample& sample = of(part)[static_cast<std::size_t>(index)];
      value = std::transform(sample.pixels, sample.pixels + kPixels, value,
                             [](unsigned char pixel) { return static_cast<float>(pixel) / 16; });
      *label++ = sample.label;
    }
    deneb::Batch batch;
    batch["input"] = input;
    batch["target"] = target;
    return batch;
  }

 private:
  static const std::vector<Sample>& of(deneb::DataPart part) {
    return part == deneb::DataPart::kTrain ? embedded().train : embedded().test;
  }
};

void register_all(deneb::Registrar& r) {
  r.add<deneb::Dataset, Digits>("Digits", "1797 handwritten digits of 8x8 pixels, built in");
}

}  // namespace

DENEB_PLUGIN("digits", "0.1.0", "handwritten digits, embedded", register_all);
