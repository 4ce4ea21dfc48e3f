#include "search_figures.h"

namespace deneb::quant_ea {
namespace {

Figure hypervolume_figure(const std::vector<FrontRecord>& history) {
  Figure figure;
  figure.name = "hypervolume";
  figure.title = "Hypervolume of the front";
  figure.text =
      "How much of the space that the first policies span the Pareto front of all trials so far "
      "dominates. Where the line runs flat, more generations bring nothing more.";
  figure.x_label = "generation";
  figure.y_label = "share of the space";
  FigureSeries line{"hypervolume", {}};
  for (const FrontRecord& record : history) {
    line.points.emplace_back(record.generation, record.hypervolume);
  }
  figure.series.push_back(std::move(line));
  return figure;
}

Figure front_figure(const TrialArchive& archive, const std::vector<std::size_t>& first_front,
                    const std::map<std::string, double>& knee) {
  const std::string& quality = archive.objectives()[0].name;
  const std::string& cost = archive.objectives()[1].name;
  const auto place = [&](const std::map<std::string, double>& metrics) {
    return std::make_pair(metrics.at(cost), metrics.at(quality));
  };
  Figure figure;
  figure.name = "front";
  figure.title = "What the generations added";
  figure.text =
      "The Pareto front of the first policies, that of all trials, and its knee: beyond it, a "
      "little more of one objective costs much of the other.";
  figure.x_label = cost;
  figure.y_label = quality;
  figure.joined = false;
  FigureSeries first{"first policies", {}}, last{"all trials", {}};
  for (const std::size_t i : first_front) {
    first.points.push_back(place(archive.results()[i].metrics));
  }
  for (const std::size_t i : archive.front()) {
    last.points.push_back(place(archive.results()[i].metrics));
  }
  figure.series = {std::move(first), std::move(last), {"knee", {place(knee)}}};
  return figure;
}

}  // namespace

std::vector<Figure> search_figures(const TrialArchive& archive,
                                   const std::vector<FrontRecord>& history,
                                   const std::vector<std::size_t>& first_front,
                                   const std::map<std::string, double>& knee) {
  std::vector<Figure> figures = {hypervolume_figure(history)};
  if (archive.objectives().size() == 2) {
    figures.push_back(front_figure(archive, first_front, knee));
  }
  return figures;
}

}  // namespace deneb::quant_ea
