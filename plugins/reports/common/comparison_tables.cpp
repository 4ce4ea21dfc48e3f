#include "comparison_tables.h"

#include <algorithm>
#include <cmath>

#include "text.h"

namespace deneb::reports {
namespace {

using Kind = ComparedRow::Kind;
using Cells = std::vector<ComparisonCell>;

const char* const kFloatBudget = "none";

std::string unit(const Comparison& comparison) {
  return is_fraction(comparison.measure) ? " (%)" : "";
}

/// Two decimals; never "-0.00".
std::string rounded(double value) {
  const std::string text = fixed_text(value, 2);
  return text == "-0.00" ? "0.00" : text;
}

ComparisonCell text_of_cell(const std::string& text) { return {text, std::nullopt}; }

ComparisonCell count_cell(double value) {
  return {count_text(static_cast<std::size_t>(std::llround(value))), value};
}

ComparisonCell cost_cell(double value) { return {si_text(value), value}; }

ComparisonCell measure_cell(const Comparison& comparison, std::optional<double> value) {
  if (!value) return {};
  return {measure_text(comparison, *value), value};
}

/// With its sign.
ComparisonCell difference_cell(const Comparison& comparison, double value) {
  const std::string text = measure_text(comparison, value);
  return {(value > 0 ? "+" : "") + text, value};
}

/// "1: 90.25, 2: 90.11".
std::string by_seed_text(const Comparison& comparison, const RowAtBudget& at) {
  std::string text;
  for (const SeedValue& value : at.seeds) {
    text += (text.empty() ? "" : ", ") + std::to_string(value.seed) + ": " +
            measure_text(comparison, value.measure);
  }
  return text;
}

Cells accuracy_cells(const Comparison& comparison, const ComparedRow& row, const RowAtBudget& at,
                     const Budget* budget) {
  Cells cells = {text_of_cell(budget ? budget->name : kFloatBudget), text_of_cell(row.name),
                 measure_cell(comparison, at.mean), measure_cell(comparison, at.spread),
                 count_cell(double(at.seeds.size()))};
  if (at.difference) {
    cells.push_back(difference_cell(comparison, at.difference->mean));
    const auto& interval = at.difference->interval;
    cells.push_back(interval ? difference_cell(comparison, interval->first) : ComparisonCell{});
    cells.push_back(interval ? difference_cell(comparison, interval->second) : ComparisonCell{});
    cells.push_back(count_cell(double(at.difference->pairs)));
    cells.push_back(text_of_cell(at.against));
  } else {
    cells.resize(cells.size() + 5);
  }
  cells.push_back(cost_cell(at.mean_cost));
  cells.push_back(budget ? cost_cell(budget->cost) : ComparisonCell{});
  cells.push_back(text_of_cell(by_seed_text(comparison, at)));
  return cells;
}

void add_work(const std::optional<SearchWork>& work, Cells& cells) {
  if (!work) {
    cells.resize(cells.size() + 4);
    return;
  }
  const auto samples = [](std::optional<double> value) {
    return value ? ComparisonCell{si_text(std::round(*value)), value} : ComparisonCell{};
  };
  cells.push_back(samples(work->training_samples));
  cells.push_back(samples(work->evaluation_samples));
  cells.push_back({time_text(work->seconds), work->seconds});
  cells.push_back({si_text(work->trials), work->trials});
}

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ", ") + word;
  return text;
}

std::string task_names(const Comparison& comparison, const ComparedRow& row) {
  std::vector<std::string> names;
  for (const std::size_t task : row.tasks) names.push_back(comparison.tasks[task].name);
  return joined(names);
}

}  // namespace

std::string measure_text(const Comparison& comparison, double value) {
  return is_fraction(comparison.measure) ? rounded(100 * value) : si_text(value);
}

ComparisonTable accuracy_table(const Comparison& comparison) {
  const std::string measure = metric_label(comparison.measure, true),
                    cost = metric_label(comparison.cost), percent = unit(comparison);
  ComparisonTable table;
  table.name = "accuracy";
  table.title = "At each budget";
  table.text =
      "The mean over seeds, measured on the test split. A model belongs to the smallest budget "
      "that "
      "it fits; of several models of one row, validation samples choose. The difference is that to "
      "the uniform model of the same seed and budget, with its 95 % interval (paired t); one seed "
      "gives no interval.";
  table.columns = {
      {"budget", "budget", false, "widths of the uniform model that costs as much"},
      {"search", "search"},
      {comparison.measure, measure + percent, true, "mean over seeds"},
      {"spread", "spread" + percent, true, "sample standard deviation over seeds"},
      {"seeds", "seeds", true},
      {"difference", "to uniform" + percent, true, "mean of the differences of equal seeds"},
      {"difference_low", "from" + percent, true, "lower end of the 95 % interval"},
      {"difference_high", "to" + percent, true, "upper end of the 95 % interval"},
      {"pairs", "pairs", true, "seeds that both have"},
      {"against", "against", false, "the uniform row that it is compared with"},
      {comparison.cost, cost, true, "mean over seeds"},
      {"budget_cost", "budget in " + cost, true},
      {"by_seed", "by seed" + percent}};
  for (const ComparedRow& row : comparison.rows) {
    if (!row.whole.seeds.empty()) {
      table.rows.push_back(accuracy_cells(comparison, row, row.whole, nullptr));
    }
  }
  for (std::size_t b = 0; b < comparison.budgets.size(); ++b) {
    std::vector<const ComparedRow*> rows;
    for (const ComparedRow& row : comparison.rows) {
      if (!row.at[b].seeds.empty()) rows.push_back(&row);
    }
    // The uniform ones first, then the best first.
    std::stable_sort(rows.begin(), rows.end(), [&](const ComparedRow* x, const ComparedRow* y) {
      const bool ours = x->kind == Kind::kUniform, theirs = y->kind == Kind::kUniform;
      if (ours || theirs) return ours && !theirs;
      return comparison.maximize ? x->at[b].mean > y->at[b].mean : x->at[b].mean < y->at[b].mean;
    });
    for (const ComparedRow* row : rows) {
      table.rows.push_back(accuracy_cells(comparison, *row, row->at[b], &comparison.budgets[b]));
    }
  }
  return table;
}

ComparisonTable cost_table(const Comparison& comparison) {
  ComparisonTable table;
  table.name = "cost";
  table.title = "What the searches cost";
  table.text =
      "All that a search needed before its first policy: its own step and those whose results it "
      "names (scores, proxies, benchmarks), the mean over seeds. Then what each further budget "
      "took: 0 where one run serves several budgets, nothing where there was one budget. Samples "
      "are counted each time that they are drawn; steps of older tasks recorded none. Training the "
      "found policies is not in it.";
  table.columns = {
      {"search", "search"},
      {"tasks", "tasks"},
      {"steps", "steps"},
      {"first_training_samples", "training samples", true,
       "drawn for training, calibration and batch norms"},
      {"first_evaluation_samples", "other samples", true, "drawn for validation and statistics"},
      {"first_seconds", "time", true, "that its steps took"},
      {"first_trials", "trials", true, "policies that were tried"},
      {"further_training_samples", "further: training samples", true},
      {"further_evaluation_samples", "further: other samples", true},
      {"further_seconds", "further: time", true},
      {"further_trials", "further: trials", true}};
  for (const ComparedRow& row : comparison.rows) {
    if (!row.first) continue;
    Cells cells = {text_of_cell(row.name), text_of_cell(task_names(comparison, row)),
                   text_of_cell(joined(row.steps))};
    add_work(row.first, cells);
    add_work(row.further, cells);
    table.rows.push_back(std::move(cells));
  }
  return table;
}

ComparisonTable score_table(const Comparison& comparison) {
  ComparisonTable table;
  table.name = "scores";
  table.title = "Do scores of layers agree?";
  table.text =
      "Spearman's rho between scores of different origin, over the layers that both score, for "
      "each "
      "tensor and width by itself; the mean of these, and over seeds. 1: both order the layers "
      "alike, 0: they have nothing in common. A source with itself: between its seeds.";
  table.columns = {{"tensors", "tensors"}, {"source", "source"}};
  if (comparison.scores.size() < 2) return table;
  for (std::size_t i = 0; i < comparison.scores.size(); ++i) {
    table.columns.push_back({comparison.scores[i].name, comparison.scores[i].name, true});
  }
  for (const auto& [tensors, word] :
       {std::pair{ScoredTensors::kAll, "all"}, std::pair{ScoredTensors::kWeights, "weights"},
        std::pair{ScoredTensors::kActivations, "activations"}}) {
    const auto rho = score_agreements(comparison.scores, tensors);
    const bool known = std::any_of(rho.begin(), rho.end(), [](const auto& row) {
      return std::any_of(row.begin(), row.end(), [](const auto& at) { return at.groups > 0; });
    });
    if (!known) continue;
    for (std::size_t i = 0; i < rho.size(); ++i) {
      Cells cells = {text_of_cell(word), text_of_cell(comparison.scores[i].name)};
      for (const ScoreAgreement& entry : rho[i]) {
        cells.push_back(std::isnan(entry.rho) ? ComparisonCell{}
                                              : ComparisonCell{rounded(entry.rho), entry.rho});
      }
      table.rows.push_back(std::move(cells));
    }
  }
  return table;
}

ComparisonTable width_table(const Comparison& comparison) {
  ComparisonTable table;
  table.name = "widths";
  table.title = "Widths";
  table.text = "Formats of weights and activations in every layer, by budget, search and seed.";
  table.columns = {{"budget", "budget"}, {"search", "search"}, {"seed", "seed", true}};
  for (const LayerSize& layer : comparison.layers) {
    table.columns.push_back({layer.name, layer.name});
  }
  for (std::size_t b = 0; b < comparison.budgets.size(); ++b) {
    for (const ComparedRow& row : comparison.rows) {
      for (const SeedValue& value : row.at[b].seeds) {
        Cells cells = {text_of_cell(comparison.budgets[b].name),
                       text_of_cell(row.name),
                       {std::to_string(value.seed), double(value.seed)}};
        for (const LayerSize& layer : comparison.layers) {
          cells.push_back(text_of_cell(widths_text(row.models[value.model].policy, layer.name)));
        }
        table.rows.push_back(std::move(cells));
      }
    }
  }
  return table;
}

ComparisonTable model_table(const Comparison& comparison) {
  const std::string measure = metric_label(comparison.measure, true), percent = unit(comparison);
  ComparisonTable table;
  table.name = "models";
  table.title = "All models";
  table.text = "Every model that no later step of its task trained on.";
  table.columns = {{"search", "search"},
                   {"task", "task"},
                   {"seed", "seed", true},
                   {"step", "step"},
                   {"model", "model", true},
                   {"origin", "from"},
                   {"budget", "budget"},
                   {comparison.measure, measure + percent, true},
                   {"validation_" + comparison.measure,
                    metric_label("validation_" + comparison.measure) + percent, true},
                   {comparison.cost, metric_label(comparison.cost), true},
                   {"encoding", "widths"}};
  for (const ComparedRow& row : comparison.rows) {
    for (const ComparedModel& model : row.models) {
      const TaskFacts& task = comparison.tasks[model.task];
      table.rows.push_back({text_of_cell(row.name),
                            text_of_cell(task.name),
                            {std::to_string(task.seed), double(task.seed)},
                            text_of_cell(model.step),
                            {std::to_string(model.id), double(model.id)},
                            text_of_cell(model.origin),
                            text_of_cell(model.budget ? comparison.budgets[*model.budget].name
                                         : row.kind == Kind::kFloat ? kFloatBudget
                                                                    : "above all"),
                            measure_cell(comparison, model.measure),
                            measure_cell(comparison, model.validation),
                            cost_cell(model.cost),
                            text_of_cell(model.encoding)});
    }
  }
  return table;
}

ComparisonTable task_table(const Comparison& comparison) {
  ComparisonTable table;
  table.name = "tasks";
  table.title = "Tasks";
  table.text = "What is compared.";
  table.columns = {{"task", "task"},       {"seed", "seed", true},    {"status", "status"},
                   {"started", "started"}, {"seconds", "time", true}, {"searches", "searches"}};
  for (std::size_t t = 0; t < comparison.tasks.size(); ++t) {
    const TaskFacts& task = comparison.tasks[t];
    std::vector<std::string> names;
    for (const ComparedRow& row : comparison.rows) {
      if (std::find(row.tasks.begin(), row.tasks.end(), t) != row.tasks.end()) {
        names.push_back(row.name);
      }
    }
    table.rows.push_back({text_of_cell(task.name),
                          {std::to_string(task.seed), double(task.seed)},
                          text_of_cell(task.status),
                          text_of_cell(date_text(task.started)),
                          {time_text(task.seconds), task.seconds},
                          text_of_cell(joined(names))});
  }
  return table;
}

std::vector<ComparisonTable> comparison_tables(const Comparison& comparison) {
  std::vector<ComparisonTable> all = {accuracy_table(comparison), cost_table(comparison),
                                      score_table(comparison),    width_table(comparison),
                                      model_table(comparison),    task_table(comparison)};
  all.erase(std::remove_if(all.begin(), all.end(),
                           [](const ComparisonTable& table) { return table.rows.empty(); }),
            all.end());
  return all;
}

}  // namespace deneb::reports
