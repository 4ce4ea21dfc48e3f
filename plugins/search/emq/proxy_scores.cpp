#include <algorithm>

#include <deneb/plugin/plugin.h>

#include "proxies.h"
#include "score_figures.h"

namespace {

using deneb::emq::ProxyTable;
using deneb::emq::StatisticsWork;

std::string text_of(const StatisticsWork& work) {
  return std::to_string(work.forward_passes) + " forward passes, " +
         std::to_string(work.backward_passes) + " backward passes, " +
         std::to_string(work.hessian_products) + " products with the Hessian";
}

class ProxyScores final : public deneb::SearchAlgorithm {
 public:
  using Options = deneb::emq::ProxyOptions;
  explicit ProxyScores(const Options& options) : options_(options) {}

  void validate(const deneb::SearchSetup& setup) const override {
    deneb::emq::check_proxy(setup, options_);
  }
  std::vector<std::string> gives() const override { return {"layer_scores"}; }
  std::string needs_weights() const override {
    return options_.weights == "given" ? "reads statistics of the start weights" : "";
  }

  deneb::SearchResult run(deneb::SearchContext& context) override {
    const ProxyTable table = deneb::emq::compute_proxy(context, options_);
    context.log(options_.proxy + ": " + text_of(table.work));
    const std::string file = context.artifact_path("layer_scores.json");
    deneb::write_layer_scores(file, table.damage());
    deneb::SearchResult result;
    result.figures = deneb::searches::score_figures(table.values);
    result.heat_maps = deneb::searches::score_heat_maps(table.values);
    describe(table, result);
    result.artifacts = {{"layer_scores", file}};
    return result;
  }

 private:
  // The figures show what the proxy counts; for most of them more is better.
  void describe(const ProxyTable& table, deneb::SearchResult& result) const {
    const std::string text =
        table.more_is_better
            ? "What the proxy counts for every layer and width; a policy's value is the sum, and "
              "more is better. Layers of steep rise are to keep more bits than the others."
            : "The damage that the proxy sees in every layer at every width; a policy's is the "
              "sum, and less is better.";
    for (deneb::Figure& figure : result.figures) {
      figure.title = "Proxy " + options_.proxy;
      figure.text = text;
      figure.y_label = "value";
    }
    for (deneb::HeatMap& map : result.heat_maps) {
      map.title = "Proxy " + options_.proxy;
      map.text = text;
      map.value_label = "value";
      map.lower_is_better = !table.more_is_better;
    }
  }

  Options options_;
};

void register_all(deneb::Registrar& r) {
  r.add<deneb::SearchAlgorithm, ProxyScores>("ProxyScores",
                                             "hand-crafted training-free proxies, as layer scores");
}

}  // namespace

DENEB_PLUGIN("proxy_scores", "0.1.0", "hand-crafted training-free proxies", register_all);
