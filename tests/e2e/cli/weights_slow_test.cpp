#include <gtest/gtest.h>
#include <torch/utils.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include <deneb/data/data_path.h>
#include <deneb/io/weight_file.h>
#include <deneb/nn/layers.h>
#include <deneb/nn/load_state.h>
#include <deneb/nn/walk.h>

#include "foreign_weights.h"
#include "program.h"

namespace cli_test {
namespace weights_slow {
namespace {

// Our checkpoint as docs/WEIGHTS.md shows public ones: the same accuracy by options alone.
TEST(ForeignWeights, AccuracyOnCifar10) {
  if (!std::filesystem::exists(deneb::data_directory("", "cifar10"))) {
    GTEST_SKIP() << "no CIFAR-10 on this machine (scripts/fetch_data.sh cifar10 gets it)";
  }
  const Folder folder;
  const std::string theirs = folder.path() + "/resnet20.th";
  write_public_style(theirs,
                     deneb::read_weights(DENEB_CHECKPOINTS "/resnet20_cifar10_float.safetensors"));
  const Outcome outcome =
      run({"evaluate", DENEB_BASELINES "/resnet20_cifar10_float.json", "--weights", theirs, "--set",
           R"(fully_train.rename={"linear.": "fc."})", "--set",
           "fully_train.dataset.mean=[0.4914, 0.4822, 0.4465]", "--set",
           "fully_train.dataset.deviation=[0.247, 0.2435, 0.2616]"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_TRUE(holds(outcome.out, "(9136 of 10,000)") || holds(outcome.out, "(9136 of 10000)"))
      << outcome.out;
  // Normalized for other networks, it is worse.
  const Outcome other =
      run({"evaluate", DENEB_BASELINES "/resnet20_cifar10_float.json", "--weights", theirs, "--set",
           R"(fully_train.rename={"linear.": "fc."})", "--set",
           "fully_train.dataset.mean=[0.485, 0.456, 0.406]", "--set",
           "fully_train.dataset.deviation=[0.229, 0.224, 0.225]"});
  ASSERT_EQ(other.exit_code, 0) << other.err;
  EXPECT_NE(other.out, outcome.out);
}

/// 64 layers of 16 MB.
class Large final : public deneb::Network {
 public:
  Large() {
    for (int i = 0; i < 64; ++i) {
      auto layer =
          register_module("fc" + std::to_string(i),
                          deneb::nn::Linear(torch::nn::LinearOptions(2048, 2048).bias(false)));
      layers_.push_back(layer);
    }
  }
  torch::Tensor forward(torch::Tensor x) override { return layers_[0](x); }
  std::vector<std::int64_t> input_shape() const override { return {2048}; }
  std::int64_t num_classes() const override { return 2048; }

 private:
  std::vector<deneb::nn::Linear> layers_;
};

/// A line of /proc/self/status in bytes.
double memory(const std::string& key) {
  std::ifstream status("/proc/self/status");
  std::string word;
  while (status >> word) {
    double kilobytes = 0;
    if (word == key + ":" && status >> kilobytes) return kilobytes * 1024;
  }
  return 0;
}

/// Bytes that `work` takes at its peak beside what is there, mapped files included.
template <class Work>
double peak_of(const Work& work) {
  std::ofstream("/proc/self/clear_refs") << "5";  // the peak begins anew
  const double before = memory("VmRSS");
  work();
  return memory("VmHWM") - before;
}

TEST(LargeFiles, PeakMemory) {
  const Folder folder;
  const std::string path = folder.path() + "/large.safetensors";
  Large network;
  deneb::TensorFile file;
  file.tensors = deneb::state_of(network);
  const double bytes = 64.0 * 2048 * 2048 * 4;
  EXPECT_LT(peak_of([&] { deneb::write_safetensors(path, file); }), 0.05 * bytes);
  EXPECT_GT(double(std::filesystem::file_size(path)), bytes);
  const double peak = peak_of([&] { deneb::load_state(network, deneb::read_weights(path), path); });
  EXPECT_GT(peak, 0.5 * bytes);  // else it was not measured
  EXPECT_LT(peak, 1.2e9);
  const double checked = peak_of([&] {
    deneb::check_state(network, deneb::read_weights(path, deneb::WeightCheck::kHeaders), path);
  });
  EXPECT_LT(checked, 0.05 * bytes);
}

}  // namespace
}  // namespace weights_slow
}  // namespace cli_test
