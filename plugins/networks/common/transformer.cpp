#include "transformer.h"

#include <deneb/nn/initialization.h>
#include <torch/utils.h>

#include <cmath>

namespace deneb::networks {
namespace {

using torch::Tensor;

// As good as minus infinity beside any score, also in bfloat16; but a row that is masked as a whole
// stays finite.
constexpr double kMasked = -1e30;

Tensor activated(Tensor x, Activation activation) {
  const bool over = !at::GradMode::is_enabled();  // the gradient needs the input
  switch (activation) {
    case Activation::kGelu:
      return over ? at::gelu_(x) : at::gelu(x);
    case Activation::kGeluTanh:
      return over ? at::gelu_(x, "tanh") : at::gelu(x, "tanh");
    case Activation::kRelu:
      return x.relu_();
    case Activation::kSilu:
      return over ? at::silu_(x) : at::silu(x);
  }
  return x;
}

/// Writes over `a` where that does not narrow the sum.
Tensor sum(Tensor a, const Tensor& b) {
  return a.scalar_type() == b.scalar_type() ? a.add_(b) : a + b;
}

torch::nn::LayerNorm make_norm(const TransformerPlan& plan) {
  return torch::nn::LayerNorm(torch::nn::LayerNormOptions({plan.width}).eps(plan.norm_eps));
}

}  // namespace

nn::Linear make_linear(std::int64_t in, std::int64_t out, double deviation, bool bias) {
  const bool fill = !nn::SkipInitialization::is_active();
  const nn::SkipInitialization skip;  // one filling is enough
  nn::Linear layer(torch::nn::LinearOptions(in, out).bias(bias));
  if (fill) {
    torch::NoGradGuard no_grad;
    layer->weight.normal_(0, deviation);
    if (bias) layer->bias.zero_();
  }
  return layer;
}

TransformerLayerImpl::TransformerLayerImpl(const TransformerPlan& plan)
    : heads_(plan.heads),
      activation_(plan.activation),
      dropout_(plan.dropout),
      attention_dropout_(plan.attention_dropout),
      norm_first_(plan.norm_first) {
  const TransformerPlan::Names& names = plan.names;
  const std::int64_t d = plan.width;
  // In the order in which they run.
  if (norm_first_) norm1_ = place(*this, names.norm1, make_norm(plan));
  query_ = place(*this, names.query, make_linear(d, d, plan.deviation));
  key_ = place(*this, names.key, make_linear(d, d, plan.deviation));
  value_ = place(*this, names.value, make_linear(d, d, plan.deviation));
  // GPT-2: what the layers add to the sums shall not grow with their number.
  const double added =
      plan.causal ? plan.deviation / std::sqrt(2.0 * double(plan.layers)) : plan.deviation;
  project_ = place(*this, names.project, make_linear(d, d, added));
  if (!norm_first_) norm1_ = place(*this, names.norm1, make_norm(plan));
  if (norm_first_) norm2_ = place(*this, names.norm2, make_norm(plan));
  expand_ = place(*this, names.expand, make_linear(d, plan.inner, plan.deviation));
  contract_ = place(*this, names.contract, make_linear(plan.inner, d, added));
  if (!norm_first_) norm2_ = place(*this, names.norm2, make_norm(plan));
}

Tensor TransformerLayerImpl::forward(const Tensor& x, const Tensor& mask) {
  if (norm_first_) {
    const Tensor y = sum(attend(norm1_(x), mask), x);
    return sum(feed_forward(norm2_(y)), y);
  }
  const Tensor y = norm1_(sum(attend(x, mask), x));
  return norm2_(sum(feed_forward(y), y));
}

Tensor TransformerLayerImpl::attend(const Tensor& x, const Tensor& mask) {
  const std::int64_t n = x.size(0), t = x.size(1), d = x.size(2), size = d / heads_;
  // One matrix of [T, size] for each sample and head.
  const auto by_heads = [&](const Tensor& y) {
    return y.view({n, t, heads_, size}).transpose(1, 2).reshape({n * heads_, t, size});
  };
  const Tensor q = by_heads(query_(x).mul_(1 / std::sqrt(double(size))));
  const Tensor k = by_heads(key_(x)), v = by_heads(value_(x));
  Tensor scores = at::bmm(q, k.transpose(1, 2));
  if (mask.defined()) scores.view({n, heads_, t, t}).add_(mask);
  const Tensor weights = torch::dropout(scores.softmax(-1), attention_dropout_, is_training());
  scores.reset();
  Tensor context =
      at::bmm(weights, v).view({n, heads_, t, size}).transpose(1, 2).reshape({n, t, d});
  return torch::dropout(project_(std::move(context)), dropout_, is_training());
}

Tensor TransformerLayerImpl::feed_forward(const Tensor& x) {
  Tensor y = contract_(activated(expand_(x), activation_));
  return torch::dropout(y, dropout_, is_training());
}

TransformerNetwork::TransformerNetwork(TransformerPlan plan) : plan_(std::move(plan)) {}
TransformerNetwork::~TransformerNetwork() = default;

void TransformerNetwork::add_layers() {
  for (std::int64_t i = 0; i < plan_.layers; ++i) {
    layers_.push_back(std::make_shared<TransformerLayerImpl>(plan_));
    place(*this, plan_.names.layer + "." + std::to_string(i), layers_.back());
  }
}

Tensor TransformerNetwork::mask(const Tensor& x, const Batch& batch) const {
  if (plan_.causal) {
    // Padding lies behind the tokens, where they do not look.
    const std::int64_t t = x.size(1);
    return t == 1 ? Tensor() : at::full({t, t}, kMasked, x.options()).triu_(1);
  }
  const auto found = batch.tensors.find("attention_mask");
  if (found == batch.tensors.end()) return {};
  const Tensor padding = found->second.eq(0);
  // Elsewhere the question would make the device wait.
  if (padding.device().is_cpu() && !padding.any().item<bool>()) return {};
  return padding.to(x.scalar_type()).mul_(kMasked).unsqueeze(1).unsqueeze(1);
}

Output TransformerNetwork::forward(const Batch& batch) {
  Tensor x = embed(batch.input(), batch);
  const Tensor mask = this->mask(x, batch);
  for (const auto& layer : layers_) x = layer->forward(x, mask);
  return {head(x, batch), {}};
}

std::vector<Block> TransformerNetwork::blocks() {
  std::vector<Block> units;
  units.push_back({plan_.first.name, plan_.first.layers,
                   [this](const Tensor& x, const Batch& batch) { return embed(x, batch); }});
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    const std::string name = plan_.names.layer + "." + std::to_string(i);
    std::vector<std::string> layers;
    for (const std::string* part :
         {&plan_.names.query, &plan_.names.key, &plan_.names.value, &plan_.names.project,
          &plan_.names.expand, &plan_.names.contract}) {
      layers.push_back(name + "." + *part);
    }
    TransformerLayerImpl* layer = layers_[i].get();
    units.push_back({name, layers, [this, layer](const Tensor& x, const Batch& batch) {
                       return layer->forward(x, mask(x, batch));
                     }});
  }
  units.push_back({plan_.last.name, plan_.last.layers,
                   [this](const Tensor& x, const Batch& batch) { return head(x, batch); }});
  return units;
}

}  // namespace deneb::networks
