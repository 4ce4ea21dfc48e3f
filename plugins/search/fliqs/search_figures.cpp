#include "search_figures.h"

#include <string>
#include <utility>

namespace deneb::fliqs {
namespace {

FigureSeries series_of(const Trace& trace, const std::string& label, double TracePoint::*value) {
  FigureSeries series{label, {}};
  for (const TracePoint& point : trace.points) {
    series.points.emplace_back(double(point.step), point.*value);
  }
  return series;
}

Figure switching_error(const SearchSpace& space, const Trace& trace) {
  std::vector<FigureSeries> series = {{"most probable", {}}, {"sampled", {}}};
  for (const auto& genome : space.uniform()) {
    const LayerGenes genes = space.layer_genes().front();
    const std::size_t gene = genes.weight ? *genes.weight : *genes.activation;
    series.push_back(
        {"all " + space.genes()[gene].candidates[std::size_t(genome[gene])].text(), {}});
  }
  for (const Probe& probe : trace.probes) {
    series[0].points.emplace_back(double(probe.step), probe.argmax);
    series[1].points.emplace_back(double(probe.step), probe.sampled);
    for (std::size_t i = 0; i < probe.uniform.size(); ++i) {
      series[2 + i].points.emplace_back(double(probe.step), probe.uniform[i]);
    }
  }
  return searches::step_figure(
      "switching_error", "One set of weights, many policies",
      "Loss of one batch of the validation split under several policies, with the "
      "weights and batch norms that they share. How far the curves lie apart is what "
      "switching costs.",
      "loss", std::move(series));
}

}  // namespace

std::vector<Figure> search_figures(const SearchSpace& space, const Trace& trace) {
  std::vector<Figure> figures;
  figures.push_back(searches::step_figure(
      "reward", "Reward of the sampled policies",
      "Means between two points; the baseline is their running mean.", "reward",
      {series_of(trace, "reward", &TracePoint::reward),
       series_of(trace, "quality", &TracePoint::quality),
       series_of(trace, "baseline", &TracePoint::baseline)}));
  figures.push_back(
      searches::step_figure("cost", "Cost", "As a share of the target.", "cost / target",
                            {series_of(trace, "sampled", &TracePoint::cost_ratio),
                             series_of(trace, "expected", &TracePoint::expected_ratio)}));
  figures.push_back(
      searches::step_figure("entropy", "Entropy of the decisions",
                            "Mean over all decisions: 1 = all formats equally probable, 0 = "
                            "decided.",
                            "entropy", {series_of(trace, "entropy", &TracePoint::entropy)}));
  figures.push_back(
      searches::step_figure("entropy_weight", "Weight of the entropy in the policy's loss", "",
                            "weight", {series_of(trace, "weight", &TracePoint::entropy_weight)}));
  if (!trace.probes.empty()) figures.push_back(switching_error(space, trace));
  for (Figure& formats : searches::formats_over_epochs(space, trace.epochs)) {
    figures.push_back(std::move(formats));
  }
  return figures;
}

}  // namespace deneb::fliqs
