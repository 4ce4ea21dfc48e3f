#include <algorithm>

#include <deneb/config.h>

#include "escape.h"
#include "page/sections.h"
#include "page/tables.h"
#include "text.h"
#include "trial_facts.h"
#include "words.h"

namespace deneb::reports {
namespace {

std::string counted(std::size_t count, const char* one, const char* many) {
  return count_text(count) + " " + (count == 1 ? one : many);
}

const StepData* last_step(const TaskData& task, bool search) {
  for (auto it = task.steps.rbegin(); it != task.steps.rend(); ++it) {
    if (it->search == search && !it->trials.empty()) return &*it;
  }
  return nullptr;
}

const ResultRow* best_model_of(const StepData& step) {
  return step.objectives.empty() ? nullptr : best_model(step.trials, step.objectives[0]);
}

std::size_t tried_count(const StepData& step) {
  return static_cast<std::size_t>(std::count_if(step.trials.begin(), step.trials.end(), was_tried));
}

/// Trials whose results another task had left in general.cache.
std::size_t cached_count(const StepData& step) {
  const auto& info = step.row.info;
  if (!info.is_object() || !info.contains("cache") || !info["cache"].is_object()) return 0;
  return info["cache"].value("answered", std::size_t{0});
}

/// "QuantEA searched widths of A on B: 30 policies tried, 2 of them failed; 8 are on the Pareto
/// front." A search that computes policies "solved" for them.
std::string search_sentence(const StepData& step) {
  const std::size_t tried = tried_count(step), solved = step.trials.size() - tried;
  const std::size_t failed = step.count("failed") + step.count("timeout");
  const std::string subject = (step.network.empty() ? "" : " of " + step.network) +
                              (step.dataset.empty() ? "" : " on " + step.dataset);
  const std::string who = step.algorithm.empty() ? "The search" : step.algorithm;
  if (step.trials.empty()) {
    return who +
           (step.row.status == "finished" ? " examined the layers" : " looks for bit-widths") +
           subject + "; no policy was tried.";
  }
  std::string text =
      who + (tried > 0 ? " searched" : " solved for") + " bit-widths" + subject + ": ";
  if (tried > 0) {
    text += counted(tried, "policy", "policies") + " tried";
    if (failed > 0) text += ", " + count_text(failed) + " of them failed";
    if (const std::size_t known = cached_count(step); known > 0) {
      text += ", " + count_text(known) + " answered from the cache";
    }
    if (solved > 0) text += ", " + count_text(solved) + " more computed and not tried";
  } else {
    text += counted(solved, "policy", "policies") + ", computed and not tried";
  }
  const std::size_t result = step.front.size();
  if (step.pareto) {
    text += "; " + count_text(result) + (result == 1 ? " is" : " are") + " on the Pareto front";
  } else if (tried > 0 && result > 0) {
    text += "; " + count_text(result) + (result == 1 ? " is" : " are") + " the result";
  }
  return text + ".";
}

std::size_t model_count(const StepData& step, bool baselines) {
  return static_cast<std::size_t>(
      std::count_if(step.trials.begin(), step.trials.end(), [&](const ResultRow& trial) {
        return trial.status == "finished" && is_baseline(trial) == baselines;
      }));
}

/// A cost of a model that is lower than in float32.
struct Saving {
  std::string times;  ///< "62.0"
  std::string less;   ///< "fewer BitOps"
};

/// The two that tell most.
std::vector<Saving> savings(const StepData& step, const ResultRow& model) {
  std::vector<Saving> all;
  for (const std::string& cost : step.costs()) {
    const auto value = metric_of(model, cost);
    const double reference = step.float_cost(cost);
    if (!value || *value <= 0 || reference <= 1.01 * *value || all.size() == 2) continue;
    const Word* word = word_of(cost);
    all.push_back({fixed_text(reference / *value, 1),
                   word && !word->less.empty() ? word->less : "less " + metric_label(cost)});
  }
  return all;
}

std::string model_sentence(const StepData& step) {
  const ResultRow* best = best_model_of(step);
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
  for (const Saving& saving : savings(step, *best)) {
    text += " with " + saving.times + " times " + saving.less + " than float32";
    const ResultRow* whole = step.float_model();
    const auto value = whole ? metric_of(*whole, name) : std::nullopt;
    if (value) text += ", which has " + metric_text(name, *value);
    break;
  }
  return text + ".";
}

std::string card(const std::string& value, const std::string& name) {
  return "<div class=\"card\"><b>" + html(value) + "</b><span>" + html(name) + "</span></div>\n";
}

std::string cards(const TaskData& task) {
  std::string out;
  const auto searches = std::count_if(task.steps.begin(), task.steps.end(), [](const auto& step) {
    return step.search && !step.trials.empty();
  });
  if (const StepData* search = last_step(task, true)) {
    const std::string where = searches > 1 ? " in step " + search->row.name : "";
    const std::size_t tried = tried_count(*search);
    if (tried > 0) out += card(count_text(tried), "policies tried" + where);
    if (search->pareto) {
      out += card(count_text(search->front.size()), "on the Pareto front" + where);
    } else if (!search->front.empty()) {
      out += card(count_text(search->front.size()), "policies found" + where);
    }
  }
  if (const StepData* models = last_step(task, false)) {
    const std::size_t count = model_count(*models, false);
    out += card(count_text(count > 0 ? count : model_count(*models, true)),
                models->epochs.empty() ? "models evaluated" : "models trained");
    if (const ResultRow* best = best_model_of(*models)) {
      const std::string name = models->objectives[0].name;
      if (const auto judged = metric_of(*best, name)) {
        out += card(metric_text(name, *judged), metric_label(name, true) + " of the chosen model");
      }
      for (const Saving& saving : savings(*models, *best)) {
        out += card(saving.times + "\xc3\x97", saving.less + " than float32");
      }
    }
  }
  return out.empty() ? "" : "<div class=\"cards\">\n" + out + "</div>\n";
}

/// A sentence per step that has something to tell.
std::string lead(const TaskData& task) {
  std::vector<std::pair<std::string, std::string>> told;  // step, sentence
  for (const StepData& step : task.steps) {
    if (step.search && (!step.trials.empty() || step.row.status == "finished")) {
      told.emplace_back(step.row.name, search_sentence(step));
    } else if (!step.search && !step.trials.empty()) {
      told.emplace_back(step.row.name, model_sentence(step));
    }
  }
  if (told.empty()) return "<p class=\"lead\">Nothing has been tried yet.</p>\n";
  if (told.size() == 1) return "<p class=\"lead\">" + html(told[0].second) + "</p>\n";
  std::string out = "<ul class=\"lead\">\n";
  for (const auto& [name, sentence] : told) {
    out += "<li><b>" + html(name) + "</b>: " + html(sentence) + "</li>\n";
  }
  return out + "</ul>\n";
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
                       [&](const ResultRow& trial) { return metric_of(trial, name).has_value(); });
  });
}

}  // namespace

std::string header_section(const TaskData& task) {
  std::string out = "<header>\n<p class=\"brand\">Deneb report</p>\n<h1>" + html(task.task) +
                    "</h1>\n" + lead(task);
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
  const auto any = [&](const auto& fits) {
    return std::any_of(task.steps.begin(), task.steps.end(), fits);
  };
  const auto tries = [](const StepData& step) { return step.search && tried_count(step) > 0; };
  const bool pareto = any([](const StepData& step) { return step.pareto; });
  const bool chosen_by = any([&](const StepData& step) { return tries(step) && !step.benchmark; });
  const bool benchmarks = any([&](const StepData& step) { return tries(step) && step.benchmark; });
  std::string out =
      "<section id=\"guide\">\n<h2>How to read this report</h2>\n<dl class=\"guide\">\n" +
      term("Bit-width",
           "A network usually computes with numbers of 32 bits (float32). With fewer bits it is "
           "smaller and faster, but less exact. The <em>weights</em> (learned numbers) and the "
           "<em>activations</em> (numbers on their way through) of each layer can have widths of "
           "their own.") +
      term("Policy",
           "One choice of widths for all layers. Layers marked \xe2\x97\x86 are pinned: "
           "their widths were fixed beforehand. The policies that a search put forward lie in "
           "<code>output/&lt;step&gt;/policies</code>.");
  if (chosen_by || benchmarks) {
    std::string meaning =
        "One policy, tried out: the network gets its widths, is trained for a short time or not at "
        "all, and measured on the <em>";
    if (chosen_by) {
      meaning +=
          "validation</em> images. A trial's accuracy is a quick estimate to compare policies "
          "with, "
          "not the accuracy of a fully trained model.";
    }
    if (benchmarks) {
      meaning += chosen_by ? " In a benchmark trials are measured on the <em>" : "";
      meaning +=
          "test</em> images: they are what proxies are held against, and no policy is chosen by "
          "them.";
    }
    out += term("Trial", meaning);
  }
  if (pareto) {
    out += term("Pareto front",
                "The policies that no other one beats in every respect. On the front, more of one "
                "quality costs some of another. To choose: find the cost that you can afford in "
                "the chart and take the best point up to it.");
  }
  for (const Word& word : words()) {
    if (word.about.empty() || !has_metric(task, word.name)) continue;
    out += term(html(word.label), html(word.about));
  }
  if (last_step(task, false)) {
    out += term("Test accuracy",
                "Share of the <em>test</em> images that a trained model gets right. The test "
                "images played no part in searching or training; they only judge.");
  }
  return out + "</dl>\n</section>\n";
}

}  // namespace deneb::reports
