#include "search_training.h"

#include <torch/csrc/autograd/autograd.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <optional>

#include <deneb/data/data_loader.h>
#include <deneb/io/safetensors.h>
#include <deneb/nn/walk.h>
#include <deneb/train/criterion.h>
#include <deneb/train/training_loop.h>

#include "cost_steering.h"

namespace deneb::edmips {
namespace {

using torch::Tensor;

constexpr std::int64_t kTracePoints = 200;
constexpr std::int64_t kNumbersOfPoint = 6;  // of TracePoint, before the costs
// Where the schedule lets the rate fall below this share of its start, the steering does not make
// up for it any more.
constexpr double kLeastShareOfRate = 0.01;

class SearchTraining {
 public:
  SearchTraining(SearchContext& context, const EdmipsOptions& options)
      : context_(context), options_(options), relaxed_(context, options) {
    if (options_.target.is_set()) {
      costs_.emplace_back(context_, options_.target.cost);
      target_ = searches::target_value(context_, options_.target);
    } else {
      for (const PenaltyTerm& term : options_.penalty) costs_.emplace_back(context_, term.cost);
    }
    for (const ExpectedCost& cost : costs_) trace_.costs.push_back(cost.name());
  }

  Trace run() {
    TrainerOptions trainer = options_.trainer;
    ParameterGroup group;
    group.match = relaxed_.logits_glob();
    group.lr = options_.alpha_lr;
    group.weight_decay = options_.alpha_weight_decay;
    trainer.optimizer.groups.push_back(group);  // the last one that matches counts

    FitRequest request;
    request.seed = context_.seed("search");
    request.device = context_.device();
    request.criterion = &context_.criterion();
    request.evaluator = &context_.evaluator();
    if (trainer.distillation.weight > 0) request.teacher = context_.make_network();
    if (request.teacher) request.teacher->to(context_.device());
    request.checkpoint = context_.artifact_path("search.checkpoint.safetensors");
    request.hooks.before_step = [this](StepInfo& info) {
      if (!steering_) steering_.emplace(info.total_steps, integral_);
    };
    request.hooks.loss = [this](const StepInfo& info, const Tensor& task_loss) {
      const Tensor penalty = penalty_of(info);
      return penalty.defined() ? task_loss + penalty.to(task_loss.scalar_type()) : task_loss;
    };
    request.hooks.after_step = [this](const StepInfo& info) { after_step(info); };
    request.hooks.on_progress = [this](const StepInfo& info) {
      context_.progress(info.step, info.total_steps,
                        "searching, loss " + std::to_string(info.task_loss));
    };
    request.hooks.save_state = [this] { return save(); };
    request.hooks.load_state = [this](const HookState& state) { load(state); };
    const FitResult fit = TrainingLoop(trainer).fit(relaxed_.network(), context_.data(), request);
    add_validations(fit.epochs);
    if (options_.save_weights) write_weights();
    return trace_;
  }

 private:
  Tensor penalty_of(const StepInfo& info) {
    factor_ = 0;
    if (target_) return steered_penalty(info);
    if (options_.complexity_decay <= 0) return {};
    factor_ = options_.complexity_decay;
    const auto shares = relaxed_.shares();
    Tensor sum;
    for (std::size_t i = 0; i < costs_.size(); ++i) {
      const Tensor term =
          costs_[i].searched(shares) * (options_.penalty[i].weight / costs_[i].unit(options_.norm));
      sum = sum.defined() ? sum + term : term;
    }
    return sum * factor_;
  }

  Tensor steered_penalty(const StepInfo& info) {
    const Tensor expected = costs_[0].searched(relaxed_.shares()) + costs_[0].fixed();
    const Tensor excess = (expected / *target_).log();
    Tensor squares = at::zeros({}, excess.options().requires_grad(false));
    for (const Tensor& g : torch::autograd::grad({excess}, relaxed_.logits(), {},
                                                 /*retain_graph=*/true)) {
      squares += g.square().sum().to(squares.scalar_type());
    }
    const double lr = std::max(info.group_lr.back(), kLeastShareOfRate * options_.alpha_lr);
    const double momentum = std::min(options_.trainer.optimizer.momentum, 0.999);
    factor_ = steering_->factor(excess.item<double>(), lr / (1 - momentum),
                                std::sqrt(squares.item<double>()));
    return excess * factor_;
  }

  void after_step(const StepInfo& info) {
    relaxed_.tie();
    const std::int64_t step = info.step + 1;
    const bool last = step >= info.total_steps;
    const std::int64_t interval = std::max<std::int64_t>(1, info.total_steps / kTracePoints);
    const bool due = step % interval == 0 || step == 1 || last;
    const bool epoch_ends = step % info.steps_per_epoch == 0 || last;
    if (!due && !epoch_ends) return;
    const Probabilities p = relaxed_.probabilities();
    if (due) {
      TracePoint point;
      point.step = step;
      point.task_loss = info.task_loss;
      point.penalty = info.penalty;
      point.factor = factor_;
      point.weight_entropy = mean_entropy(context_.space(), p, QuantizerRole::kWeight);
      point.activation_entropy = mean_entropy(context_.space(), p, QuantizerRole::kActivation);
      for (const ExpectedCost& cost : costs_) {
        point.costs.push_back(cost.fixed() + cost.searched(p));
      }
      trace_.points.push_back(point);
    }
    if (epoch_ends) trace_.epochs.push_back({p, {}});
  }

  HookState save() const {
    std::vector<double> points, probabilities;
    for (const TracePoint& p : trace_.points) {
      points.insert(points.end(), {double(p.step), p.task_loss, p.penalty, p.factor,
                                   p.weight_entropy, p.activation_entropy});
      points.insert(points.end(), p.costs.begin(), p.costs.end());
    }
    for (const EpochState& epoch : trace_.epochs) {
      for (const auto& gene : epoch.probabilities) {
        probabilities.insert(probabilities.end(), gene.begin(), gene.end());
      }
    }
    const double integral = steering_ ? steering_->integral() : integral_;
    return {{"points", torch::tensor(points, torch::kFloat64)},
            {"probabilities", torch::tensor(probabilities, torch::kFloat64)},
            {"steering", torch::tensor({integral}, torch::kFloat64)}};
  }

  void load(const HookState& state) {
    const auto numbers = [&](const std::string& name) {
      for (const auto& [key, tensor] : state) {
        if (key != name || tensor.scalar_type() != torch::kFloat64) continue;
        const Tensor flat = tensor.contiguous();
        return std::vector<double>(flat.data_ptr<double>(), flat.data_ptr<double>() + flat.numel());
      }
      throw DataError("the state of the search lacks " + name +
                      "; delete the checkpoint to search from the start");
    };
    const std::vector<double> points = numbers("points"), all = numbers("probabilities");
    const std::size_t width = std::size_t(kNumbersOfPoint) + costs_.size();
    std::size_t genes = 0;
    for (const Gene& gene : context_.space().genes()) genes += gene.candidates.size();
    const std::vector<double> steering = numbers("steering");
    if (points.size() % width != 0 || all.size() % genes != 0 || steering.size() != 1) {
      throw DataError(
          "the state of the search is damaged; delete the checkpoint to search from the start");
    }
    integral_ = steering[0];
    trace_.points.clear();
    for (auto at = points.begin(); at != points.end(); at += std::ptrdiff_t(width)) {
      trace_.points.push_back({std::int64_t(at[0]),
                               at[1],
                               at[2],
                               at[3],
                               at[4],
                               at[5],
                               {at + kNumbersOfPoint, at + std::ptrdiff_t(width)}});
    }
    trace_.epochs.clear();
    for (auto at = all.begin(); at != all.end();) {
      EpochState epoch;
      for (const Gene& gene : context_.space().genes()) {
        epoch.probabilities.emplace_back(at, at + std::ptrdiff_t(gene.candidates.size()));
        at += std::ptrdiff_t(gene.candidates.size());
      }
      trace_.epochs.push_back(std::move(epoch));
    }
  }

  void add_validations(const std::vector<EpochRecord>& records) {
    trace_.best = trace_.epochs.size() - 1;
    double best = -std::numeric_limits<double>::infinity();
    for (std::size_t i = 0; i < std::min(records.size(), trace_.epochs.size()); ++i) {
      trace_.epochs[i].validation = records[i].validation;
      if (records[i].validation.empty()) continue;
      const Metric& first = records[i].validation.all().front();
      const double value = first.direction == Direction::kMaximize ? first.value : -first.value;
      if (!(value > best)) continue;
      best = value;
      trace_.best = i;
    }
  }

  void write_weights() {
    TensorFile file;
    for (const auto& [name, tensor] : state_of(relaxed_.network())) {
      if (name.find("_quantizer.") == std::string::npos) file.tensors.emplace_back(name, tensor);
    }
    write_safetensors(context_.artifact_path("weights.safetensors"), file);
  }

  SearchContext& context_;
  const EdmipsOptions& options_;
  RelaxedNetwork relaxed_;
  std::vector<ExpectedCost> costs_;
  std::optional<double> target_;
  std::optional<CostSteering> steering_;
  double integral_ = 0, factor_ = 0;
  Trace trace_;
};

}  // namespace

Trace train_relaxed(SearchContext& context, const EdmipsOptions& options) {
  return SearchTraining(context, options).run();
}

}  // namespace deneb::edmips
