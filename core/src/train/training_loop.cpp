#include <deneb/interrupt.h>
#include <deneb/nn/fold_batch_norms.h>
#include <deneb/nn/frozen_weights.h>
#include <deneb/nn/walk.h>
#include <deneb/options/config.h>
#include <deneb/random.h>
#include <deneb/train/batch_norms.h>
#include <deneb/train/cross_entropy.h>
#include <deneb/train/training_loop.h>
#include <torch/nn/utils/clip_grad.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "compat/autocast.h"
#include "train/checkpoint.h"
#include "train/distillation.h"
#include "train/optimizer.h"
#include "train/placement.h"
#include "train/weight_average.h"

namespace deneb {
namespace {

using detail::Checkpoint;
using detail::NamedTensors;
using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

nlohmann::ordered_json to_json(const EpochRecord& r) {
  return {{"epoch", r.epoch},     {"lr", r.lr},           {"train_loss", r.train_loss},
          {"penalty", r.penalty}, {"seconds", r.seconds}, {"validation", r.validation.to_json()}};
}

// One training run: the state that a checkpoint holds, and the loop over it.
class Run {
 public:
  Run(const TrainerOptions& options, Network& network, const DataLoader& data,
      const FitRequest& request)
      : options_(options),
        network_(network),
        data_(data),
        request_(request),
        criterion_(request.criterion ? *request.criterion : plain_),
        optimizer_(options.optimizer, network),
        average_(network, options.ema_decay) {
    info_.steps_per_epoch = data.batches(Split::kTrain);
    info_.total_steps = info_.steps_per_epoch * options.epochs;
    if (options.max_steps > 0) info_.total_steps = std::min(info_.total_steps, options.max_steps);
    TrainerOptions copy = options;
    nlohmann::ordered_json identity = write_options(walk(copy));
    identity.erase("checkpoint_seconds");
    DataLoaderOptions loader = data.options();
    identity["data_loader"] = write_options(walk(loader));
    identity["data_loader"].erase("workers");
    identity["criterion"] = criterion_.identity();
    identity["seed"] = request.seed;
    identity["samples"] = data.samples(Split::kTrain);
    identity_ = identity.dump();
  }

  FitResult go() {
    if (options_.distillation.weight > 0 && !request_.teacher) {
      throw ConfigError("trainer.distillation: there is no teacher; set weight to 0");
    }
    if (bool(request_.hooks.save_state) != bool(request_.hooks.load_state)) {
      throw RunError("training: hooks with only one of save_state and load_state; give both");
    }
    if (request_.teacher) {
      request_.teacher->eval();
      if (options_.channels_last) detail::use_channels_last(*request_.teacher);
      frozen_teacher_ = std::make_unique<FrozenWeights>(*request_.teacher);
    }
    at::manual_seed(request_.seed);
    if (!request_.checkpoint.empty() && std::filesystem::exists(request_.checkpoint)) resume();
    last_checkpoint_ = Clock::now();
    while (info_.step < info_.total_steps) train_epoch();
    finish();
    return result_;
  }

 private:
  void resume() {
    const std::string& path = request_.checkpoint;
    try {
      const auto known = detail::read_checkpoint_progress(path);
      if (known.at("identity") != identity_) {
        throw ConfigError(path +
                          ": was written with other options, seed or data; delete it to "
                          "train from the start, or restore the options");
      }
      check_hook_state(known.at("hook_state"));
      Checkpoint checkpoint = detail::read_checkpoint(path, optimizer_.optimizer());
      restore_progress(checkpoint.progress);
      detail::restore_state(network_, checkpoint.model);
      average_.restore(checkpoint.ema, path);
      best_ = checkpoint.best;
      if (request_.hooks.load_state) request_.hooks.load_state(checkpoint.hooks);
    } catch (const nlohmann::json::exception& e) {
      throw DataError(path + ": its progress record is damaged (" + e.what() +
                      "); delete it to train from the start");
    }
    result_.resumed = true;
  }

  void check_hook_state(bool stored) const {
    if (stored == bool(request_.hooks.load_state)) return;
    throw ConfigError(request_.checkpoint +
                      (stored
                           ? ": holds the state of a search that takes part in the training, and "
                             "this training has none"
                           : ": holds no state of the search that takes part in this training") +
                      "; delete it to train from the start");
  }

  void restore_progress(const nlohmann::ordered_json& p) {
    info_.step = p.at("step");
    loss_sum_ = p.at("loss_sum");
    penalty_sum_ = p.at("penalty_sum");
    samples_ = p.at("samples");
    if (info_.step < 0 || info_.step > info_.total_steps || samples_ < 0) {
      throw DataError(request_.checkpoint + ": its progress record is damaged (step " +
                      std::to_string(info_.step) + " of " + std::to_string(info_.total_steps) +
                      "); delete it to train from the start");
    }
    epoch_seconds_ = p.at("epoch_seconds");
    best_value_ = p.at("best_value");
    for (const auto& item : p.at("epochs")) {
      EpochRecord record;
      record.epoch = item.at("epoch");
      record.lr = item.at("lr");
      record.train_loss = item.at("train_loss");
      record.penalty = item.at("penalty");
      record.seconds = item.at("seconds");
      for (const auto& metric : item.at("metrics")) {
        // JSON has no NaN and no infinity: they are written as null.
        const double value = metric.at(1).is_null() ? std::nan("") : metric.at(1).get<double>();
        record.validation.set(metric.at(0), value, parse_direction(metric.at(2)));
      }
      result_.epochs.push_back(record);
    }
  }

  void save() {
    last_checkpoint_ = Clock::now();
    if (request_.checkpoint.empty()) return;
    Checkpoint checkpoint;
    checkpoint.model = state_of(network_);
    if (average_.on()) checkpoint.ema = average_.state();
    checkpoint.best = best_;
    if (request_.hooks.save_state) checkpoint.hooks = request_.hooks.save_state();
    auto epochs = nlohmann::ordered_json::array();
    for (const EpochRecord& record : result_.epochs) {
      auto item = to_json(record);
      auto metrics = nlohmann::ordered_json::array();
      for (const Metric& m : record.validation.all()) {
        metrics.push_back({m.name, m.value, direction_word(m.direction)});
      }
      item["metrics"] = metrics;
      epochs.push_back(item);
    }
    checkpoint.progress = {{"identity", identity_},
                           {"hook_state", bool(request_.hooks.save_state)},
                           {"step", info_.step},
                           {"loss_sum", loss_sum_},
                           {"penalty_sum", penalty_sum_},
                           {"samples", samples_},
                           {"epoch_seconds", epoch_seconds_},
                           {"best_value", best_value_},
                           {"epochs", epochs}};
    detail::write_checkpoint(request_.checkpoint, checkpoint, optimizer_.optimizer());
  }

  void train_epoch() {
    info_.epoch = info_.step / info_.steps_per_epoch;
    const double seconds_before = epoch_seconds_;
    const auto start = Clock::now();
    network_.train();
    auto stream = data_.train(request_.seed, info_.epoch, info_.step % info_.steps_per_epoch);
    Batch batch;
    while (info_.step < info_.total_steps && stream->next(batch)) {
      train_step(detail::on_device(batch, request_.device, options_.channels_last));
      ++info_.step;
      epoch_seconds_ = seconds_before + seconds_since(start);
      if (request_.hooks.on_progress) {
        StepInfo shown = info_;
        shown.loss = loss_sum_ / double(samples_);
        shown.penalty = penalty_sum_ / double(samples_);
        shown.task_loss = shown.loss - shown.penalty;
        request_.hooks.on_progress(shown);
      }
      if (info_.step % info_.steps_per_epoch == 0 || info_.step >= info_.total_steps) break;
      if (stop_signal() != 0) {
        save();
        throw_if_stopping();
      }
      check_deadline();
      if (seconds_since(last_checkpoint_) > options_.checkpoint_seconds) save();
    }
    stream.reset();
    end_epoch();
    save();
    // Only after the record of the epoch, which a resumed training would not write.
    throw_if_stopping();
    if (info_.step < info_.total_steps) check_deadline();
  }

  void check_deadline() const {
    if (!request_.deadline || Clock::now() <= *request_.deadline) return;
    throw RunError("training: out of time at step " + std::to_string(info_.step) + " of " +
                   std::to_string(info_.total_steps) + "; allow more time or train fewer epochs");
  }

  void train_step(const Batch& batch) {
    set_learning_rates();
    const TrainHooks& hooks = request_.hooks;
    optimizer_.optimizer().zero_grad();
    const torch::Tensor loss =
        hooks.forward_backward ? hooks.forward_backward(network_, batch) : standard_pass(batch);
    info_.loss = loss.item<double>();
    if (!hooks.loss || hooks.forward_backward) info_.task_loss = info_.loss;
    info_.penalty = info_.loss - info_.task_loss;
    if (!std::isfinite(info_.loss)) {
      // std::to_string shows the sign of a NaN, which means nothing.
      const std::string shown = std::isnan(info_.loss) ? "nan" : std::to_string(info_.loss);
      throw RunError("training: the loss is " + shown + " at epoch " +
                     std::to_string(info_.epoch + 1) + ", step " + std::to_string(info_.step + 1) +
                     "; lower the learning rate, clip gradients or use more bits");
    }
    const auto parameters = network_.parameters();
    if (options_.grad_clip_norm > 0) {
      torch::nn::utils::clip_grad_norm_(parameters, options_.grad_clip_norm);
    }
    if (options_.grad_clip_value > 0) {
      torch::nn::utils::clip_grad_value_(parameters, options_.grad_clip_value);
    }
    optimizer_.optimizer().step();
    average_.update(network_, info_.step);
    loss_sum_ += info_.loss * double(batch.size());
    penalty_sum_ += info_.penalty * double(batch.size());
    samples_ += batch.size();
    if (hooks.after_step) hooks.after_step(info_);
  }

  void set_learning_rates() {
    const auto scheduled = [this](double base) {
      return learning_rate(options_.lr_scheduler, base, info_.step, info_.steps_per_epoch,
                           info_.total_steps);
    };
    info_.lr = scheduled(options_.optimizer.lr);
    info_.group_lr.clear();
    for (const double base : optimizer_.base_lr()) info_.group_lr.push_back(scheduled(base));
    if (request_.hooks.before_step) {
      StepInfo shown = info_;
      request_.hooks.before_step(shown);
      if (shown.group_lr.size() != info_.group_lr.size()) {
        throw RunError("training: before_step left " + std::to_string(shown.group_lr.size()) +
                       " learning rates of groups, expected " +
                       std::to_string(info_.group_lr.size()));
      }
      info_.lr = shown.lr;
      info_.group_lr = shown.group_lr;
    }
    optimizer_.set_lr(info_.lr, info_.group_lr);
  }

  // Forward and backward; the loss that was differentiated.
  torch::Tensor standard_pass(const Batch& batch) {
    const Output output = forward(network_, batch, options_.precision);
    if (request_.hooks.on_output) request_.hooks.on_output(output, batch);
    torch::Tensor loss = criterion_.loss(output, batch);
    if (options_.distillation.weight > 0) loss = distilled(loss, output, batch);
    if (request_.hooks.loss) {
      info_.task_loss = loss.item<double>();
      loss = request_.hooks.loss(info_, loss);
    }
    loss.backward();
    return loss.detach();
  }

  torch::Tensor distilled(const torch::Tensor& loss, const Output& output, const Batch& batch) {
    const DistillationOptions& o = options_.distillation;
    torch::Tensor answers;
    {
      torch::NoGradGuard no_grad;
      answers = forward(*request_.teacher, batch, options_.precision).logits;
    }
    return loss * (1 - o.weight) +
           detail::distillation_loss(output.logits, answers, criterion_.counted(batch), o) *
               o.weight;
  }

  void end_epoch() {
    EpochRecord record;
    record.epoch = info_.epoch + 1;
    record.lr = info_.lr;
    record.train_loss = loss_sum_ / double(std::max<std::int64_t>(1, samples_));
    record.penalty = penalty_sum_ / double(std::max<std::int64_t>(1, samples_));
    record.seconds = epoch_seconds_;
    loss_sum_ = penalty_sum_ = epoch_seconds_ = 0;
    samples_ = 0;
    const bool due = options_.valid_interval > 0 && (record.epoch % options_.valid_interval == 0 ||
                                                     info_.step >= info_.total_steps);
    const bool wanted = options_.keep == "best" || !request_.measured_after;
    if (request_.evaluator && due && wanted && data_.samples(Split::kValidation) > 0) {
      const detail::WithAverage averaged(network_, average_);
      recalibrate();
      auto stream = data_.evaluate(Split::kValidation);
      record.validation =
          request_.evaluator->evaluate(network_, *stream, criterion_, request_.device);
      remember_best(record.validation);
    }
    result_.epochs.push_back(record);
  }

  void remember_best(const Metrics& metrics) {
    if (options_.keep != "best" || metrics.empty()) return;
    const Metric& first = metrics.all().front();
    const double value = first.direction == Direction::kMaximize ? first.value : -first.value;
    if (!std::isfinite(value)) return;
    if (!best_.empty() && value <= best_value_) return;
    best_value_ = value;
    best_ = detail::copy_state(network_);
  }

  void finish() {
    if (average_.on()) detail::restore_state(network_, average_.state());
    if (!best_.empty()) detail::restore_state(network_, best_);
    recalibrate();
    result_.steps = info_.step;
  }

  void recalibrate() {
    if (options_.batch_norm_recalibration == 0) return;
    recalibrate_batch_norms(network_, data_, options_.batch_norm_recalibration,
                            derive_seed(request_.seed, "recalibration"), request_.device);
  }

  const TrainerOptions& options_;
  Network& network_;
  const DataLoader& data_;
  const FitRequest& request_;
  std::unique_ptr<FrozenWeights> frozen_teacher_;
  const CrossEntropy plain_;
  const Criterion& criterion_;
  detail::GroupedOptimizer optimizer_;
  detail::WeightAverage average_;
  NamedTensors best_;
  double best_value_ = 0;
  StepInfo info_;
  double loss_sum_ = 0, penalty_sum_ = 0, epoch_seconds_ = 0;
  std::int64_t samples_ = 0;
  std::string identity_;
  Clock::time_point last_checkpoint_;
  FitResult result_;
};

}  // namespace

Output forward(Network& network, const Batch& batch, const std::string& precision) {
  const detail::Bfloat16Autocast autocast(precision == "bf16", batch.input().device());
  Output output = network.forward(batch);
  output.logits = output.logits.to(torch::kFloat32);
  for (auto& head : output.auxiliary) {
    if (head.second.is_floating_point()) head.second = head.second.to(torch::kFloat32);
  }
  return output;
}

FitResult TrainingLoop::fit(Network& network, const DataLoader& data,
                            const FitRequest& request) const {
  if (options_.fold_batch_norms) fold_batch_norms(network);
  network.to(request.device);
  if (options_.channels_last) detail::use_channels_last(network);
  return Run(options_, network, data, request).go();
}

}  // namespace deneb
