#include <deneb/plugin/plugin.h>
#include <torch/utils.h>

#include <array>
#include <map>
#include <optional>
#include <sstream>

#include "../common/foreign_names.h"
#include "../common/model_config.h"
#include "../common/token_network.h"

namespace {

using deneb::Batch;
using deneb::networks::ends_with;
using deneb::networks::entry_of;
using deneb::networks::TokenPlan;
using torch::Tensor;

constexpr const char* kLayers = "transformer.h";
constexpr int kClasses = 2;

struct Gpt2Options {
  std::string variant = "small";
  std::string config;
  std::string head = "classification";
  std::optional<int> num_classes;
  int max_length = 128;
  std::optional<double> dropout;

  bool is_language_model() const { return head == "language_model"; }

  template <class V>
  void visit(V& v) {
    v("variant", variant,
      "size: layers, width and heads 12, 768, 12 (small); 24, 1024, 16 (medium); 36, 1280, 20 "
      "(large)",
      {"small", "medium", "large"});
    v.file("config", config, "",
           "config.json of a model, or the folder that holds it, instead of a variant; \"\" = none",
           /*must_exist=*/true);
    v("head", head,
      "classification: of the last token of a sample; language_model: the next token, for every "
      "token",
      {"classification", "language_model"});
    v("num_classes", num_classes, "outputs of the classifier (default 2)", {2, 100000});
    v("max_length", max_length,
      "tokens of a sample, for costs; the dataset's max_length. Shorter batches are taken too",
      {1, 1e6});
    v("dropout", dropout,
      "share of values and attention weights that training drops (default: what config says, 0.1)",
      {0, 0.99});
  }
  void check(deneb::OptionErrors& errors) const {
    if (is_language_model() && num_classes) {
      errors.add("num_classes", "a language model has the vocabulary for outputs; leave it out");
    }
  }
};

struct Gpt2Plan : TokenPlan {
  double embedding_dropout = 0.1;
};

Gpt2Plan plan_of(const Gpt2Options& o) {
  static const std::map<std::string, std::array<int, 3>> sizes = {
      {"small", {12, 768, 12}}, {"medium", {24, 1024, 16}}, {"large", {36, 1280, 20}}};
  Gpt2Plan plan;
  plan.vocabulary = 50257;
  plan.positions = 1024;
  plan.activation = deneb::networks::Activation::kGeluTanh;
  plan.norm_eps = 1e-5;
  plan.dropout = plan.attention_dropout = 0.1;
  plan.norm_first = plan.causal = true;
  if (o.config.empty()) {
    const auto& [layers, width, heads] = sizes.at(o.variant);
    plan.layers = layers;
    plan.width = width;
    plan.heads = heads;
    plan.inner = 4 * width;
  } else {
    const deneb::networks::ModelConfig config(o.config, "gpt2");
    config.demand("scale_attn_weights", true);
    config.demand("scale_attn_by_inverse_layer_idx", false);
    config.demand("add_cross_attention", false);
    if (o.is_language_model()) config.demand("tie_word_embeddings", true);
    plan.vocabulary = config.integer("vocab_size", plan.vocabulary, 1, 100'000'000);
    plan.positions = config.integer("n_positions", plan.positions, 1, 1'000'000);
    plan.width = config.integer("n_embd", plan.width, 1, 65536);
    plan.layers = config.integer("n_layer", plan.layers, 1, 1000);
    plan.heads = config.divisor("n_head", plan.heads, "n_embd", plan.width);
    plan.inner = config.integer("n_inner", 4 * plan.width, 1, 1'000'000);
    plan.activation = config.activation("activation_function", "gelu_new");
    plan.dropout = config.number("resid_pdrop", 0.1, 0, 1);
    plan.attention_dropout = config.number("attn_pdrop", 0.1, 0, 1);
    plan.embedding_dropout = config.number("embd_pdrop", 0.1, 0, 1);
    plan.norm_eps = config.number("layer_norm_epsilon", plan.norm_eps, 0, 1);
    plan.deviation = config.number("initializer_range", plan.deviation, 0, 1);
  }
  if (o.dropout) plan.dropout = plan.attention_dropout = plan.embedding_dropout = *o.dropout;
  plan.longest = plan.positions;
  plan.max_length = o.max_length;
  plan.num_classes =
      o.is_language_model() ? int(plan.vocabulary) : o.num_classes.value_or(kClasses);
  plan.names = {kLayers,       "ln_1", "attn.query", "attn.key",  "attn.value",
                "attn.c_proj", "ln_2", "mlp.c_fc",   "mlp.c_proj"};
  plan.first.name = "transformer.embeddings";
  if (!o.is_language_model()) plan.last.layers = {"score"};
  return plan;
}

std::string shape_text(const Tensor& tensor) {
  std::ostringstream text;
  text << tensor.sizes();
  return text.str();
}

/// Names are those of Hugging Face's GPT2ForSequenceClassification and GPT2LMHeadModel, but for
/// query, key and value, which they keep in one tensor c_attn.
class Gpt2 final : public deneb::networks::TokenNetwork {
 public:
  using Options = Gpt2Options;
  explicit Gpt2(const Options& o) : Gpt2(o, plan_of(o)) {}

  NamedTensors import_state(NamedTensors tensors) const override {
    NamedTensors own;
    // Their layers hold [in, out]; c_attn, which we do not have, tells their files from ours.
    const bool turned = std::any_of(tensors.begin(), tensors.end(), [](const auto& entry) {
      return ends_with(entry.first, ".attn.c_attn.weight");
    });
    for (const auto& [raw, tensor] : tensors) {
      const std::string name =
          deneb::networks::rooted(raw, "transformer", {"wte.", "wpe.", "h.", "ln_f."});
      const auto entry = entry_of(name, kLayers);
      const std::string part = entry ? entry->rest : "";
      // The causal mask and the value for what it hides.
      if (part == "attn.bias" || part == "attn.masked_bias") continue;
      if (name == "lm_head.weight" && language_model_ && is_tied(tensor, tensors)) continue;
      if (part == "attn.c_attn.weight" || part == "attn.c_attn.bias") {
        split(*entry, tensor, own);
        continue;
      }
      const bool matrix = ends_with(part, ".c_proj.weight") || ends_with(part, ".c_fc.weight");
      if (turned && matrix) check_dimensions(name, tensor, 2);
      own.emplace_back(name, turned && matrix ? tensor.t() : tensor);
    }
    return own;
  }

 protected:
  Tensor embed(const Tensor& input, const Batch& batch) override {
    check_tokens(input, batch);
    const Tensor x = words_(input) + positions_->weight.slice(0, 0, input.size(1));
    return torch::dropout(x, embedding_dropout_, is_training());
  }

  Tensor head(const Tensor& x, const Batch& batch) override {
    if (language_model_) {
      const Tensor& rows = words_->weight;
      if (rows.stride(0) != 0) return at::linear(norm_(x), rows);
      // Of a network without values one row stands for all of them.
      return at::linear(norm_(x), rows.slice(0, 0, 1)).expand({-1, -1, rows.size(0)});
    }
    const auto mask = batch.tensors.find("attention_mask");
    Tensor last;
    if (mask == batch.tensors.end()) {
      last = x.select(1, x.size(1) - 1);
    } else {
      // An empty sample has its first token, which is padding.
      const Tensor at = (mask->second.ne(0).sum(1) - 1).clamp_min_(0);
      last = x.gather(1, at.view({-1, 1, 1}).expand({-1, 1, x.size(2)})).squeeze(1);
    }
    return score_(norm_(last));
  }

 private:
  Gpt2(const Options& o, const Gpt2Plan& plan)
      : TokenNetwork(plan),
        language_model_(o.is_language_model()),
        embedding_dropout_(plan.embedding_dropout) {
    words_ = add_embedding("transformer.wte", plan.vocabulary);
    positions_ = add_embedding("transformer.wpe", plan.positions);
    add_layers();
    norm_ = deneb::networks::place(
        *this, "transformer.ln_f",
        torch::nn::LayerNorm(torch::nn::LayerNormOptions({plan.width}).eps(plan.norm_eps)));
    if (language_model_) return;
    score_ = register_module("score", deneb::networks::make_linear(plan.width, plan.num_classes,
                                                                   plan.deviation, /*bias=*/false));
  }

  static void check_dimensions(const std::string& name, const Tensor& tensor, std::int64_t dims) {
    if (tensor.dim() == dims) return;
    throw deneb::DataError("tensor '" + name + "' has shape " + shape_text(tensor) + ", expected " +
                           std::to_string(dims) +
                           " dimensions; the weights belong to another network");
  }

  /// c_attn [width, 3 width] or [3 width]: query, key and value side by side.
  void split(const deneb::networks::ListEntry& entry, const Tensor& tensor,
             NamedTensors& own) const {
    const bool weight = ends_with(entry.rest, "weight");
    const std::string at = std::string(kLayers) + "." + entry.number + ".attn.";
    check_dimensions(at + "c_attn", tensor, weight ? 2 : 1);
    if (tensor.size(-1) != 3 * plan().width) {
      throw deneb::DataError("tensor '" + at + "c_attn' has shape " + shape_text(tensor) +
                             ", the network needs 3 times " + std::to_string(plan().width) +
                             " outputs; the weights belong to another network or other options");
    }
    const std::vector<Tensor> parts = (weight ? tensor.t() : tensor).chunk(3, 0);
    const std::array<const char*, 3> names = {"query", "key", "value"};
    for (std::size_t i = 0; i < 3; ++i) {
      own.emplace_back(at + names[i] + (weight ? ".weight" : ".bias"), parts[i]);
    }
  }

  /// The output matrix of a language model is its embedding, which some files hold twice.
  static bool is_tied(const Tensor& head, const NamedTensors& tensors) {
    for (const auto& [name, tensor] : tensors) {
      if (name != "wte.weight" && name != "transformer.wte.weight") continue;
      return head.sizes() == tensor.sizes() && (head.is_meta() || at::equal(head, tensor));
    }
    return false;
  }

  bool language_model_;
  double embedding_dropout_;
  torch::nn::Embedding words_{nullptr}, positions_{nullptr};
  torch::nn::LayerNorm norm_{nullptr};
  deneb::nn::Linear score_{nullptr};
};

void register_all(deneb::Registrar& r) {
  r.add<deneb::Network, Gpt2>("Gpt2",
                              "GPT-2 as classifier or language model (Radford et al. 2019)");
}

}  // namespace

DENEB_PLUGIN("gpt2", "0.1.0", "GPT-2, small, medium and large", register_all);
