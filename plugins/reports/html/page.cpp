#include "page.h"

#include <nlohmann/json.hpp>

#include "assets.h"
#include "escape.h"
#include "sections.h"

#include <deneb/config.h>

namespace deneb::reports {
namespace {

using nlohmann::ordered_json;

/// The figures of the page for programs: `JSON.parse` of the element with id "deneb-data".
ordered_json data_of(const TaskData& task) {
  auto steps = ordered_json::array();
  for (const StepData& step : task.steps) {
    auto trials = ordered_json::array();
    for (const TrialRow& trial : step.trials) {
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
          {{"name", objective.name},
           {"direction", objective.direction == Direction::kMaximize ? "max" : "min"}});
    }
    auto figures = ordered_json::array();
    for (const Figure& figure : step.figures) figures.push_back(to_json(figure));
    steps.push_back({{"name", step.row.name},
                     {"type", step.row.type},
                     {"status", step.row.status},
                     {"objectives", objectives},
                     {"figures", figures},
                     {"rank_correlations", to_json(step.ranks)},
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
  return "<script>" + script_source(source) + "</script>\n";
}

std::string scripts(const TaskData& task, const Charts& charts, const PageOptions& options) {
  std::string out = "<script type=\"application/json\" id=\"deneb-data\">" +
                    script_json(data_of(task)) + "</script>\n";
  if (options.vega) {
    out += "<script type=\"application/json\" id=\"deneb-charts\">" +
           script_json(charts.specifications()) +
           "</script>\n<!-- Vega, Vega-Lite and Vega-Embed; their licenses stand at the end of the "
           "page. -->\n" +
           script(options.vega->vega) + script(options.vega->vega_lite) +
           script(options.vega->vega_embed);
  }
  return out + script(kScript);
}

std::string footer(const PageOptions& options) {
  std::string out = "<footer>\n<p>Written by Deneb " DENEB_VERSION
                    ". The same figures lie beside this file: <code>reports.json</code>, and "
                    "<code>reports.csv</code> (all) and <code>output.csv</code> (results) in the "
                    "folder of each step. This page needs no network.</p>\n";
  if (options.vega) {
    out +=
        "<details><summary>Charts by Vega, Vega-Lite and Vega-Embed: licenses</summary>\n"
        "<pre>" +
        html(options.vega->licenses) + "</pre></details>\n";
  }
  return out + "</footer>\n";
}

}  // namespace

std::string page(const TaskData& task, const PageOptions& options) {
  Charts charts(options.vega.has_value());
  std::string out = head(task) + "<body>\n" + header_section(task) + navigation(task) + "<main>\n" +
                    guide_section(task);
  for (const StepData* step : task.by_interest()) {
    out += step->search ? search_section(*step, charts, options.max_rows)
                        : models_section(*step, charts);
  }
  out += steps_section(task) + "</main>\n";
  return out + footer(options) + scripts(task, charts, options) + "</body>\n</html>\n";
}

}  // namespace deneb::reports
