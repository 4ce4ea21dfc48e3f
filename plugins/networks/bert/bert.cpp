#include <deneb/plugin/plugin.h>

#include <array>
#include <map>
#include <optional>

#include "../common/bert_network.h"

namespace {

using deneb::networks::BertPlan;

struct BertOptions {
  std::string variant = "base";
  std::string config;
  int num_classes = 2;
  int max_length = 128;
  std::optional<double> dropout;
  std::string pooler = "dense";

  template <class V>
  void visit(V& v) {
    v("variant", variant, "size: layers, width and heads 2, 128, 2 (tiny) to 12, 768, 12 (base)",
      {"tiny", "mini", "small", "medium", "base"});
    v.file("config", config, "",
           "config.json of a model, or the folder that holds it, instead of a variant; \"\" = none",
           /*must_exist=*/true);
    v("num_classes", num_classes, "outputs", {2, 100000});
    v("max_length", max_length,
      "tokens of a sample, for costs; the dataset's max_length. Shorter batches are taken too",
      {1, 1e6});
    v("dropout", dropout,
      "share of values and attention weights that training drops (default: what config says, 0.1)",
      {0, 0.99});
    v("pooler", pooler,
      "what the classifier reads: dense = the first token through a layer and tanh, as BERT does; "
      "first = the first token; mean = the mean over the tokens",
      {"dense", "first", "mean"});
  }
};

BertPlan plan_of(const BertOptions& o) {
  static const std::map<std::string, std::array<int, 3>> sizes = {{"tiny", {2, 128, 2}},
                                                                  {"mini", {4, 256, 4}},
                                                                  {"small", {4, 512, 8}},
                                                                  {"medium", {8, 512, 8}},
                                                                  {"base", {12, 768, 12}}};
  BertPlan plan;
  plan.padding = 0;
  if (o.config.empty()) {
    const auto& [layers, width, heads] = sizes.at(o.variant);
    plan.layers = layers;
    plan.width = width;
    plan.heads = heads;
    plan.inner = 4 * width;
    plan.dropout = plan.attention_dropout = 0.1;
  } else {
    read_bert_config(o.config, plan);
  }
  if (o.dropout) plan.dropout = plan.attention_dropout = *o.dropout;
  plan.num_classes = o.num_classes;
  plan.max_length = o.max_length;
  plan.pooler = o.pooler == "dense"   ? BertPlan::Pooler::kDense
                : o.pooler == "first" ? BertPlan::Pooler::kFirst
                                      : BertPlan::Pooler::kMean;
  return plan;
}

class Bert final : public deneb::networks::BertNetwork {
 public:
  using Options = BertOptions;
  explicit Bert(const Options& o) : BertNetwork(plan_of(o)) {}
};

void register_all(deneb::Registrar& r) {
  r.add<deneb::Network, Bert>(
      "Bert", "BERT with a classifier (Devlin et al. 2019) with Hugging Face's names");
}

}  // namespace

DENEB_PLUGIN("bert", "0.1.0", "BERT for sentences and pairs of them", register_all);
