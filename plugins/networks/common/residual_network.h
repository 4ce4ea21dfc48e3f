#pragma once

#include <vector>

#include <deneb/nn/layers.h>
#include <deneb/nn/network.h>

/// What the residual network plugins share. Linked into each of them.
namespace deneb::networks {

class ResidualBlockImpl;

/// A residual network in numbers.
struct ResidualPlan {
  struct Stage {
    int channels;  ///< that its blocks return
    int blocks;
  };
  int in_channels = 3, image_size = 32, num_classes = 10;
  int stem_channels = 16;
  /// The stem of ImageNet's networks: 7x7 with stride 2, then max pooling 3x3 with stride 2.
  /// Otherwise one 3x3 convolution.
  bool large_stem = false;
  /// Every stage but the first halves the image.
  std::vector<Stage> stages;
  /// Blocks of 1x1, 3x3 and 1x1 convolution, the inner ones with a quarter of the channels.
  /// Otherwise blocks of two 3x3 convolutions.
  bool bottleneck = false;
  /// Where the shape changes: subsample and pad channels with zeros (He et al. 2016, option A).
  /// Otherwise a 1x1 convolution with batch norm.
  bool zero_padding = false;
  /// Shortcuts run before the last convolution of their block. Otherwise behind it.
  bool early_shortcut = false;
  /// Batch norm, ReLU, convolution, as in EdMIPS (Cai and Vasconcelos 2020): every block begins
  /// with a norm bn0 and has no ReLU behind its sum, projections read what bn0 and its ReLU give,
  /// other shortcuts the raw input; the stem pools before its norm and has no ReLU, the head begins
  /// with one. Not together with early_shortcut.
  bool edmips_order = false;
};

/// Residual network (He et al. 2016) with torchvision's names: conv1, bn1, layer1, ..., fc. Its
/// units are "stem", every residual block ("layer1.0"), and "head", the pooling and fc.
class ResidualNetwork : public Network {
 public:
  explicit ResidualNetwork(ResidualPlan plan);
  ~ResidualNetwork() override;
  torch::Tensor forward(torch::Tensor x) override;
  std::vector<std::int64_t> input_shape() const override;
  std::int64_t num_classes() const override { return plan_.num_classes; }
  std::vector<Block> blocks() override;

 protected:
  const ResidualPlan& plan() const { return plan_; }

 private:
  torch::Tensor stem(torch::Tensor x);
  torch::Tensor head(const torch::Tensor& x);

  ResidualPlan plan_;
  nn::Conv2d conv1_{nullptr};
  nn::BatchNorm2d bn1_{nullptr};
  struct NamedBlock {
    std::string name;
    std::shared_ptr<ResidualBlockImpl> block;
  };
  std::vector<NamedBlock> blocks_;
  nn::GlobalAvgPool2d pool_{nullptr};
  nn::Linear fc_{nullptr};
};

}  // namespace deneb::networks
