#pragma once

#include <torch/nn/modules/normalization.h>

#include <memory>
#include <string>
#include <vector>

#include <deneb/nn/layers.h>
#include <deneb/nn/network.h>

#include "module_tree.h"

/// What the transformer plugins share. Linked into each of them.
namespace deneb::networks {

/// GELU with the error function, GELU by a hyperbolic tangent (GPT-2), max(0, x), x sigmoid(x).
enum class Activation { kGelu, kGeluTanh, kRelu, kSilu };

/// A chain of transformer layers in numbers.
struct TransformerPlan {
  std::int64_t layers = 12, width = 768, heads = 12;
  std::int64_t inner = 3072;  ///< width between the two layers of the feed-forward part
  Activation activation = Activation::kGelu;
  double norm_eps = 1e-12;
  double dropout = 0;            ///< of what attention and feed-forward part add
  double attention_dropout = 0;  ///< of attention weights
  double deviation = 0.02;       ///< of initial weights
  /// Layer norms before attention and feed-forward part, and their sums go on as they are (GPT-2,
  /// ViT). Otherwise the norms follow the sums (BERT).
  bool norm_first = false;
  /// Tokens see themselves and those before them. Otherwise all that are not masked.
  bool causal = false;

  /// Dotted names: `layer` of the list of layers, the others below one of them.
  struct Names {
    std::string layer;
    std::string norm1, query, key, value, project, norm2, expand, contract;
  };
  Names names;
  /// What lies before and behind the layers, as reconstruction units.
  struct End {
    std::string name;
    std::vector<std::string> layers;  ///< quantizable, in forward order
  };
  End first, last{"head", {}};
};

/// Registers `module` under a dotted name below `parent`; returns it.
template <class Holder>
Holder place(torch::nn::Module& parent, const std::string& name, const Holder& module) {
  const std::size_t dot = name.rfind('.');
  if (dot == std::string::npos) return parent.register_module(name, module);
  return below(parent, name.substr(0, dot)).register_module(name.substr(dot + 1), module);
}

/// A linear layer that begins normally distributed with that deviation, its bias with zeros.
nn::Linear make_linear(std::int64_t in, std::int64_t out, double deviation, bool bias = true);

/// One layer: attention and feed-forward part, each with its norm and the sum with its input.
class TransformerLayerImpl final : public torch::nn::Module {
 public:
  explicit TransformerLayerImpl(const TransformerPlan& plan);
  /// `x` [N, T, width], which stays as it is. `mask` is added to the attention scores [N, heads, T,
  /// T]; undefined = nothing is masked.
  torch::Tensor forward(const torch::Tensor& x, const torch::Tensor& mask);

 private:
  torch::Tensor attend(const torch::Tensor& x, const torch::Tensor& mask);
  torch::Tensor feed_forward(const torch::Tensor& x);

  std::int64_t heads_;
  Activation activation_;
  double dropout_, attention_dropout_;
  bool norm_first_;
  torch::nn::LayerNorm norm1_{nullptr}, norm2_{nullptr};
  nn::Linear query_{nullptr}, key_{nullptr}, value_{nullptr}, project_{nullptr};
  nn::Linear expand_{nullptr}, contract_{nullptr};
};

/// Embeddings, transformer layers, head. Units of reconstruction are just these.
class TransformerNetwork : public Network {
 public:
  explicit TransformerNetwork(TransformerPlan plan);
  ~TransformerNetwork() override;
  using Network::forward;
  Output forward(const Batch& batch) override;
  std::vector<Block> blocks() override;

 protected:
  /// To be called once, when the embeddings are registered and the head is not.
  void add_layers();
  const TransformerPlan& plan() const { return plan_; }

  /// [N, T, width] of `input`, which stands for batch.input().
  virtual torch::Tensor embed(const torch::Tensor& input, const Batch& batch) = 0;
  virtual torch::Tensor head(const torch::Tensor& x, const Batch& batch) = 0;

 private:
  torch::Tensor mask(const torch::Tensor& x, const Batch& batch) const;

  TransformerPlan plan_;
  std::vector<std::shared_ptr<TransformerLayerImpl>> layers_;
};

}  // namespace deneb::networks
