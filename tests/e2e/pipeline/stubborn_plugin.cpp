// A search that never asks within_limits(), one that leaves figures, and a cost model that needs an
// option.
#include <deneb/plugin/plugin.h>
#include <deneb/quant/cost_model.h>
#include <deneb/search/ask_tell.h>

namespace {

struct NoOptions {
  template <class V>
  void visit(V&) {}
};

/// Proposes the narrowest and the widest policy.
class Stubborn final : public deneb::AskTellSearch {
 public:
  using Options = NoOptions;
  explicit Stubborn(const Options&) {}

 protected:
  void start(deneb::SearchContext& context) override {
    for (const auto& genome : {context.space().narrowest(), context.space().widest()}) {
      requests_.push_back({context.space().decode(genome), "stubborn"});
    }
  }
  std::vector<deneb::TrialRequest> ask() override { return std::exchange(requests_, {}); }
  void tell(const std::vector<deneb::TrialRequest>&,
            const std::vector<deneb::TrialResult>&) override {}
  std::vector<deneb::Objective> objectives() const override {
    return {{"accuracy", deneb::Direction::kMaximize}};
  }

 private:
  std::vector<deneb::TrialRequest> requests_;
};

/// Figures for the report: two good ones, one without a title, and one with a name already taken.
/// Heat maps: a good one and one that lacks a row.
class Painter final : public deneb::SearchAlgorithm {
 public:
  using Options = NoOptions;
  explicit Painter(const Options&) {}
  deneb::SearchResult run(deneb::SearchContext& context) override {
    deneb::SearchResult result;
    result.candidates.push_back(
        {"narrow", context.space().decode(context.space().narrowest()), {}, 0, ""});
    for (const char* name : {"first", "untitled", "first", "second"}) {
      deneb::Figure figure;
      figure.name = name;
      if (figure.name != "untitled") figure.title = "Figure " + figure.name;
      figure.series = {{"a line", {{0, 1}, {1, 2}}}};
      result.figures.push_back(figure);
    }
    for (const char* name : {"short", "first"}) {
      deneb::HeatMap map;
      map.name = name;
      map.title = "Map " + map.name;
      map.x_names = {"conv1", "fc"};
      map.y_names = {"int2"};
      if (map.name != "short") map.values = {{1, 2}};
      result.heat_maps.push_back(map);
    }
    return result;
  }
};

struct TableOptions {
  std::string table;
  template <class V>
  void visit(V& v) {
    v("table", table, "file with the times");
  }
  void check(deneb::OptionErrors& errors) const {
    if (table.empty()) errors.add("table", "is empty; name a file");
  }
};

class TableCost final : public deneb::CostModel {
 public:
  using Options = TableOptions;
  explicit TableCost(const Options&) {}
  double layer(const deneb::LayerInfo&, const deneb::LayerChoice&) const override { return 2; }
  std::string unit() const override { return "ms"; }
};

void register_all(deneb::Registrar& r) {
  r.add<deneb::SearchAlgorithm, Stubborn>("Stubborn", "ignores limits");
  r.add<deneb::SearchAlgorithm, Painter>("Painter", "leaves figures");
  r.add<deneb::CostModel, TableCost>("table", "needs an option");
}

}  // namespace

DENEB_PLUGIN("stubborn", "0.1.0", "for the tests", register_all);
