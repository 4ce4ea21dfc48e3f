#include <deneb/plugin/plugin.h>
#include <deneb/random.h>
#include <deneb/search/ask_tell.h>

namespace {

struct MyRandomSearchOptions {
  int trials = 8;
  template <class V>
  void visit(V& v) {
    v("trials", trials, "random policies to try", {1, 1000000});
  }
};

// Tries random policies; the Pareto set of accuracy and bit operations is the result.
class MyRandomSearch final : public deneb::AskTellSearch {
 public:
  using Options = MyRandomSearchOptions;
  explicit MyRandomSearch(const Options& options) : options_(options) {}

 private:
  void start(deneb::SearchContext& context) override {
    std::mt19937_64 rng = context.rng("samples");
    for (int i = 0; i < options_.trials; ++i) {
      std::vector<int> genome;
      for (const deneb::Gene& gene : context.space().genes()) {
        genome.push_back(int(deneb::uniform_index(rng, gene.candidates.size())));
      }
      requests_.push_back({context.space().decode(genome), "random"});
    }
  }
  std::vector<deneb::TrialRequest> ask() override { return std::exchange(requests_, {}); }
  void tell(const std::vector<deneb::TrialRequest>&,
            const std::vector<deneb::TrialResult>&) override {}
  std::vector<deneb::Objective> objectives() const override {
    return {{"accuracy", deneb::Direction::kMaximize}, {"bitops", deneb::Direction::kMinimize}};
  }

  Options options_;
  std::vector<deneb::TrialRequest> requests_;
};

void register_all(deneb::Registrar& r) {
  r.add<deneb::SearchAlgorithm, MyRandomSearch>("MyRandomSearch", "random policies");
}

}  // namespace

DENEB_PLUGIN("custom_search", "1.0.0", "example of a search plugin", register_all);
