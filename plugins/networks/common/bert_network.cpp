#include "bert_network.h"

#include <torch/utils.h>

#include "foreign_names.h"
#include "model_config.h"

namespace deneb::networks {
namespace {

using torch::Tensor;
using Pooler = BertPlan::Pooler;

std::string root_of(const BertPlan& plan) { return plan.roberta ? "roberta" : "bert"; }

BertPlan completed(BertPlan plan) {
  const std::string root = root_of(plan);
  plan.names = {root + ".encoder.layer", "attention.output.LayerNorm", "attention.self.query",
                "attention.self.key",    "attention.self.value",       "attention.output.dense",
                "output.LayerNorm",      "intermediate.dense",         "output.dense"};
  plan.first = {root + ".embeddings", {}};
  plan.longest = plan.roberta ? plan.positions - plan.padding - 1 : plan.positions;
  if (plan.roberta) {
    plan.last.layers = {"classifier.dense", "classifier.out_proj"};
  } else if (plan.pooler == Pooler::kDense) {
    plan.last.layers = {"bert.pooler.dense", "classifier"};
  } else {
    plan.last.layers = {"classifier"};
  }
  return plan;
}

}  // namespace

void read_bert_config(const std::string& path, BertPlan& plan) {
  const ModelConfig config(path, root_of(plan));
  config.demand("position_embedding_type", "absolute");
  config.demand("is_decoder", false);
  config.demand("add_cross_attention", false);
  plan.vocabulary = config.integer("vocab_size", plan.roberta ? 50265 : 30522, 1, 100'000'000);
  plan.width = config.integer("hidden_size", 768, 1, 65536);
  plan.layers = config.integer("num_hidden_layers", 12, 1, 1000);
  plan.heads = config.divisor("num_attention_heads", 12, "hidden_size", plan.width);
  plan.inner = config.integer("intermediate_size", 3072, 1, 1'000'000);
  plan.activation = config.activation("hidden_act", "gelu");
  plan.dropout = config.number("hidden_dropout_prob", 0.1, 0, 1);
  plan.attention_dropout = config.number("attention_probs_dropout_prob", 0.1, 0, 1);
  plan.positions = config.integer("max_position_embeddings", 512, 1, 1'000'000);
  plan.segments = config.integer("type_vocab_size", 2, 1, 1000);
  plan.norm_eps = config.number("layer_norm_eps", 1e-12, 0, 1);
  plan.deviation = config.number("initializer_range", 0.02, 0, 1);
  plan.padding = config.integer("pad_token_id", plan.roberta ? 1 : 0, 0, plan.vocabulary - 1);
}

BertNetwork::BertNetwork(const BertPlan& plan)
    : TokenNetwork(completed(plan)), plan_(completed(plan)) {
  const std::string at = root_of(plan_) + ".embeddings.";
  words_ = add_embedding(at + "word_embeddings", plan_.vocabulary, plan_.padding);
  positions_ = add_embedding(at + "position_embeddings", plan_.positions,
                             plan_.roberta ? plan_.padding : -1);
  segments_ = add_embedding(at + "token_type_embeddings", plan_.segments);
  norm_ =
      place(*this, at + "LayerNorm",
            torch::nn::LayerNorm(torch::nn::LayerNormOptions({plan_.width}).eps(plan_.norm_eps)));
  add_layers();
  const auto linear = [&](std::int64_t out) {
    return make_linear(plan_.width, out, plan_.deviation);
  };
  if (plan_.roberta) {
    dense_ = place(*this, "classifier.dense", linear(plan_.width));
    classifier_ = place(*this, "classifier.out_proj", linear(plan_.num_classes));
    return;
  }
  if (plan_.pooler == Pooler::kDense) {
    dense_ = place(*this, "bert.pooler.dense", linear(plan_.width));
  }
  classifier_ = place(*this, "classifier", linear(plan_.num_classes));
}

Tensor BertNetwork::embed(const Tensor& input, const Batch& batch) {
  check_tokens(input, batch);
  Tensor x = words_(input);
  if (plan_.roberta) {
    const Tensor tokens = input.ne(plan_.padding).to(torch::kInt64);
    x = x + positions_(tokens.cumsum(1) * tokens + plan_.padding);
  } else {
    x = x + positions_->weight.slice(0, 0, input.size(1));
  }
  const auto types = batch.tensors.find("token_type");
  if (types == batch.tensors.end() || plan_.segments == 1) {
    x.add_(segments_->weight[0]);
  } else {
    if (input.device().is_cpu()) check_ids(types->second, plan_.segments, "token type");
    x.add_(segments_(types->second));
  }
  return torch::dropout(norm_(x), plan_.dropout, is_training());
}

Tensor BertNetwork::pooled(const Tensor& x, const Batch& batch) {
  const auto mask = batch.tensors.find("attention_mask");
  if (plan_.pooler != Pooler::kMean || plan_.roberta) return x.select(1, 0);
  if (mask == batch.tensors.end()) return x.mean(1);
  const Tensor counted = mask->second.to(x.scalar_type()).unsqueeze(-1);
  return (x * counted).sum(1) / counted.sum(1).clamp_min(1);
}

Tensor BertNetwork::head(const Tensor& x, const Batch& batch) {
  Tensor y = pooled(x, batch);
  if (plan_.roberta) y = torch::dropout(y, plan_.dropout, is_training());
  if (dense_) y = dense_(y).tanh_();
  return classifier_(torch::dropout(y, plan_.dropout, is_training()));
}

Network::NamedTensors BertNetwork::import_state(NamedTensors tensors) const {
  NamedTensors own;
  const std::string root = root_of(plan_);
  for (auto& [name, tensor] : tensors) {
    name = rooted(name, root, {"embeddings.", "encoder.", "pooler."});
    if (ends_with(name, "LayerNorm.gamma")) name.replace(name.size() - 5, 5, "weight");
    if (ends_with(name, "LayerNorm.beta")) name.replace(name.size() - 4, 4, "bias");
    if (name == root + ".embeddings.position_ids") continue;  // 0, 1, 2, ...
    const bool has_pooler = !plan_.roberta && plan_.pooler == Pooler::kDense;
    if (!has_pooler && starts_with(name, root + ".pooler.")) continue;
    own.emplace_back(std::move(name), std::move(tensor));
  }
  return own;
}

}  // namespace deneb::networks
