#include "comparison.h"

#include <algorithm>
#include <map>
#include <set>

#include <deneb/io/artifact.h>
#include <deneb/quant/format.h>

#include "row_names.h"
#include "search_work.h"
#include "task_read.h"
#include "text.h"
#include "trial_facts.h"

namespace deneb::reports {
namespace {

using nlohmann::ordered_json;
using Kind = ComparedRow::Kind;

/// Rounding of costs must not move a policy out of its budget.
constexpr double kWithin = 1 + 1e-9;

/// Tasks of one pipeline.
struct Group {
  std::string key;
  bool labelled;  ///< by the user
  std::string label;
  std::vector<std::size_t> tasks;
};

/// What of a configuration makes the results of one seed.
ordered_json pipeline_of(const ComparedTask& task) {
  ordered_json pipeline = task.config;
  pipeline.erase("general");
  pipeline.erase("plugins");
  return pipeline;
}

class Reader {
 public:
  explicit Reader(const ComparisonInput& input) : input_(input) { result_.cost = input.cost; }

  Comparison read() {
    result_.disagreements = input_.disagreements;
    result_.trainings = training_differences(input_.tasks);
    for (std::size_t i = 0; i < input_.tasks.size(); ++i) read_task(i);
    label_groups();
    read_facts();
    for (const TaskRead& task : tasks_) add_rows(task);
    drop_empty_rows();
    set_budgets();
    for (Entry& entry : entries_) place_models(entry);
    merge_rows();
    merge_labelled_rows();
    for (Entry& entry : entries_) summarize(entry);
    order_rows();
    name_rows();
    for (Entry& entry : entries_) take_differences(entry);
    for (Entry& entry : entries_) {
      if (entry.row.kind == Kind::kSearch) measure_work(entry.row, entry.searches, tasks_);
    }
    for (std::size_t i = 0; i < entries_.size(); ++i) add_fronts(i);
    for (Entry& entry : entries_) result_.rows.push_back(std::move(entry.row));
    read_scores();
    return std::move(result_);
  }

 private:
  /// A row with what tells it from others.
  struct Entry {
    ComparedRow row;
    std::size_t group = 0;               // of a search or given policies
    std::string training;                // of the others
    std::vector<std::string> trainings;  // of its models, for its uniform row
    std::vector<std::string> searches;   // steps whose policies these are
  };

  void read_task(std::size_t index) {
    const ComparedTask& task = input_.tasks[index];
    TaskFacts facts{task.name, "not started", "", 0, 0};
    if (task.config.contains("general")) {
      facts.seed = task.config["general"].value("seed", std::int64_t{0});
    }
    TaskRead read{&task, index, 0, task.store->steps(), {}};
    if (!read.steps.empty()) facts.status = "finished";
    for (const StepRow& step : read.steps) {
      if (facts.started.empty()) facts.started = step.started;
      if (step.status != "finished") facts.status = step.status;
      facts.seconds += seconds_of(step);
    }
    const std::size_t planned =
        task.config.contains("pipeline") ? task.config["pipeline"].size() : 0;
    if (facts.status == "finished" && read.steps.size() < planned) facts.status = "between steps";
    if (facts.status != "finished") {
      result_.notes.push_back(task.name + " has not finished (" + facts.status +
                              "): what it has stored so far is shown.");
    }
    result_.tasks.push_back(facts);
    pipelines_.push_back(pipeline_of(task));
    const ordered_json& pipeline = pipelines_.back();
    const bool labelled = !task.label.empty();
    const std::string key = labelled ? "label " + task.label : pipeline.dump();
    auto group = std::find_if(groups_.begin(), groups_.end(),
                              [&](const Group& known) { return known.key == key; });
    if (group == groups_.end()) {
      group = groups_.insert(group, {key, labelled, task.label, {}});
    }
    for (const std::size_t other : group->tasks) {
      if (result_.tasks[other].seed != facts.seed) continue;
      // A label may gather what was trained budget by budget.
      if (labelled && pipelines_[other] != pipeline) continue;
      result_.notes.push_back(task.name + " repeats the pipeline and the seed of " +
                              result_.tasks[other].name + " and is left out.");
      return;
    }
    group->tasks.push_back(index);
    read.group = static_cast<std::size_t>(group - groups_.begin());
    for (const StepRow& step : read.steps) {
      const bool all = !is_search(step);
      read.trials[step.name] = task.store->trials(
          step.name, all ? TrialStore::Policies::kAll : TrialStore::Policies::kFront);
    }
    tasks_.push_back(std::move(read));
  }

  void label_groups() {
    for (Group& group : groups_) {
      std::vector<std::string> names;
      for (const std::size_t task : group.tasks) names.push_back(result_.tasks[task].name);
      if (!group.labelled) group.label = group_label(names);
    }
    for (std::size_t i = 0; i < groups_.size(); ++i) {
      for (std::size_t j = 0; j < i; ++j) {
        if (groups_[i].label == groups_[j].label) explain_groups(groups_[j], groups_[i]);
      }
    }
  }

  /// By their names one expects them to be one row.
  void explain_groups(const Group& a, const Group& b) {
    constexpr std::size_t kNamed = 3;
    const ordered_json ours = pipelines_[a.tasks.front()].flatten(),
                       theirs = pipelines_[b.tasks.front()].flatten();
    std::vector<std::string> paths;
    for (const auto& [path, value] : ours.items()) {
      if (!theirs.contains(path) || theirs[path] != value) paths.push_back(path);
    }
    for (const auto& [path, value] : theirs.items()) {
      if (!ours.contains(path)) paths.push_back(path);
    }
    std::string text;
    for (std::size_t i = 0; i < std::min(kNamed, paths.size()); ++i) {
      std::replace(paths[i].begin(), paths[i].end(), '/', '.');
      text += (text.empty() ? "" : ", ") + paths[i].substr(1);
    }
    if (paths.size() > kNamed) text += " and " + std::to_string(paths.size() - kNamed) + " more";
    result_.notes.push_back(result_.tasks[a.tasks.front()].name + " and " +
                            result_.tasks[b.tasks.front()].name +
                            " are different pipelines and so different rows: they differ in " +
                            text + ". LABEL=TASK makes them one row.");
  }

  /// Network, data and measure, of the first steps that tell them.
  void read_facts() {
    bool measured = false;
    for (const TaskRead& task : tasks_) {
      for (const StepRow& step : task.steps) {
        const ordered_json& section = task.section(step.name);
        if (result_.network.empty() && section.contains("network")) {
          result_.network = text_of(section["network"], "type");
        }
        if (result_.dataset.empty() && section.contains("dataset")) {
          result_.dataset = text_of(section["dataset"], "type");
        }
        if (!is_search(step) && !measured) {
          for (const Objective& objective : objectives_of(step)) {
            if (objective.name == result_.cost) continue;
            result_.measure = objective.name;
            result_.maximize = objective.direction == Direction::kMaximize;
            measured = true;
            break;
          }
        }
        read_layers(step);
      }
    }
  }

  void read_layers(const StepRow& step) {
    if (!step.info.is_object() || !step.info.contains("network")) return;
    const auto layers = step.info["network"].value("layers", ordered_json::array());
    const bool first = result_.layers.empty();
    for (const auto& item : layers) {
      const std::string name = text_of(item, "name");
      const bool pinned = item.value("pinned", false);
      if (first) {
        result_.layers.push_back(
            {name, item.value("macs", 0.0), item.value("weights", 0.0), false});
      }
      for (LayerSize& layer : result_.layers) {
        if (layer.name == name) layer.pinned = layer.pinned || pinned;
      }
    }
  }

  Entry& entry(Kind kind, std::size_t group, const std::string& training, const std::string& search,
               const std::string& name) {
    const bool shared = kind == Kind::kFloat || kind == Kind::kUniform;
    for (Entry& known : entries_) {
      if (known.row.kind != kind) continue;
      if (shared ? known.training == training
                 : known.group == group && (search.empty() || known.searches.front() == search)) {
        return known;
      }
    }
    Entry fresh;
    fresh.row.kind = kind;
    fresh.row.name = name;
    fresh.group = group;
    fresh.training = training;
    if (!search.empty()) fresh.searches = {search};
    entries_.push_back(std::move(fresh));
    return entries_.back();
  }

  void add_rows(const TaskRead& task) {
    std::set<std::string> passed;  // "step/id" of models that a later step went on with
    for (const StepRow& step : task.steps) {
      if (is_search(step)) continue;
      for (const ResultRow& model : task.trials.at(step.name)) {
        const auto origin = parse_origin(model.origin);
        if (origin && model.status == "finished") {
          passed.insert(origin->first + "/" + origin->second);
        }
      }
    }
    for (const StepRow& step : task.steps) {
      if (is_search(step)) {
        // Policies that nobody trained have their row, too.
        if (find_artifact(task.folder(step.name), "policies").empty()) continue;
        touch(entry(Kind::kSearch, task.group, "", step.name, search_name(task, step.name)),
              task.index);
        continue;
      }
      for (const ResultRow& model : task.trials.at(step.name)) {
        if (passed.count(step.name + "/" + std::to_string(model.id)) == 0) {
          add_model(task, step.name, model);
        }
      }
    }
  }

  static void touch(Entry& entry, std::size_t task) {
    auto& tasks = entry.row.tasks;
    if (std::find(tasks.begin(), tasks.end(), task) == tasks.end()) tasks.push_back(task);
  }

  void add_model(const TaskRead& task, const std::string& step, const ResultRow& row) {
    const auto measure = metric_of(row, result_.measure), cost = metric_of(row, result_.cost);
    if (row.status != "finished") {
      result_.notes.push_back(task.task->name + ": model " + std::to_string(row.id) + " of " +
                              step + " is " + row.status + " and is left out.");
      return;
    }
    if (!measure || !cost) {
      result_.notes.push_back(task.task->name + ": model " + std::to_string(row.id) + " of " +
                              step + " has no " + (measure ? result_.cost : result_.measure) +
                              " and is left out.");
      return;
    }
    ComparedModel model;
    model.task = task.index;
    model.step = step;
    model.origin = row.origin;
    model.encoding = row.encoding;
    model.id = row.id;
    model.policy = row.policy;
    model.measure = *measure;
    model.validation = metric_of(row, "validation_" + result_.measure);
    model.cost = *cost;
    const std::string training = training_key(task, step);
    const auto put = [&](Entry& entry) {
      touch(entry, task.index);
      entry.row.models.push_back(model);
      if (std::find(entry.trainings.begin(), entry.trainings.end(), training) ==
          entry.trainings.end()) {
        entry.trainings.push_back(training);
      }
    };
    const std::string search = search_of(task, row);
    const std::string uniform = uniform_name(row.origin);
    if (!search.empty()) {
      put(entry(Kind::kSearch, task.group, "", search, search_name(task, search)));
    }
    if (!uniform.empty()) {
      put(entry(Kind::kUniform, 0, training, "", "uniform"));
    } else if (is_float(row)) {
      put(entry(Kind::kFloat, 0, training, "", "float32"));
    } else if (search.empty()) {
      put(entry(Kind::kGiven, task.group, "", "", groups_[task.group].label));
    }
  }

  /// Searches whose policies another search went on with, and whose models nobody trained.
  void drop_empty_rows() {
    const auto used = [&](const Entry& entry) {
      for (const TaskRead& task : tasks_) {
        if (task.group != entry.group) continue;
        for (const StepRow& step : task.steps) {
          const auto sources = sources_of(task, step.name, true);
          if (std::find(sources.begin(), sources.end(), entry.searches.front()) != sources.end()) {
            return true;
          }
        }
      }
      return false;
    };
    const auto empty = [&](const Entry& entry) {
      return entry.row.kind == Kind::kSearch && entry.row.models.empty() && used(entry);
    };
    entries_.erase(std::remove_if(entries_.begin(), entries_.end(), empty), entries_.end());
  }

  void add_budget(const std::string& name, double cost) {
    for (Budget& known : result_.budgets) {
      if (known.cost <= cost * kWithin && cost <= known.cost * kWithin) {
        if (known.name.find(name) == std::string::npos) known.name += ", " + name;
        return;
      }
    }
    result_.budgets.push_back({name, cost});
  }

  void set_budgets() {
    std::vector<Budget> uniform;
    for (const Entry& entry : entries_) {
      if (entry.row.kind != Kind::kUniform) continue;
      for (const ComparedModel& model : entry.row.models) {
        add_budget(uniform_name(model.origin), model.cost);
      }
    }
    if (result_.budgets.empty()) add_reference_budgets();
    if (!input_.budgets.empty()) {
      const std::vector<Budget> known = std::move(result_.budgets);
      result_.budgets.clear();
      for (const double cost : input_.budgets) {
        const auto named = std::find_if(known.begin(), known.end(), [&](const Budget& budget) {
          return budget.cost <= cost * kWithin && cost <= budget.cost * kWithin;
        });
        add_budget(named == known.end() ? si_text(cost) : named->name, cost);
      }
    }
    std::sort(result_.budgets.begin(), result_.budgets.end(),
              [](const Budget& a, const Budget& b) { return a.cost < b.cost; });
  }

  /// Nobody trained a uniform model, but steps that train know what some would cost.
  void add_reference_budgets() {
    for (const TaskRead& task : tasks_) {
      for (const StepRow& step : task.steps) {
        if (!step.info.is_object() || !step.info.contains("reference_costs")) continue;
        for (const auto& [name, costs] : step.info["reference_costs"].items()) {
          const std::string uniform = uniform_name(name);
          if (!uniform.empty() && costs.contains(result_.cost)) {
            add_budget(uniform, costs[result_.cost].get<double>());
          }
        }
        return;
      }
    }
  }

  void place_models(Entry& entry) {
    entry.row.at.resize(result_.budgets.size());
    if (entry.row.kind == Kind::kFloat) return;
    for (ComparedModel& model : entry.row.models) {
      for (std::size_t b = 0; b < result_.budgets.size() && !model.budget; ++b) {
        if (model.cost <= result_.budgets[b].cost * kWithin) model.budget = b;
      }
    }
  }

  static void absorb(Entry& a, const Entry& b) {
    a.row.models.insert(a.row.models.end(), b.row.models.begin(), b.row.models.end());
    a.searches.insert(a.searches.end(), b.searches.begin(), b.searches.end());
    a.trainings.insert(a.trainings.end(), b.trainings.begin(), b.trainings.end());
    for (const std::size_t task : b.row.tasks) touch(a, task);
  }

  /// A pipeline may run one search several times, once for each budget: that is one row.
  void merge_rows() {
    const auto budgets_of = [](const Entry& entry) {
      std::set<std::size_t> budgets;
      for (const ComparedModel& model : entry.row.models) {
        if (model.budget) budgets.insert(*model.budget);
      }
      return budgets;
    };
    for (std::size_t i = 0; i < entries_.size(); ++i) {
      for (std::size_t j = entries_.size() - 1; j > i; --j) {
        Entry &a = entries_[i], &b = entries_[j];
        if (a.row.kind != Kind::kSearch || b.row.kind != Kind::kSearch || a.group != b.group ||
            a.row.name != b.row.name || b.row.models.empty()) {
          continue;
        }
        const auto ours = budgets_of(a), theirs = budgets_of(b);
        const bool common = std::any_of(theirs.begin(), theirs.end(),
                                        [&](std::size_t budget) { return ours.count(budget); });
        if (common) continue;
        absorb(a, b);
        entries_.erase(entries_.begin() + static_cast<std::ptrdiff_t>(j));
      }
    }
  }

  /// What the user gives one label is one row: policies of its search that other tasks trained,
  /// too.
  void merge_labelled_rows() {
    for (std::size_t g = 0; g < groups_.size(); ++g) {
      if (!groups_[g].labelled) continue;
      std::vector<std::size_t> searches, given;
      for (std::size_t i = 0; i < entries_.size(); ++i) {
        if (entries_[i].group != g) continue;
        if (entries_[i].row.kind == Kind::kSearch) searches.push_back(i);
        if (entries_[i].row.kind == Kind::kGiven) given.push_back(i);
      }
      if (searches.size() != 1 || given.empty()) continue;
      absorb(entries_[searches.front()], entries_[given.front()]);
      entries_.erase(entries_.begin() + static_cast<std::ptrdiff_t>(given.front()));
    }
  }

  bool better(double a, double b) const { return result_.maximize ? a > b : a < b; }

  /// Validation samples choose if they were measured for both, else the cost does.
  bool preferred(const ComparedModel& a, const ComparedModel& b) const {
    if (a.validation && b.validation) return better(*a.validation, *b.validation);
    return a.cost > b.cost;
  }

  RowAtBudget gather(const ComparedRow& row, std::optional<std::size_t> budget) const {
    std::map<std::size_t, std::size_t> chosen;  // task -> model
    for (std::size_t m = 0; m < row.models.size(); ++m) {
      const ComparedModel& model = row.models[m];
      if (model.budget != budget) continue;
      const auto [known, fresh] = chosen.emplace(model.task, m);
      if (!fresh && preferred(model, row.models[known->second])) known->second = m;
    }
    std::map<std::int64_t, std::vector<std::size_t>> by_seed;
    for (const auto& [task, model] : chosen) by_seed[result_.tasks[task].seed].push_back(model);
    RowAtBudget at;
    std::vector<double> measures, costs;
    for (const auto& [seed, models] : by_seed) {
      std::vector<double> of_seed, cost_of_seed;
      for (const std::size_t model : models) {
        of_seed.push_back(row.models[model].measure);
        cost_of_seed.push_back(row.models[model].cost);
      }
      at.seeds.push_back({seed, mean_of(of_seed), mean_of(cost_of_seed), models.front()});
      measures.push_back(at.seeds.back().measure);
      costs.push_back(at.seeds.back().cost);
    }
    if (at.seeds.empty()) return at;
    at.mean = mean_of(measures);
    at.mean_cost = mean_of(costs);
    at.spread = deviation_of(measures);
    return at;
  }

  void summarize(Entry& entry) {
    std::sort(entry.row.tasks.begin(), entry.row.tasks.end());
    if (entry.row.kind == Kind::kFloat) entry.row.whole = gather(entry.row, std::nullopt);
    for (std::size_t b = 0; b < result_.budgets.size(); ++b) {
      entry.row.at[b] = gather(entry.row, b);
    }
  }

  void order_rows() {
    std::stable_sort(entries_.begin(), entries_.end(),
                     [](const Entry& a, const Entry& b) { return a.row.kind < b.row.kind; });
  }

  /// Rows of tasks that the user has labelled go by that; others whose names occur twice get what
  /// tells them apart: the label of their tasks, their step, their first task.
  void name_rows() {
    std::vector<std::string> names, labels, steps, tasks;
    for (Entry& entry : entries_) {
      const bool own = entry.row.kind == Kind::kSearch || entry.row.kind == Kind::kGiven;
      const bool labelled = own && groups_[entry.group].labelled;
      names.push_back(labelled ? groups_[entry.group].label : entry.row.name);
      std::vector<std::string> members;
      for (const std::size_t task : entry.row.tasks) members.push_back(result_.tasks[task].name);
      labels.push_back(group_label(members));
      steps.push_back(entry.searches.empty() ? "" : entry.searches.front());
      tasks.push_back(members.front());
    }
    tell_apart({labels, steps, tasks}, names);
    for (std::size_t i = 0; i < entries_.size(); ++i) entries_[i].row.name = names[i];
  }

  /// The uniform row of the same training, or else the only one that has this budget.
  const Entry* uniform_for(const Entry& entry, std::size_t budget) const {
    std::vector<const Entry*> others;
    for (const Entry& uniform : entries_) {
      if (uniform.row.kind != Kind::kUniform || uniform.row.at[budget].seeds.empty()) continue;
      const auto& trainings = entry.trainings;
      if (std::find(trainings.begin(), trainings.end(), uniform.training) != trainings.end()) {
        return &uniform;
      }
      others.push_back(&uniform);
    }
    return others.size() == 1 ? others.front() : nullptr;
  }

  void take_differences(Entry& entry) {
    if (entry.row.kind != Kind::kSearch && entry.row.kind != Kind::kGiven) return;
    for (std::size_t b = 0; b < result_.budgets.size(); ++b) {
      RowAtBudget& at = entry.row.at[b];
      const Entry* uniform = uniform_for(entry, b);
      if (!uniform) continue;
      std::vector<double> ours, theirs;
      for (const SeedValue& value : at.seeds) {
        for (const SeedValue& other : uniform->row.at[b].seeds) {
          if (other.seed != value.seed) continue;
          ours.push_back(value.measure);
          theirs.push_back(other.measure);
        }
      }
      if (ours.empty()) continue;
      at.difference = paired_difference(ours, theirs, kConfidence);
      at.against = uniform->row.name;
    }
  }

  /// Searches that tried policies: what validation samples say of the ones put forward.
  void add_fronts(std::size_t index) {
    const Entry& entry = entries_[index];
    for (const TaskRead& task : tasks_) {
      const auto& members = entry.row.tasks;
      if (entry.row.kind != Kind::kSearch ||
          std::find(members.begin(), members.end(), task.index) == members.end()) {
        continue;
      }
      SearchFront front{index, task.index, {}};
      for (const StepRow& step : task.steps) {
        const auto& known = entry.searches;
        if (std::find(known.begin(), known.end(), step.name) == known.end()) continue;
        for (const ResultRow& trial : task.trials.at(step.name)) {
          const auto cost = metric_of(trial, result_.cost);
          const auto measure = metric_of(trial, result_.measure);
          if (trial.front && cost && measure) front.points.emplace_back(*cost, *measure);
        }
      }
      std::sort(front.points.begin(), front.points.end());
      if (!front.points.empty()) result_.fronts.push_back(std::move(front));
    }
  }

  void read_scores() {
    std::vector<std::string> names, labels, steps;
    for (std::size_t g = 0; g < groups_.size(); ++g) {
      std::map<std::string, std::size_t> place;  // step -> source
      for (const TaskRead& task : tasks_) {
        if (task.group != g) continue;
        for (const StepRow& step : task.steps) {
          const std::string file = find_artifact(task.folder(step.name), "layer_scores");
          if (file.empty()) continue;
          LayerScores scores = read_layer_scores(file);
          const auto [known, fresh] = place.emplace(step.name, result_.scores.size());
          if (fresh) {
            names.push_back(
                shortened(scores.origin.empty() ? search_name(task, step.name) : scores.origin));
            result_.scores.emplace_back();
            labels.push_back(groups_[g].label);
            steps.push_back(step.name);
          }
          result_.scores[known->second].by_seed.push_back(std::move(scores));
        }
      }
    }
    tell_apart({labels, steps}, names);
    for (std::size_t i = 0; i < names.size(); ++i) result_.scores[i].name = names[i];
  }

  const ComparisonInput& input_;
  Comparison result_;
  std::vector<ordered_json> pipelines_;  // of all tasks, those that are left out included
  std::vector<Group> groups_;
  std::vector<TaskRead> tasks_;
  std::vector<Entry> entries_;
};

std::string width_text_of(const std::string& word) {
  try {
    const Format format = Format::parse(word);
    if (format.is_float32()) return "32";
    return format.is_integer() ? std::to_string(format.bits) : word;
  } catch (const Error&) {
    return "?";
  }
}

}  // namespace

Comparison compare(const ComparisonInput& input) { return Reader(input).read(); }

std::string widths_text(const ordered_json& policy, const std::string& layer) {
  for (const auto& item : policy) {
    if (text_of(item, "name") != layer) continue;
    return "w" + width_text_of(text_of(item, "weight")) + "a" +
           width_text_of(text_of(item, "activation"));
  }
  return "w32a32";
}

}  // namespace deneb::reports
