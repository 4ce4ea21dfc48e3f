#include <filesystem>

#include <deneb/plugin/plugin.h>

#include "assignment_search.h"

namespace {

using deneb::LayerScores;

struct ExactAssignmentOptions : deneb::searches::AssignmentOptions {
  std::string scores;
  template <class V>
  void visit(V& v) {
    v.file("scores", scores, "layer_scores",
           "layer scores to choose formats by; empty = those of the nearest earlier step");
    AssignmentOptions::visit(v);
  }
};

class ExactAssignment final : public deneb::SearchAlgorithm {
 public:
  using Options = ExactAssignmentOptions;
  explicit ExactAssignment(const Options& options) : options_(options) {}

  void validate(const deneb::SearchSetup& setup) const override {
    if (std::filesystem::exists(options_.scores)) {
      deneb::searches::check_assignment(setup, deneb::read_layer_scores(options_.scores), options_,
                                        options_.scores);
    } else {
      deneb::searches::check_assignment(setup, options_);
    }
  }
  std::vector<std::string> takes() const override {
    if (!options_.scores.empty()) return {};
    return {"layer_scores"};
  }

  deneb::SearchResult run(deneb::SearchContext& context) override {
    const auto [file, scores] = deneb::searches::scores_in(context, options_.scores);
    return deneb::searches::assign(context, scores, options_, file);
  }

 private:
  Options options_;
};

void register_all(deneb::Registrar& r) {
  r.add<deneb::SearchAlgorithm, ExactAssignment>(
      "ExactAssignment", "from layer scores to the best policy within limits, proven");
}

}  // namespace

DENEB_PLUGIN("exact_assignment", "0.1.0", "exact choice of formats from layer scores",
             register_all);
