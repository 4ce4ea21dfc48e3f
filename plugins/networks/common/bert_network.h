#pragma once

#include <optional>
#include <string>

#include "token_network.h"

namespace deneb::networks {

/// BERT (Devlin et al. 2019) or RoBERTa (Liu et al. 2019) with a classifier, in numbers.
struct BertPlan : TokenPlan {
  /// RoBERTa: positions are counted from padding + 1 and padding has the position `padding`; the
  /// head is a layer and tanh and a layer, and has no pooler.
  bool roberta = false;
  std::int64_t segments = 2;  ///< kinds of `token_type`
  /// What BERT's classifier reads: the first token through a layer and tanh, the first token, or
  /// the mean over the tokens.
  enum class Pooler { kDense, kFirst, kMean };
  Pooler pooler = Pooler::kDense;
};

/// Sizes and settings of a config.json over those of `plan`.
void read_bert_config(const std::string& path, BertPlan& plan);

/// Tensors have the names of Hugging Face's BertForSequenceClassification and
/// RobertaForSequenceClassification.
class BertNetwork : public TokenNetwork {
 public:
  explicit BertNetwork(const BertPlan& plan);
  NamedTensors import_state(NamedTensors tensors) const override;

 protected:
  torch::Tensor embed(const torch::Tensor& input, const Batch& batch) override;
  torch::Tensor head(const torch::Tensor& x, const Batch& batch) override;

 private:
  torch::Tensor pooled(const torch::Tensor& x, const Batch& batch);

  BertPlan plan_;
  torch::nn::Embedding words_{nullptr}, positions_{nullptr}, segments_{nullptr};
  torch::nn::LayerNorm norm_{nullptr};
  nn::Linear dense_{nullptr}, classifier_{nullptr};
};

}  // namespace deneb::networks
