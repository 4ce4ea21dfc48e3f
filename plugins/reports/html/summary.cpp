#include <algorithm>

#include <deneb/config.h>

#include "../common/trial_facts.h"
#include "escape.h"
#include "sections.h"
#include "tables.h"
#include "text.h"

namespace deneb::reports {
namespace {

std::string counted(std::size_t count, const char* one, const char* many) {
  return std::to_string(count) + " " + (count == 1 ? one : many);
}

const StepData* last_step(const TaskData& task, bool search) {
  for (auto it = task.steps.rbegin(); it != task.steps.rend(); ++it) {
    if (it->search == search && !it->trials.empty()) return &*it;
  }
  return nullptr;
}

const TrialRow* best_model_of(const StepData& step) {
  return step.objectives.empty() ? nullptr : best_model(step.trials, step.objectives[0]);
}

std::string search_sentence(const TaskData& task, const StepData& step) {
  const std::size_t failed = step.count("failed") + step.count("timeout");
  std::string text = (task.algorithm.empty() ? "The search" : task.algorithm) +
                     " looked for bit-widths" +
                     (task.network.empty() ? "" : " of " + task.network) +
                     (task.dataset.empty() ? "" : " on " + task.dataset) + ": " +
                     counted(step.trials.size(), "policy", "policies") + " tried";
  if (failed > 0) text += ", " + std::to_string(failed) + " of them failed";
  return text + "; " + std::to_string(step.front.size()) +
         (step.front.size() == 1 ? " is" : " are") + " on the Pareto front. ";
}

std::size_t model_count(const StepData& step, bool baselines) {
  return static_cast<std::size_t>(
      std::count_if(step.trials.begin(), step.trials.end(), [&](const TrialRow& trial) {
        return trial.status == "finished" && is_baseline(trial) == baselines;
      }));
}

std::string model_sentence(const StepData& step) {
  const TrialRow* best = best_model_of(step);
  const std::string verb = step.epochs.empty() ? " evaluated" : " trained";
  const std::size_t models = model_count(step, false), baselines = model_count(step, true);
  std::string text = counted(models > 0 ? models : baselines, "model", "models") + verb;
  if (models > 0 && baselines > 0) {
    text += " beside " + counted(baselines, "baseline", "baselines");
  }
  if (!best) return text + "; without validation data none of them is chosen.";
  const std::string name = step.objectives[0].name;
  const auto judged = metric_of(*best, name);
  text += "; the one that validation data choose, model " + std::to_string(best->id) + " (" +
          best->origin + "), has " + metric_label(name, true) + " " +
          (judged ? metric_text(name, *judged) : "unknown");
  const auto bitops = metric_of(*best, "bitops");
  const double reference = float_cost(step, "bitops");
  if (bitops && reference > 1.01 * *bitops) {
    text += " with " + fixed_text(reference / *bitops, 1) + " times fewer BitOps than float32";
    const TrialRow* whole = float_model(step);
    const auto value = whole ? metric_of(*whole, name) : std::nullopt;
    if (value) text += ", which has " + metric_text(name, *value);
  }
  return text + ".";
}

std::string card(const std::string& value, const std::string& name) {
  return "<div class=\"card\"><b>" + html(value) + "</b><span>" + html(name) + "</span></div>\n";
}

std::string cards(const TaskData& task) {
  std::string out;
  if (const StepData* search = last_step(task, true)) {
    out += card(std::to_string(search->trials.size()), "policies tried");
    out += card(std::to_string(search->front.size()), "on the Pareto front");
  }
  if (const StepData* models = last_step(task, false)) {
    const std::size_t count = model_count(*models, false);
    out += card(std::to_string(count > 0 ? count : model_count(*models, true)),
                models->epochs.empty() ? "models evaluated" : "models trained");
    if (const TrialRow* best = best_model_of(*models)) {
      const std::string name = models->objectives[0].name;
      if (const auto judged = metric_of(*best, name)) {
        out += card(metric_text(name, *judged), metric_label(name, true) + " of the chosen model");
      }
      for (const char* cost : {"bitops", "size"}) {
        const auto value = metric_of(*best, cost);
        const double reference = float_cost(*models, cost);
        if (!value || reference <= 1.01 * *value) continue;
        out += card(fixed_text(reference / *value, 1) + "\xc3\x97",
                    std::string(cost == std::string("size") ? "smaller" : "fewer BitOps") +
                        " than float32");
      }
    }
  }
  return out.empty() ? "" : "<div class=\"cards\">\n" + out + "</div>\n";
}

std::string fact(const std::string& name, const std::string& value) {
  if (value.empty()) return "";
  return "<div><dt>" + html(name) + "</dt><dd>" + html(value) + "</dd></div>\n";
}

std::string step_names(const TaskData& task) {
  std::string names;
  for (const StepData& step : task.steps) {
    names += (names.empty() ? "" : ", ") + step.row.name + " (" + step.row.status + ")";
  }
  return names;
}

std::string term(const std::string& word, const std::string& meaning) {
  return "<div><dt>" + word + "</dt><dd>" + meaning + "</dd></div>\n";
}

bool has_metric(const TaskData& task, const std::string& name) {
  return std::any_of(task.steps.begin(), task.steps.end(), [&](const StepData& step) {
    return std::any_of(step.trials.begin(), step.trials.end(),
                       [&](const TrialRow& trial) { return metric_of(trial, name).has_value(); });
  });
}

}  // namespace

std::string header_section(const TaskData& task) {
  std::string lead;
  if (const StepData* search = last_step(task, true)) lead += search_sentence(task, *search);
  if (const StepData* models = last_step(task, false)) lead += model_sentence(*models);
  if (lead.empty()) lead = "Nothing has been tried yet.";
  std::string out = "<header>\n<p class=\"brand\">Deneb report</p>\n<h1>" + html(task.task) +
                    "</h1>\n<p class=\"lead\">" + html(lead) + "</p>\n";
  if (task.status != "finished") {
    out += "<p class=\"notice\">This task is not complete: " + status_tag(task.status) +
           " The page shows what is stored so far.</p>\n";
  }
  return out + cards(task) + "<dl class=\"facts\">\n" + fact("Status", task.status) +
         fact("Steps", step_names(task)) + fact("Network", task.network) +
         fact("Dataset", task.dataset) + fact("Search algorithm", task.algorithm) +
         fact("Seed", task.seed) + fact("Started", date_text(task.started)) +
         fact("Ended", date_text(task.finished)) + fact("Deneb", DENEB_VERSION) +
         "</dl>\n</header>\n";
}

std::string steps_section(const TaskData& task) {
  return "<section id=\"steps\">\n<h2>Steps</h2>\n" + step_table(task) + "</section>\n";
}

std::string guide_section(const TaskData& task) {
  const bool search = last_step(task, true) != nullptr;
  std::string out =
      "<section id=\"guide\">\n<h2>How to read this report</h2>\n<dl class=\"guide\">\n" +
      term("Bit-width",
           "A network usually computes with numbers of 32 bits (float32). With fewer bits it is "
           "smaller and faster, but less exact. The <em>weights</em> (learned numbers) and the "
           "<em>activations</em> (numbers on their way through) of each layer can have widths of "
           "their own.") +
      term("Policy",
           "One choice of widths for all layers. Layers marked \xe2\x97\x86 are pinned: "
           "their widths were fixed beforehand.");
  if (search) {
    out += term("Trial",
                "One policy, tried out: the network gets its widths, is trained for a short time "
                "and measured on the <em>validation</em> images. A trial's accuracy is a quick "
                "estimate to compare policies with, not the accuracy of a fully trained model.") +
           term("Pareto front",
                "The policies that no other one beats in every respect. On the front, more of one "
                "quality costs some of another. To choose: find the cost that you can afford in "
                "the chart and take the best point up to it; its widths lie in "
                "<code>output/&lt;step&gt;/policies/&lt;trial&gt;.json</code>.");
  }
  if (has_metric(task, "bitops")) {
    out += term("BitOps",
                "Cost of computing: multiplications times weight bits times activation "
                "bits, summed over the layers.");
  }
  if (has_metric(task, "size")) {
    out += term("Size", "Bits that the weights take: number of weights times weight bits.");
  }
  if (has_metric(task, "flops")) {
    out += term("FLOPs",
                "Multiplications, each counted by its share of 32-bit work: (weight bits "
                "+ activation bits) / 32.");
  }
  if (last_step(task, false)) {
    out += term("Test accuracy",
                "Share of the <em>test</em> images that a trained model gets right. The test "
                "images played no part in searching or training; they only judge.");
  }
  return out + "</dl>\n</section>\n";
}

}  // namespace deneb::reports
