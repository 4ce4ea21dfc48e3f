#include "page/page.h"

#include <nlohmann/json.hpp>

#include <deneb/config.h>

#include "escape.h"
#include "page/frame.h"
#include "page/sections.h"

namespace deneb::reports {
namespace {

using nlohmann::ordered_json;

/// What the page shows, for programs: `JSON.parse` of the element with id "deneb-data".
ordered_json data_of(const TaskData& task) {
  auto steps = ordered_json::array();
  for (const StepData& step : task.steps) {
    auto trials = ordered_json::array();
    for (const std::size_t at : step.shown) {
      const ResultRow& trial = step.trials[at];
      ordered_json item = {
          {"id", trial.id},         {"status", trial.status},     {"seed", trial.seed},
          {"origin", trial.origin}, {"encoding", trial.encoding}, {"metrics", trial.metrics},
          {"front", trial.front},   {"seconds", trial.seconds},   {"message", trial.message}};
      if (trial.front || !step.search) item["policy"] = trial.policy;
      const auto epochs = step.epochs.find(trial.id);
      if (epochs != step.epochs.end()) {
        item["epochs"] = ordered_json::array();
        for (const EpochRow& epoch : epochs->second) {
          item["epochs"].push_back({{"epoch", epoch.epoch},
                                    {"lr", epoch.lr},
                                    {"train_loss", epoch.train_loss},
                                    {"metrics", epoch.metrics}});
        }
      }
      trials.push_back(item);
    }
    auto objectives = ordered_json::array();
    for (const Objective& objective : step.objectives) {
      objectives.push_back(
          {{"name", objective.name}, {"direction", direction_word(objective.direction)}});
    }
    auto figures = ordered_json::array();
    for (const Figure& figure : step.figures) figures.push_back(to_json(figure));
    auto heat_maps = ordered_json::array();
    for (const HeatMap& map : step.heat_maps) heat_maps.push_back(to_json(map));
    steps.push_back({{"name", step.row.name},
                     {"type", step.row.type},
                     {"status", step.row.status},
                     {"objectives", objectives},
                     {"figures", figures},
                     {"heat_maps", heat_maps},
                     {"rank_correlations", to_json(step.ranks)},
                     {"trial_count", step.trials.size()},
                     {"trials", trials}});
  }
  return {{"task", task.task},       {"deneb", DENEB_VERSION},  {"status", task.status},
          {"network", task.network}, {"dataset", task.dataset}, {"algorithm", task.algorithm},
          {"seed", task.seed},       {"steps", steps}};
}

std::string navigation(const TaskData& task) {
  std::string out = "<nav aria-label=\"Sections\">";
  const auto link = [&](const std::string& target, const std::string& words) {
    out += "<a href=\"#" + html(target) + "\">" + html(words) + "</a> ";
  };
  link("guide", "how to read");
  for (const StepData* step : task.by_interest()) {
    link("step-" + step->row.name, step->row.name);
  }
  link("steps", "steps");
  return out + "</nav>\n";
}

std::string footer() {
  return "<footer>\n<p>Written by Deneb " DENEB_VERSION
         ". The full record lies beside this file: <code>reports.json</code>, and "
         "<code>reports.csv</code> (all) and <code>output.csv</code> (results) in the folder of "
         "each step. This page needs no network.</p>\n</footer>\n";
}

}  // namespace

std::string page(const TaskData& task) {
  std::string out = page_head(task.task + " - Deneb report") + header_section(task) +
                    navigation(task) + "<main>\n" + guide_section(task);
  for (const StepData* step : task.by_interest()) {
    out += step->search ? search_section(*step) : models_section(*step);
  }
  return out + steps_section(task) + "</main>\n" + footer() + page_end(data_of(task));
}

}  // namespace deneb::reports
