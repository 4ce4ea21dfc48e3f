#pragma once

#include <torch/nn/modules/batchnorm.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include <deneb/nn/layers.h>
#include <deneb/nn/network.h>

namespace deneb::networks {

class InceptionModuleImpl;

/// A head in the middle of a network that helps its training. Float: what is not there in
/// evaluation has no quantizers.
class AuxiliaryHead : public torch::nn::Module {
 public:
  virtual torch::Tensor forward(torch::Tensor x) = 0;  ///< to logits [N, classes]
};

/// Convolution without bias or padding, batch norm and ReLU of an auxiliary head, as plain LibTorch
/// modules conv and bn: costs and recalibration look at layers that are deployed.
class AuxiliaryConvolution final : public torch::nn::Module {
 public:
  AuxiliaryConvolution(int in, int out, int kernel, double weight_deviation);
  torch::Tensor forward(const torch::Tensor& x);

 private:
  torch::nn::Conv2d conv_{nullptr};
  torch::nn::BatchNorm2d bn_{nullptr};
};

/// Normal values cut at twice their deviation.
void fill_truncated_normal(torch::Tensor weight, double deviation);

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
  PoolPlan pool;                ///< of the module's input, first of all
  std::vector<ConvPlan> chain;  ///< may be empty behind a pooling: not quantized then
  std::vector<ConvPlan> fork;   ///< convolutions side by side at the end
  std::string fork_name;        ///< in EdMIPS' order: of the module with the norm before them
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
  struct Auxiliary {
    std::string name;
    std::string behind;  ///< name of the module whose output it reads
    /// None: tensors of that name in a file are passed over.
    std::shared_ptr<AuxiliaryHead> head;
  };
  int in_channels = 3, image_size = 224, num_classes = 1000;
  /// See InceptionNetwork.
  bool edmips_order = false;
  /// Turns channels normalized by ImageNet's mean and deviation into such with 0.5 and 0.5.
  bool transform_input = false;
  double dropout = 0;  ///< before fc, in training
  /// Weights begin normally distributed with this deviation, cut at twice of it.
  double weight_deviation = 0.01;
  std::vector<Stem> stem;
  std::vector<Module> modules;
  std::vector<Auxiliary> auxiliary;
};

/// Inception network: convolution NAME.conv, batch norm NAME.bn (eps 1e-3), ReLU, with
/// torchvision's names; modules are followed by global average pooling and fc. In training
/// forward(const Batch&) has the answers of the auxiliary heads too. Its units are "stem", the
/// modules, and "head"; poolings belong to what lies before them.
///
/// In the order of EdMIPS (Cai and Vasconcelos 2020) norm and ReLU come before the convolution. The
/// first convolution stands alone; branches of a module that read its input share the norm bn,
/// those that pool it first and the convolutions behind have their own, NAME.bn; norm bn and ReLU
/// come before the global pooling.
class InceptionNetwork : public Network {
 public:
  explicit InceptionNetwork(InceptionPlan plan);
  ~InceptionNetwork() override;
  torch::Tensor forward(torch::Tensor x) override;
  Output forward(const Batch& batch) override;
  NamedTensors import_state(NamedTensors tensors) const override;
  std::vector<std::int64_t> input_shape() const override;
  std::int64_t num_classes() const override { return plan_.num_classes; }
  std::vector<Block> blocks() override;

 private:
  using Heads = std::map<std::string, torch::Tensor>;
  torch::Tensor run(torch::Tensor x, Heads* heads);
  torch::Tensor stem(torch::Tensor x);
  torch::Tensor module(std::size_t i, const torch::Tensor& x);
  torch::Tensor head(const torch::Tensor& x);

  InceptionPlan plan_;
  struct StemLayer {
    nn::BatchNorm2d bn{nullptr};  ///< in EdMIPS' order none before the first convolution
    nn::Conv2d conv{nullptr};
  };
  std::vector<StemLayer> stem_;
  std::vector<std::shared_ptr<InceptionModuleImpl>> modules_;
  nn::BatchNorm2d bn_{nullptr};  ///< in EdMIPS' order only
  nn::GlobalAvgPool2d pool_{nullptr};
  nn::Linear fc_{nullptr};
};

}  // namespace deneb::networks
