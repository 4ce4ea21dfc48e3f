#pragma once

#include <memory>
#include <string>
#include <vector>

#include <deneb/nn/layers.h>
#include <deneb/nn/network.h>

namespace deneb::networks {

class InceptionModuleImpl;

/// A convolution without bias.
struct ConvPlan {
  std::string name;  ///< dotted, below the module that it lies in
  int channels = 0;  ///< of the output
  int height = 1, width = 1, stride = 1;
  bool padded = true;  ///< with zeros that keep the size of the image at stride 1
};

struct PoolPlan {
  enum class Kind { kNone, kMax, kAverage };
  Kind kind = Kind::kNone;
  int kernel = 3, stride = 2, padding = 0;
  bool round_up = false;  ///< the size of the output
};

/// A path through an Inception module.
struct BranchPlan {
  /// Of the module's raw input; then every convolution of the branch has a norm of its own before
  /// it. Without pooling the branch reads the norm that all such branches share.
  PoolPlan pool;
  std::vector<ConvPlan> chain;  ///< may be empty behind a pooling: not quantized then
  /// Convolutions side by side at the end, behind one norm that lies in the module `fork_name`.
  std::vector<ConvPlan> fork;
  std::string fork_name;
};

/// An Inception network in numbers.
struct InceptionPlan {
  struct Stem {
    ConvPlan conv;
    PoolPlan pool;  ///< behind it
  };
  struct Module {
    std::string name;
    std::vector<BranchPlan> branches;  ///< their outputs are joined in this order
    PoolPlan pool;                     ///< behind the module
  };
  int in_channels = 3, image_size = 224, num_classes = 1000;
  /// Weights begin normally distributed with this deviation, cut at twice of it.
  double weight_deviation = 0.01;
  std::vector<Stem> stem;
  std::vector<Module> modules;
};

/// Inception network without auxiliary heads in the order of EdMIPS (Cai and Vasconcelos 2020):
/// batch norm (eps 1e-3), ReLU, convolution. The first convolution stands alone; modules are
/// followed by norm, ReLU, global average pooling and fc. Below each of its modules a convolution
/// is NAME.conv and its own norm NAME.bn; the norm that branches share is bn. Its units are "stem",
/// the modules, and "head"; poolings belong to what lies before them.
class InceptionNetwork : public Network {
 public:
  explicit InceptionNetwork(InceptionPlan plan);
  ~InceptionNetwork() override;
  torch::Tensor forward(torch::Tensor x) override;
  std::vector<std::int64_t> input_shape() const override;
  std::int64_t num_classes() const override { return plan_.num_classes; }
  std::vector<Block> blocks() override;

 private:
  torch::Tensor stem(torch::Tensor x);
  torch::Tensor module(std::size_t i, const torch::Tensor& x);
  torch::Tensor head(const torch::Tensor& x);

  InceptionPlan plan_;
  struct StemLayer {
    nn::BatchNorm2d bn{nullptr};  ///< none before the first convolution
    nn::Conv2d conv{nullptr};
  };
  std::vector<StemLayer> stem_;
  std::vector<std::shared_ptr<InceptionModuleImpl>> modules_;
  nn::BatchNorm2d bn_{nullptr};
  nn::GlobalAvgPool2d pool_{nullptr};
  nn::Linear fc_{nullptr};
};

}  // namespace deneb::networks
