#pragma once

#include <torch/nn/modules/embedding.h>

#include <string>

#include "transformer.h"

namespace deneb::networks {

/// A transformer that reads token ids, in numbers.
struct TokenPlan : TransformerPlan {
  std::int64_t vocabulary = 30522;
  std::int64_t positions = 512;
  std::int64_t longest = 512;  ///< tokens of a sample that the positions reach for
  std::int64_t padding = -1;   ///< token id whose embedding is not trained; -1 = none
  int max_length = 128;        ///< tokens that input_shape() speaks of
  int num_classes = 2;
};

/// What transformers that read token ids share: their inputs. Batches as nn/batch.h says; samples
/// may have up to `longest` tokens. DataError for batches that do not fit.
class TokenNetwork : public TransformerNetwork {
 public:
  /// ConfigError when max_length is more than `longest`.
  explicit TokenNetwork(const TokenPlan& plan);
  std::vector<std::int64_t> input_shape() const override { return {plan_.max_length}; }
  std::int64_t num_classes() const override { return plan_.num_classes; }
  /// One sample of max_length tokens from all over the vocabulary.
  Batch example_batch() const override;

 protected:
  const TokenPlan& token_plan() const { return plan_; }
  /// An embedding under a dotted name. `padding`: the row of it, or -1.
  torch::nn::Embedding add_embedding(const std::string& name, std::int64_t rows,
                                     std::int64_t padding = -1);
  /// DataError unless `input` is token ids of the vocabulary and the rest of the batch fits it.
  void check_tokens(const torch::Tensor& input, const Batch& batch);
  /// Ids of a table of `rows`. Called in the order of the batch's tensors.
  void check_ids(const torch::Tensor& ids, std::int64_t rows, const std::string& what) const;

 private:
  TokenPlan plan_;
  bool checked_ = false;  ///< a batch on a device other than the CPU
};

}  // namespace deneb::networks
