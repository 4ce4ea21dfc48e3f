#pragma once

#include <memory>
#include <string>
#include <vector>

#include <deneb/nn/layers.h>
#include <deneb/nn/network.h>

#include "module_names.h"

/// What the plugins MobileNetV2 and EfficientNet share. Linked into both.
namespace deneb::networks {

class InvertedResidualImpl;

/// A network of inverted residuals in numbers.
struct InvertedResidualPlan {
  /// 1x1 convolution to more channels (none where `expanded` is that of the input), depthwise
  /// convolution, gate, 1x1 convolution to `channels` without activation. The input is added where
  /// the shape stays.
  struct Stage {
    int expanded = 0;  ///< channels between; 0 = as many as the input has
    int channels = 0;  ///< of the output
    int kernel = 3, stride = 1;
    int squeezed = 0;        ///< channels within the squeeze-excite gate; 0 = no gate
    double drop_chance = 0;  ///< in training, to leave out the block for a sample
    std::string name;        ///< of the unit
    std::string at;          ///< where its modules 0, 1, ... lie: "features.1.conv"
  };
  enum class Activation { kRelu6, kSilu };

  int in_channels = 3, image_size = 224, num_classes = 1000;
  int stem_channels = 32;
  std::vector<Stage> blocks;
  int last_channels = 1280;
  std::string last_name;  ///< of the 1x1 convolution behind the blocks
  Activation activation = Activation::kRelu6;
  /// A block's last convolution and its norm are the modules 0 and 1 below one of their own
  /// ("3.0", "3.1"). Otherwise they follow the others ("2", "3").
  bool nested_projection = false;
  double dropout = 0;  ///< before the classifier, in training
  /// The classifier's weights begin uniformly within 1 / sqrt(classes). Otherwise normal, 0.01.
  bool uniform_classifier = false;
  /// Convolutions of stride 2 pad as TensorFlow's "SAME" does: what has to be added is divided
  /// evenly, an odd row or column comes behind. Otherwise kernel / 2 on every side.
  bool tensorflow_padding = false;
  nn::BatchNorm2dOptions norm;
};

/// A 3x3 convolution with stride 2 (features.0), blocks, a 1x1 convolution, global average pooling
/// and a linear layer (classifier.1). Its units are "stem", the blocks, the last convolution and
/// "head".
class InvertedResidualNetwork : public Network {
 public:
  explicit InvertedResidualNetwork(InvertedResidualPlan plan);
  ~InvertedResidualNetwork() override;
  torch::Tensor forward(torch::Tensor x) override;
  std::vector<std::int64_t> input_shape() const override;
  std::int64_t num_classes() const override { return plan_.num_classes; }
  std::vector<Block> blocks() override;

 protected:
  const InvertedResidualPlan& plan() const { return plan_; }

 private:
  torch::Tensor stem(torch::Tensor x);
  torch::Tensor last(torch::Tensor x);
  torch::Tensor head(const torch::Tensor& x);

  InvertedResidualPlan plan_;
  nn::Conv2d stem_{nullptr}, last_{nullptr};
  nn::BatchNorm2d stem_bn_{nullptr}, last_bn_{nullptr};
  std::vector<std::shared_ptr<InvertedResidualImpl>> blocks_;
  nn::GlobalAvgPool2d pool_{nullptr};
  nn::Linear classifier_{nullptr};
};

/// The nearest multiple of 8 to `channels`, at least 8 and not below 90 % of it, as MobileNets
/// round.
int rounded_channels(double channels);

}  // namespace deneb::networks
