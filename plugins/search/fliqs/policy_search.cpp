#include "policy_search.h"

#include <torch/types.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <optional>

#include <deneb/data/data_loader.h>
#include <deneb/random.h>
#include <deneb/train/criterion.h>
#include <deneb/train/evaluator.h>
#include <deneb/train/training_loop.h>

#include "entropy_schedule.h"
#include "expected_cost.h"
#include "format_policy.h"
#include "one_batch.h"
#include "reward.h"

namespace deneb::fliqs {
namespace {

using searches::Probabilities;
using torch::Tensor;

constexpr std::int64_t kTracePoints = 200;

std::vector<std::size_t> options_of(const SearchSpace& space) {
  std::vector<std::size_t> sizes;
  for (const Gene& gene : space.genes()) sizes.push_back(gene.candidates.size());
  return sizes;
}

/// The batches of the validation split one after the other, round and round.
class ValidationBatches {
 public:
  explicit ValidationBatches(const DataLoader& data) : data_(data) {}
  /// The batch of that turn, 0-based; turns must not go back.
  const Batch& at(std::int64_t turn) {
    const std::int64_t batches = data_.batches(Split::kValidation);
    if (batches == 0) {
      throw ConfigError(
          "search_algorithm.reward.quality: needs a validation split; lower "
          "data_loader.train_portion");
    }
    while (next_ <= turn) {
      if (!stream_ || next_ % batches == 0) {
        // What a resumed search has seen already need not be read again.
        if (turn - next_ >= batches) next_ = turn - turn % batches;
        stream_ = data_.evaluate(Split::kValidation);
      }
      stream_->next(batch_);
      ++next_;
    }
    return batch_;
  }

 private:
  const DataLoader& data_;
  std::unique_ptr<BatchStream> stream_;
  Batch batch_;
  std::int64_t next_ = 0;
};

class PolicySearch {
 public:
  PolicySearch(SearchContext& context, const FliqsOptions& options, SampledNetwork& sampled)
      : context_(context),
        options_(options),
        sampled_(sampled),
        space_(context.space()),
        cost_(context, options.target.cost),
        target_(searches::target_value(context, options.target)),
        policy_(options_of(space_), options.policy.temperature, {options.policy.lr}),
        baseline_(options.policy.baseline_decay),
        quality_(options.policy.baseline_decay),
        spread_(options.policy.baseline_decay),
        validation_(context.data()) {}

  Trace run() {
    FitRequest request;
    request.seed = context_.seed("search");
    request.device = context_.device();
    request.criterion = &context_.criterion();
    if (options_.trainer.distillation.weight > 0) {
      request.teacher = context_.make_network();
      request.teacher->to(context_.device());
    }
    request.checkpoint = context_.artifact_path("search.checkpoint.safetensors");
    request.hooks.before_step = [this](const StepInfo& info) { sample(info); };
    request.hooks.on_output = [this](const Output& output, const Batch& batch) {
      if (options_.reward.quality == "train_accuracy") accuracy_ = accuracy(output, batch);
    };
    request.hooks.after_step = [this](const StepInfo& info) { learn(info); };
    request.hooks.on_progress = [this](const StepInfo& info) {
      context_.progress(info.step, info.total_steps,
                        "searching, loss " + std::to_string(info.task_loss));
    };
    request.hooks.save_state = [this] { return save(); };
    request.hooks.load_state = [this](const HookState& state) { load(state); };
    TrainerOptions trainer = options_.trainer;
    trainer.valid_interval = 0;  // of a policy that was drawn last: says nothing
    TrainingLoop(trainer).fit(sampled_.network(), context_.data(), request);
    if (trace_.epochs.empty()) trace_.epochs.push_back(policy_.probabilities());
    return trace_;
  }

 private:
  std::int64_t delay(const StepInfo& info) const {
    return std::int64_t(std::llround(options_.policy.delay * double(info.total_steps)));
  }

  void sample(const StepInfo& info) {
    if (!schedule_) {
      schedule_.emplace(options_.policy.entropy.schedule, delay(info), info.total_steps);
    }
    // A generator for every step, so that a resumed search draws the same policies.
    std::mt19937_64 rng(
        derive_seed(context_.seed("policy"), static_cast<std::uint64_t>(info.step)));
    genome_ = policy_.sample(rng, info.step < delay(info));
    sampled_.set(genome_);
  }

  double accuracy(const Output& output, const Batch& batch) const {
    const Tensor right = output.logits.detach().argmax(-1) == batch.target();
    const Tensor counted = context_.criterion().counted(batch);
    const Tensor judged = counted.defined() ? right.masked_select(counted) : right;
    return judged.to(torch::kFloat64).mean().item<double>();
  }

  // In evaluation mode, with the present policy.
  double measure(const Batch& batch, bool loss) {
    searches::OneBatch stream(batch);
    if (!loss) {
      return context_.evaluator()
          .evaluate(sampled_.network(), stream, context_.criterion(), context_.device())
          .all()
          .front()
          .value;
    }
    torch::NoGradGuard no_grad;
    const EvaluationMode mode(sampled_.network());
    const Batch there = batch.to(context_.device());
    const LossSum sum = context_.criterion().measure(sampled_.network().forward(there), there);
    return sum.sum / double(std::max<std::int64_t>(1, sum.count));
  }

  double quality(const StepInfo& info) {
    const RewardOptions& reward = options_.reward;
    if (!reward.on_validation()) return reward.is_loss() ? -info.task_loss : accuracy_;
    const double value = measure(validation_.at(info.step), reward.is_loss());
    return reward.is_loss() ? -value : value;
  }

  void learn(const StepInfo& info) {
    const double q = quality(info);
    const RewardOptions& how = options_.reward;
    const double rho = cost_of(genome_) / target_;
    const double beta = how.raw_beta ? how.beta : punishing_beta(how.form, how.beta, q);
    const double earned = reward(how.form, q, rho, beta);
    std::vector<double> advantages(genome_.size(), baseline_.advantage(earned));
    quality_.advantage(q);
    if (options_.policy.baseline == "decision") {
      auto ratios = cost_.averaged_over_own(genome_, policy_.probabilities());
      for (double& ratio : ratios) ratio = (cost_.fixed() + ratio) / target_;
      advantages = advantages_by_decision(how.form, earned, quality_.mean(), ratios, beta);
    }
    spread_.take(advantages);
    const EntropyOptions& entropy = options_.policy.entropy;
    const double unit = entropy.scale == "spread" ? spread_.value() : 1;
    const double weight = unit * entropy.weight * schedule_->at(info.step);
    if (info.step >= delay(info)) policy_.learn(genome_, advantages, weight);
    note(info, q, earned, rho, weight);
  }

  double cost_of(const std::vector<int>& genome) const {
    return context_.cost_model(options_.target.cost).total(space_.network(), space_.decode(genome));
  }

  void note(const StepInfo& info, double q, double earned, double rho, double weight) {
    const std::int64_t step = info.step + 1;
    const bool last = step >= info.total_steps;
    sum_[0] += q;
    sum_[1] += earned;
    sum_[2] += rho;
    sum_[3] += 1;
    const bool epoch_ends = step % info.steps_per_epoch == 0 || last;
    const bool due = step % std::max<std::int64_t>(1, info.total_steps / kTracePoints) == 0;
    if (due || last) {
      const Probabilities p = policy_.probabilities();
      TracePoint point;
      point.step = step;
      point.quality = sum_[0] / sum_[3];
      point.reward = sum_[1] / sum_[3];
      point.cost_ratio = sum_[2] / sum_[3];
      point.baseline = baseline_.mean();
      point.expected_ratio = (cost_.fixed() + cost_.searched(p)) / target_;
      point.entropy = mean_entropy_of(p);
      point.entropy_weight = weight;
      trace_.points.push_back(point);
      std::fill(sum_.begin(), sum_.end(), 0.0);
    }
    if (epoch_ends) trace_.epochs.push_back(policy_.probabilities());
    const std::int64_t probes = options_.probes;
    if (probes > 0 && step * probes / info.total_steps != (step - 1) * probes / info.total_steps) {
      probe(step);
    }
  }

  double mean_entropy_of(const Probabilities& p) const {
    double sum = 0;
    int count = 0;
    for (const auto& row : p) {
      if (row.size() < 2) continue;
      for (const double v : row) sum -= v * std::log(v) / std::log(double(row.size()));
      ++count;
    }
    return count == 0 ? 0 : sum / count;
  }

  void probe(std::int64_t step) {
    if (context_.data().batches(Split::kValidation) == 0) return;
    if (fixed_.empty()) context_.data().evaluate(Split::kValidation)->next(fixed_);
    const auto loss_of = [&](const std::vector<int>& genome) {
      sampled_.set(genome);
      return measure(fixed_, /*loss=*/true);
    };
    Probe probe;
    probe.step = step;
    probe.sampled = loss_of(genome_);
    probe.argmax = loss_of(searches::most_probable_genome(policy_.probabilities(), space_.genes()));
    for (const auto& genome : space_.uniform()) probe.uniform.push_back(loss_of(genome));
    trace_.probes.push_back(std::move(probe));
  }

  // Flat numbers of one kind each.
  HookState save() const {
    std::vector<double> points, probes, epochs;
    for (const TracePoint& p : trace_.points) {
      points.insert(points.end(), {double(p.step), p.quality, p.reward, p.baseline, p.cost_ratio,
                                   p.expected_ratio, p.entropy, p.entropy_weight});
    }
    for (const Probe& p : trace_.probes) {
      probes.insert(probes.end(), {double(p.step), p.argmax, p.sampled});
      probes.insert(probes.end(), p.uniform.begin(), p.uniform.end());
    }
    for (const Probabilities& epoch : trace_.epochs) {
      for (const auto& row : epoch) epochs.insert(epochs.end(), row.begin(), row.end());
    }
    const auto tensor = [](const std::vector<double>& values) {
      return torch::tensor(values, torch::kFloat64);
    };
    return {{"policy", tensor(policy_.state())},
            {"baseline", tensor(baseline_.state())},
            {"quality", tensor(quality_.state())},
            {"spread", tensor(spread_.state())},
            {"sums", tensor(sum_)},
            {"points", tensor(points)},
            {"probes", tensor(probes)},
            {"epochs", tensor(epochs)}};
  }

  void load(const HookState& state) {
    const auto numbers = [&](const std::string& name) {
      for (const auto& [key, tensor] : state) {
        if (key != name || tensor.scalar_type() != torch::kFloat64) continue;
        const Tensor flat = tensor.contiguous();
        return std::vector<double>(flat.data_ptr<double>(), flat.data_ptr<double>() + flat.numel());
      }
      throw damaged();
    };
    const std::vector<double> points = numbers("points"), probes = numbers("probes"),
                              epochs = numbers("epochs");
    const std::size_t uniform = space_.uniform().size();
    std::size_t row = 0;
    for (const std::size_t n : options_of(space_)) row += n;
    sum_ = numbers("sums");
    if (!policy_.set_state(numbers("policy")) || !baseline_.set_state(numbers("baseline")) ||
        !quality_.set_state(numbers("quality")) || !spread_.set_state(numbers("spread")) ||
        sum_.size() != 4 || points.size() % 8 != 0 || probes.size() % (3 + uniform) != 0 ||
        epochs.size() % row != 0) {
      throw damaged();
    }
    trace_ = {};
    for (std::size_t i = 0; i < points.size(); i += 8) {
      const double* p = points.data() + i;
      trace_.points.push_back({std::int64_t(p[0]), p[1], p[2], p[3], p[4], p[5], p[6], p[7]});
    }
    for (std::size_t i = 0; i < probes.size(); i += 3 + uniform) {
      const double* p = probes.data() + i;
      trace_.probes.push_back({std::int64_t(p[0]), p[1], p[2], {p + 3, p + 3 + uniform}});
    }
    for (auto at = epochs.begin(); at != epochs.end();) {
      Probabilities epoch;
      for (const std::size_t n : options_of(space_)) {
        epoch.emplace_back(at, at + std::ptrdiff_t(n));
        at += std::ptrdiff_t(n);
      }
      trace_.epochs.push_back(std::move(epoch));
    }
  }

  static DataError damaged() {
    return DataError(
        "the state of the search is damaged; delete the checkpoint to search from the start");
  }

  SearchContext& context_;
  const FliqsOptions& options_;
  SampledNetwork& sampled_;
  const SearchSpace& space_;
  searches::ExpectedCost cost_;
  double target_;
  FormatPolicy policy_;
  Baseline baseline_, quality_;  // of rewards, and of qualities
  Spread spread_;
  std::optional<EntropySchedule> schedule_;  // when the number of steps is known
  ValidationBatches validation_;
  std::vector<int> genome_;
  double accuracy_ = 0;
  Batch fixed_;
  std::vector<double> sum_ = std::vector<double>(4, 0.0);  // since the last point of the trace
  Trace trace_;
};

}  // namespace

Trace search_policy(SearchContext& context, const FliqsOptions& options, SampledNetwork& network) {
  return PolicySearch(context, options, network).run();
}

}  // namespace deneb::fliqs
