#include "page/page.h"

#include <nlohmann/json.hpp>

#include <deneb/config.h>

#include "assets/assets.h"
#include "escape.h"
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

std::string head(const TaskData& task) {
  // The policy forbids every fetch: what the page needs is in it.
  return "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
         "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
         "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src "
         "'unsafe-inline'; script-src 'unsafe-inline'; img-src data:; base-uri 'none'; "
         "form-action 'none'\">\n"
         "<meta name=\"generator\" content=\"Deneb " DENEB_VERSION
         "\">\n"
         "<link rel=\"icon\" href=\"data:,\">\n<title>" +
         html(task.task) + " - Deneb report</title>\n<style>" + kStyle +
         "</style>\n<noscript><style>.view[hidden]{display:block}</style></noscript>\n</head>\n";
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

std::string script(const std::string& source) {
  return "<script>\n" + script_source(source) + "</script>\n";
}

std::string footer() {
  return "<footer>\n<p>Written by Deneb " DENEB_VERSION
         ". The full record lies beside this file: <code>reports.json</code>, and "
         "<code>reports.csv</code> (all) and <code>output.csv</code> (results) in the folder of "
         "each step. This page needs no network.</p>\n</footer>\n";
}

}  // namespace

std::string page(const TaskData& task) {
  std::string out = head(task) + "<body>\n" + header_section(task) + navigation(task) + "<main>\n" +
                    guide_section(task);
  for (const StepData* step : task.by_interest()) {
    out += step->search ? search_section(*step) : models_section(*step);
  }
  return out + steps_section(task) + "</main>\n" + footer() +
         "<script type=\"application/json\" id=\"deneb-data\">" + script_json(data_of(task)) +
         "</script>\n" + script(kScript) + "</body>\n</html>\n";
}

}  // namespace deneb::reports
