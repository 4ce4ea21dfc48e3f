#include <deneb/plugin/plugin.h>

#include <optional>

#include "../common/bert_network.h"

namespace {

struct RobertaOptions {
  std::string config;
  int num_classes = 2;
  int max_length = 128;
  std::optional<double> dropout;

  template <class V>
  void visit(V& v) {
    v.file("config", config, "",
           "config.json of a model, or the folder that holds it; \"\" = RoBERTa-base",
           /*must_exist=*/true);
    v("num_classes", num_classes, "outputs", {2, 100000});
    v("max_length", max_length,
      "tokens of a sample, for costs; the dataset's max_length. Shorter batches are taken too",
      {1, 1e6});
    v("dropout", dropout,
      "share of values and attention weights that training drops (default: what config says, 0.1)",
      {0, 0.99});
  }
};

deneb::networks::BertPlan plan_of(const RobertaOptions& o) {
  deneb::networks::BertPlan plan;
  plan.roberta = true;
  plan.padding = 1;
  if (o.config.empty()) {
    plan.vocabulary = 50265;
    plan.positions = 514;
    plan.segments = 1;
    plan.norm_eps = 1e-5;
    plan.dropout = plan.attention_dropout = 0.1;
  } else {
    read_bert_config(o.config, plan);
  }
  if (o.dropout) plan.dropout = plan.attention_dropout = *o.dropout;
  plan.num_classes = o.num_classes;
  plan.max_length = o.max_length;
  return plan;
}

class Roberta final : public deneb::networks::BertNetwork {
 public:
  using Options = RobertaOptions;
  explicit Roberta(const Options& o) : BertNetwork(plan_of(o)) {}
};

void register_all(deneb::Registrar& r) {
  r.add<deneb::Network, Roberta>(
      "Roberta", "RoBERTa with a classifier (Liu et al. 2019) with Hugging Face's names");
}

}  // namespace

DENEB_PLUGIN("roberta", "0.1.0", "RoBERTa for sentences and pairs of them", register_all);
