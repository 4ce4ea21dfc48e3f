#include <deneb/plugin/plugin.h>

#include "emq_search.h"

namespace {

class Emq final : public deneb::SearchAlgorithm {
 public:
  using Options = deneb::emq::EmqOptions;
  explicit Emq(const Options& options) : options_(options) {}

  void validate(const deneb::SearchSetup& setup) const override {
    deneb::emq::check_emq(setup, options_);
  }
  std::vector<std::string> gives() const override { return {"proxy", "layer_scores"}; }
  std::string needs_weights() const override { return "reads statistics of the start weights"; }
  deneb::SearchResult run(deneb::SearchContext& context) override {
    return deneb::emq::search_proxy(context, options_);
  }

 private:
  Options options_;
};

void register_all(deneb::Registrar& r) {
  r.add<deneb::SearchAlgorithm, Emq>(
      "EMQ", "training-free proxies, evolved by a benchmark (Dong et al. 2023)");
}

}  // namespace

DENEB_PLUGIN("emq", "0.1.0", "EMQ proxy search", register_all);
