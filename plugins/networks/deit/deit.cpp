#include <deneb/nn/initialization.h>
#include <deneb/plugin/plugin.h>
#include <torch/utils.h>

#include <array>
#include <map>
#include <sstream>

#include "../common/foreign_names.h"
#include "../common/transformer.h"

namespace {

using deneb::Batch;
using deneb::networks::entry_of;
using deneb::networks::place;
using deneb::networks::starts_with;
using deneb::networks::TransformerPlan;
using torch::Tensor;

constexpr const char* kEmbeddings = "vit.embeddings";
constexpr const char* kPatches = "vit.embeddings.patch_embeddings.projection";

struct DeiTOptions {
  std::string variant = "base";
  int num_classes = 1000;
  int in_channels = 3;
  int image_size = 224;
  int patch_size = 16;
  double norm_eps = 1e-6;
  double dropout = 0;

  template <class V>
  void visit(V& v) {
    v("variant", variant, "size: width and heads 192, 3 (tiny); 384, 6 (small); 768, 12 (base)",
      {"tiny", "small", "base"});
    v("num_classes", num_classes, "outputs", {2, 100000});
    v("in_channels", in_channels, "channels of the image", {1, 1024});
    v("image_size", image_size, "height and width of the image, a multiple of patch_size",
      {1, 4096});
    v("patch_size", patch_size, "height and width of a patch", {1, 4096});
    v("norm_eps", norm_eps, "of layer norms; 1e-6 as published, Hugging Face's files say 1e-12",
      {0, 1});
    v("dropout", dropout, "share of values that training drops", {0, 0.99});
  }
  void check(deneb::OptionErrors& errors) const {
    if (image_size % patch_size != 0) {
      errors.add("image_size", std::to_string(image_size) + " is no multiple of patch_size " +
                                   std::to_string(patch_size));
    }
  }
};

TransformerPlan plan_of(const DeiTOptions& o) {
  static const std::map<std::string, std::array<int, 2>> sizes = {
      {"tiny", {192, 3}}, {"small", {384, 6}}, {"base", {768, 12}}};
  const auto& [width, heads] = sizes.at(o.variant);
  TransformerPlan plan;
  plan.width = width;
  plan.heads = heads;
  plan.inner = 4 * width;
  plan.norm_eps = o.norm_eps;
  plan.dropout = o.dropout;
  plan.norm_first = true;
  plan.names = {"vit.encoder.layer",       "layernorm_before",          "attention.attention.query",
                "attention.attention.key", "attention.attention.value", "attention.output.dense",
                "layernorm_after",         "intermediate.dense",        "output.dense"};
  plan.first = {kEmbeddings, {kPatches}};
  plan.last.layers = {"classifier"};
  return plan;
}

/// Names are those of Hugging Face's ViTForImageClassification.
class DeiT final : public deneb::networks::TransformerNetwork {
 public:
  using Options = DeiTOptions;
  explicit DeiT(const Options& o) : TransformerNetwork(plan_of(o)), options_(o) {
    const std::int64_t width = plan().width, patches = o.image_size / o.patch_size;
    const double deviation = plan().deviation;
    const auto filled = [&](const std::vector<std::int64_t>& shape) {
      return torch::empty(shape).normal_(0, deviation);
    };
    auto& embeddings = deneb::networks::below(*this, kEmbeddings);
    class_token_ = embeddings.register_parameter("cls_token", filled({1, 1, width}));
    positions_ = embeddings.register_parameter("position_embeddings",
                                               filled({1, patches * patches + 1, width}));
    const bool fill = !deneb::nn::SkipInitialization::is_active();
    projection_ = place(
        *this, kPatches,
        deneb::nn::Conv2d(
            torch::nn::Conv2dOptions(o.in_channels, width, o.patch_size).stride(o.patch_size)));
    if (fill) {
      torch::NoGradGuard no_grad;
      projection_->weight.normal_(0, deviation);
      projection_->bias.zero_();
    }
    add_layers();
    norm_ = place(*this, "vit.layernorm",
                  torch::nn::LayerNorm(torch::nn::LayerNormOptions({width}).eps(o.norm_eps)));
    classifier_ = register_module("classifier",
                                  deneb::networks::make_linear(width, o.num_classes, deviation));
  }

  using TransformerNetwork::forward;
  Tensor forward(Tensor input) override {
    Batch batch;
    batch["input"] = std::move(input);
    return forward(batch).logits;
  }
  std::vector<std::int64_t> input_shape() const override {
    return {options_.in_channels, options_.image_size, options_.image_size};
  }
  std::int64_t num_classes() const override { return options_.num_classes; }

  NamedTensors import_state(NamedTensors tensors) const override {
    NamedTensors own;
    for (auto& [name, tensor] : tensors) {
      if (!take_timm(name, tensor, own)) {
        own.emplace_back(
            deneb::networks::rooted(name, "vit", {"embeddings.", "encoder.", "layernorm."}),
            tensor);
      }
    }
    return own;
  }

 protected:
  Tensor embed(const Tensor& input, const Batch&) override {
    const Tensor patches = projection_(input).flatten(2).transpose(1, 2);
    const Tensor first = class_token_.expand({input.size(0), -1, -1});
    const Tensor x = torch::cat({first, patches}, 1) + positions_;
    return torch::dropout(x, plan().dropout, is_training());
  }

  Tensor head(const Tensor& x, const Batch&) override { return classifier_(norm_(x.select(1, 0))); }

 private:
  /// Names of timm's VisionTransformer.
  bool take_timm(const std::string& name, const Tensor& tensor, NamedTensors& own) const {
    static const std::vector<std::pair<std::string, std::string>> outside = {
        {"cls_token", "vit.embeddings.cls_token"},
        {"pos_embed", "vit.embeddings.position_embeddings"},
        {"patch_embed.proj.", std::string(kPatches) + "."},
        {"norm.", "vit.layernorm."},
        {"head.", "classifier."}};
    static const std::vector<std::pair<std::string, std::string>> inside = {
        {"norm1.", "layernorm_before."},
        {"attn.proj.", "attention.output.dense."},
        {"norm2.", "layernorm_after."},
        {"mlp.fc1.", "intermediate.dense."},
        {"mlp.fc2.", "output.dense."}};
    const auto entry = entry_of(name, "blocks");
    if (!entry) return take(name, "", outside, tensor, own);
    const std::string at = plan().names.layer + "." + entry->number + ".";
    if (!starts_with(entry->rest, "attn.qkv.")) {
      return take(entry->rest, at, inside, tensor, own);
    }
    if (tensor.dim() == 0 || tensor.size(0) != 3 * plan().width) {
      std::ostringstream shape;
      shape << tensor.sizes();
      throw deneb::DataError("tensor '" + name + "' has shape " + shape.str() +
                             ", the network needs 3 times " + std::to_string(plan().width) +
                             " rows; the weights belong to another network or other options");
    }
    const std::vector<Tensor> parts = tensor.chunk(3, 0);
    const std::string kind = entry->rest.substr(std::string("attn.qkv").size());
    for (std::size_t i = 0; i < 3; ++i) {
      const std::array<const char*, 3> names = {"query", "key", "value"};
      own.emplace_back(at + "attention.attention." + names[i] + kind, parts[i]);
    }
    return true;
  }

  /// Under the name at + table[beginning of name] + rest, where the table knows the beginning.
  static bool take(const std::string& name, const std::string& at,
                   const std::vector<std::pair<std::string, std::string>>& table,
                   const Tensor& tensor, NamedTensors& own) {
    for (const auto& [theirs, ours] : table) {
      if (!starts_with(name, theirs)) continue;
      own.emplace_back(at + ours + name.substr(theirs.size()), tensor);
      return true;
    }
    return false;
  }

  Options options_;
  Tensor class_token_, positions_;
  deneb::nn::Conv2d projection_{nullptr};
  torch::nn::LayerNorm norm_{nullptr};
  deneb::nn::Linear classifier_{nullptr};
};

void register_all(deneb::Registrar& r) {
  r.add<deneb::Network, DeiT>("DeiT",
                              "vision transformer (Touvron et al. 2021) with Hugging Face's names");
}

}  // namespace

DENEB_PLUGIN("deit", "0.1.0", "DeiT-tiny/small/base for ImageNet", register_all);
