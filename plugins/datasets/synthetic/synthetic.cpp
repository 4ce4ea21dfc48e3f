#include <algorithm>
#include <cmath>
#include <cstring>
#include <random>

#include <deneb/data/dataset.h>
#include <deneb/plugin/plugin.h>
#include <deneb/random.h>

namespace {

constexpr double kMaxBytes = 4e9;
constexpr std::int64_t kGrid = 4;  // a class pattern has so many free values in each direction

struct SyntheticOptions {
  int num_classes = 10;
  int channels = 3;
  int size = 32;
  std::int64_t train_samples = 1000;
  std::int64_t test_samples = 200;
  double noise = 0.25;
  std::int64_t seed = 0;

  template <class V>
  void visit(V& v) {
    v("num_classes", num_classes, "classes", {2, 100000});
    v("channels", channels, "channels of an image", {1, 64});
    v("size", size, "height and width in pixels", {1, 1024});
    v("train_samples", train_samples, "images of the training part", {1, 1e8});
    v("test_samples", test_samples, "images of the test part", {1, 1e8});
    v("noise", noise, "deviation of the noise on each pixel, where white is 1", {0, 100});
    v("seed", seed, "other seeds give other images", {0, 9e15});
  }
  void check(deneb::OptionErrors& errors) const {
    // Images are bytes, the pattern of a class is floats.
    const double images = double(train_samples) + double(test_samples) + 4.0 * num_classes;
    const double bytes = images * channels * size * size;
    if (bytes > kMaxBytes) {
      errors.add("", "images and patterns take " + std::to_string(bytes / 1e9) +
                         " GB of memory, 4 are allowed; lower train_samples, num_classes or size");
    }
  }
};

// Uniform values on a coarse grid, one for each class, channel and grid point.
std::vector<float> draw_grids(const SyntheticOptions& o) {
  std::mt19937_64 rng(deneb::derive_seed(static_cast<std::uint64_t>(o.seed), "patterns"));
  std::vector<float> grids(static_cast<std::size_t>(o.num_classes * o.channels * kGrid * kGrid));
  for (float& value : grids) value = static_cast<float>(deneb::uniform_real(rng));
  return grids;
}

// Grid points left and right of a pixel's center, and the share of the right one.
struct Position {
  std::int64_t low, high;
  float share;
  Position(std::int64_t pixel, std::int64_t size) {
    const double at = (double(pixel) + 0.5) / double(size) * double(kGrid - 1);
    low = std::min<std::int64_t>(static_cast<std::int64_t>(at), kGrid - 2);
    high = low + 1;
    share = static_cast<float>(at - double(low));
  }
};

// Sum of four uniform variables of 16 bits: nearly normal, mean 0, deviation 1, and cheap.
float draw_noise(std::mt19937_64& rng) {
  constexpr float kUnit = 1.7320508f / 65536;  // sqrt(12 / 4)
  const std::uint64_t bits = rng();
  const auto sum = static_cast<std::int64_t>((bits & 0xffff) + (bits >> 16 & 0xffff) +
                                             (bits >> 32 & 0xffff) + (bits >> 48));
  return static_cast<float>(sum - 2 * 65535) * kUnit;
}

class Synthetic final : public deneb::Dataset {
 public:
  using Options = SyntheticOptions;
  explicit Synthetic(const Options& o) : options_(o) {}

  void open() override {
    const std::vector<float> patterns = make_patterns();
    train_ = make_part(patterns, options_.train_samples, "train");
    test_ = make_part(patterns, options_.test_samples, "test");
  }

  deneb::DatasetInfo info() const override {
    // Nominal values: uniform patterns lie around one half.
    const auto channels = static_cast<std::size_t>(options_.channels);
    return {options_.num_classes,
            {options_.channels, options_.size, options_.size},
            std::vector<double>(channels, 0.5),
            std::vector<double>(channels, 0.25),
            options_.train_samples,
            options_.test_samples};
  }

  std::int64_t size(deneb::DataPart part) const override {
    return part == deneb::DataPart::kTrain ? options_.train_samples : options_.test_samples;
  }

  deneb::Batch gather(deneb::DataPart part,
                      const std::vector<std::int64_t>& indices) const override {
    const std::vector<std::uint8_t>& source = part == deneb::DataPart::kTrain ? train_ : test_;
    const auto n = static_cast<std::int64_t>(indices.size());
    auto input = torch::empty({n, options_.channels, options_.size, options_.size}, torch::kUInt8);
    auto target = torch::empty({n}, torch::kInt64);
    std::uint8_t* pixels = input.data_ptr<std::uint8_t>();
    std::int64_t* label = target.data_ptr<std::int64_t>();
    for (const std::int64_t index : indices) {
      std::memcpy(pixels, source.data() + index * image_bytes(),
                  static_cast<std::size_t>(image_bytes()));
      pixels += image_bytes();
      *label++ = label_of(index);
    }
    deneb::Batch batch;
    batch["input"] = input;
    batch["target"] = target;
    return batch;
  }

 private:
  std::int64_t image_bytes() const {
    return std::int64_t{options_.channels} * options_.size * options_.size;
  }
  std::int64_t label_of(std::int64_t index) const { return index % options_.num_classes; }

  // [classes, C, H, W]: the grids, magnified bilinearly.
  std::vector<float> make_patterns() const {
    const std::vector<float> grids = draw_grids(options_);
    std::vector<float> patterns;
    patterns.reserve(static_cast<std::size_t>(options_.num_classes * image_bytes()));
    for (const float* grid = grids.data(); grid < grids.data() + grids.size();
         grid += kGrid * kGrid) {
      for (int y = 0; y < options_.size; ++y) {
        const Position row(y, options_.size);
        const float *above = grid + row.low * kGrid, *below = grid + row.high * kGrid;
        for (int x = 0; x < options_.size; ++x) {
          const Position column(x, options_.size);
          const auto mix = [&column](const float* line) {
            return line[column.low] + column.share * (line[column.high] - line[column.low]);
          };
          patterns.push_back(mix(above) + row.share * (mix(below) - mix(above)));
        }
      }
    }
    return patterns;
  }

  std::vector<std::uint8_t> make_part(const std::vector<float>& patterns, std::int64_t samples,
                                      const char* label) const {
    const auto noise = static_cast<float>(options_.noise);
    const std::uint64_t seed = deneb::derive_seed(static_cast<std::uint64_t>(options_.seed), label);
    std::vector<std::uint8_t> pixels(static_cast<std::size_t>(samples * image_bytes()));
    for (std::int64_t i = 0; i < samples; ++i) {
      // A generator for each sample: image i does not depend on how many there are.
      std::mt19937_64 rng(deneb::derive_seed(seed, static_cast<std::uint64_t>(i)));
      const float* pattern = patterns.data() + label_of(i) * image_bytes();
      std::transform(pattern, pattern + image_bytes(), pixels.begin() + i * image_bytes(),
                     [&](float value) {
                       const float noisy = 255 * (value + noise * draw_noise(rng));
                       return static_cast<std::uint8_t>(std::clamp(noisy, 0.f, 255.f) + 0.5f);
                     });
    }
    return pixels;
  }

  SyntheticOptions options_;
  std::vector<std::uint8_t> train_, test_;  // [N, C, H, W]
};

void register_all(deneb::Registrar& r) {
  r.add<deneb::Dataset, Synthetic>("Synthetic", "random images around one pattern for each class");
}

}  // namespace

DENEB_PLUGIN("synthetic", "0.1.0", "generated images for smoke tests and benchmarks", register_all);
