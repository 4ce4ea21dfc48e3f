#include "reconstruction.h"

#include <torch/optim/adam.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <numeric>
#include <optional>
#include <random>
#include <set>

#include <deneb/interrupt.h>
#include <deneb/io/safetensors.h>
#include <deneb/nn/fold_batch_norms.h>
#include <deneb/nn/walk.h>
#include <deneb/options/config.h>
#include <deneb/random.h>

#include "calibration_set.h"
#include "error.h"
#include "unit.h"

namespace deneb::reconstruction {
namespace {

using Clock = std::chrono::steady_clock;
using Rounding = AdaptiveRounding::Rounding;
using torch::Tensor;

constexpr const char* kMeasure = "error_before";
constexpr const char* kModel = "model.";

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

void use_channels_last(Network& network) {
  for (Tensor& p : network.parameters()) {
    if (p.dim() == 4) p.set_data(p.contiguous(at::MemoryFormat::ChannelsLast));
  }
}

// `count` of `total` samples, none twice.
Tensor draw(std::mt19937_64& rng, std::int64_t total, std::int64_t count, torch::Device device) {
  std::vector<std::int64_t> all(static_cast<std::size_t>(total));
  std::iota(all.begin(), all.end(), 0);
  count = std::min(count, total);
  for (std::int64_t i = 0; i < count; ++i) {
    const auto j = i + static_cast<std::int64_t>(uniform_index(rng, std::uint64_t(total - i)));
    std::swap(all[std::size_t(i)], all[std::size_t(j)]);
  }
  all.resize(static_cast<std::size_t>(count));
  return torch::tensor(all, torch::kInt64).to(device);
}

std::vector<Tensor> copies(const std::vector<Tensor>& tensors) {
  std::vector<Tensor> copy;
  for (const Tensor& tensor : tensors) copy.push_back(tensor.detach().clone());
  return copy;
}

void copy_back(const std::vector<Tensor>& from, std::vector<Tensor> to) {
  torch::NoGradGuard no_grad;
  for (std::size_t i = 0; i < to.size(); ++i) to[i].copy_(from[i]);
}

// While alive, these parameters get gradients.
class Learning {
 public:
  explicit Learning(std::vector<Tensor> parameters) : parameters_(std::move(parameters)) {
    set(true);
  }
  ~Learning() { set(false); }
  Learning(const Learning&) = delete;
  Learning& operator=(const Learning&) = delete;

 private:
  void set(bool on) {
    for (Tensor& parameter : parameters_) {
      parameter.mutable_grad().reset();
      parameter.set_requires_grad(on);
    }
  }
  std::vector<Tensor> parameters_;
};

// What one unit learns in one pass.
struct Task {
  Task(std::string stage, std::size_t index, const Unit& unit)
      : stage(std::move(stage)), index(std::int64_t(index)), unit(unit) {}
  std::string stage;
  std::int64_t index;  // over both passes
  const Unit& unit;
  std::vector<Tensor> roundings, steps;
  std::int64_t iterations = 0;
  double exponent = 2;
  Tensor inputs, targets;
  Tensor float_inputs;  // defined where values are dropped
  OutputWeights weights;
};

// Is there anything to learn?
void check_methods(const BlockReconstructionOptions& options, const std::vector<Unit>& units) {
  bool weights = false, roundings = false, inputs = false, steps = false;
  for (const Unit& unit : units) {
    roundings = roundings || !unit.roundings().empty();
    steps = steps || !unit.steps().empty();
    for (const UnitLayer& layer : unit.layers) {
      weights = weights || layer.weight;
      inputs = inputs || layer.input;
    }
  }
  if (options.iterations > 0 && weights && !roundings) {
    throw ConfigError(
        "trainer.iterations: no weight quantizer learns how to round; set quantizer.weight to "
        "AdaRound, or iterations to 0");
  }
  const bool dropping = options.drop_probability > 0;
  const bool wanted = dropping ? options.iterations > 0 : options.activation.iterations > 0;
  if (wanted && inputs && !steps) {
    throw ConfigError(
        std::string(dropping ? "trainer.drop_probability" : "trainer.activation.iterations") +
        ": the quantizers of activations have nothing to learn; set quantizer.activation to LSQ "
        "or to Uniform with learn_step, or this to 0");
  }
}

class Run {
 public:
  Run(const BlockReconstructionOptions& options, Network& network, const DataLoader& data,
      const FitRequest& request)
      : options_(options), network_(network), request_(request) {
    if (!request.teacher) throw RunError("BlockReconstruction: the request brings no teacher");
    fold_batch_norms(network);
    fold_batch_norms(teacher());
    network.to(request.device);
    teacher().to(request.device);
    use_channels_last(network);
    use_channels_last(teacher());
    teacher().eval();
    units_ = units_of(network, teacher());
    check_methods(options, units_);
    set_identity(data);
    set_.emplace(data, derive_seed(request.seed, "samples"), options.samples, request.device);
    count_steps();
  }

  FitResult go() {
    const UnderReconstruction quantized(network_, units_);
    const UnderReconstruction original(teacher(), {});
    for (const Unit& unit : units_) unit.quantize_inputs(dropping());
    if (!request_.checkpoint.empty() && std::filesystem::exists(request_.checkpoint)) resume();
    if (done() < passes_) learn_weights();
    for (const Unit& unit : units_) unit.quantize_inputs(true);
    if (!dropping()) {
      if (done() <= passes_) calibrate_all();
      if (options_.activation.iterations > 0) learn_activations();
    }
    result_.steps = total_steps_;
    return result_;
  }

 private:
  Network& teacher() { return *request_.teacher; }
  bool dropping() const { return options_.drop_probability > 0; }
  std::size_t done() const { return result_.epochs.size(); }

  void set_identity(const DataLoader& data) {
    BlockReconstructionOptions copy = options_;
    nlohmann::ordered_json identity = write_options(walk(copy));
    DataLoaderOptions loader = data.options();
    identity["data_loader"] = write_options(walk(loader));
    identity["data_loader"].erase("workers");
    identity["seed"] = request_.seed;
    identity["training_samples"] = data.samples(Split::kTrain);
    for (const Unit& unit : units_) identity["units"].push_back(unit.name);
    identity_ = identity.dump();
  }

  bool learns_weights(std::size_t i) const {
    return options_.iterations > 0 && !(options_.skip_first && i == 0) &&
           !units_[i].roundings().empty();
  }

  void count_steps() {
    passes_ = units_.size();
    for (std::size_t i = 0; i < units_.size(); ++i) {
      if (learns_weights(i)) total_steps_ += options_.iterations;
      if (!dropping() && !units_[i].steps().empty()) {
        total_steps_ += options_.activation.iterations;
      }
    }
  }

  // First pass. Unit after unit, on what the units before it give as they are by then.
  void learn_weights() {
    Tensor quantized = set_->input(), original = set_->input();
    for (std::size_t i = 0; i < units_.size(); ++i) {
      const Unit& unit = units_[i];
      const bool again = done() > i;  // in a resumed run, only what comes behind is wanted
      const Tensor targets = run(unit.original, original, *set_, set_->size());
      if (!again) {
        if (dropping()) calibrate(unit, quantized);
        Task task(unit.name, i, unit);
        task.exponent = options_.exponent;
        task.inputs = options_.inputs == "float" ? original : quantized;
        task.targets = targets;
        if (learns_weights(i)) {
          task.roundings = unit.roundings();
          task.iterations = options_.iterations;
          if (dropping()) {
            task.steps = unit.steps();
            task.float_inputs = original;
          }
        }
        task.weights.positions = set_->positions();
        if (options_.loss == "fisher_diag") {
          task.weights.importance = importance(i, task.inputs, targets);
        }
        finish(task);
      }
      if (i + 1 < units_.size()) quantized = run(unit.quantized, quantized, *set_, set_->size());
      original = targets;
      if (!again) save();
    }
  }

  // Second pass.
  void learn_activations() {
    const bool needs_quantized = options_.activation.inputs == "quantized";
    Tensor quantized = set_->input(), original = set_->input();
    for (std::size_t i = 0; i < units_.size(); ++i) {
      const Unit& unit = units_[i];
      const bool again = done() > passes_ + i;
      const Tensor targets = run(unit.original, original, *set_, set_->size());
      if (!again) {
        Task task(unit.name + ", activations", passes_ + i, unit);
        task.steps = unit.steps();
        task.exponent = options_.activation.exponent;
        task.inputs = needs_quantized ? quantized : original;
        task.targets = targets;
        task.weights.positions = set_->positions();
        if (!task.steps.empty()) task.iterations = options_.activation.iterations;
        finish(task);
      }
      if (needs_quantized) quantized = run(unit.quantized, quantized, *set_, set_->size());
      original = targets;
      if (!again) save();
    }
  }

  // Ranges of a unit's inputs, by the first samples of what it will get.
  void calibrate(const Unit& unit, const Tensor& inputs) {
    const std::vector<Unit> one = {unit};
    calibrate(one, inputs);
  }
  void calibrate_all() { calibrate(units_, set_->input()); }
  void calibrate(const std::vector<Unit>& units, const Tensor& inputs) {
    std::vector<std::shared_ptr<Quantizer>> waiting;
    for (const Unit& unit : units) {
      for (const UnitLayer& layer : unit.layers) {
        if (!layer.input) continue;
        const Format format = layer.input->format();
        layer.input->set_format(Format::float32());  // forgets what it knew
        layer.input->set_format(format);
        if (!layer.input->needs_calibration()) continue;
        layer.input->start_calibration();
        waiting.push_back(layer.input);
      }
    }
    Tensor x = inputs;
    const std::int64_t count = std::min(options_.calibration_samples, set_->size());
    for (const Unit& unit : units) x = run(unit.quantized, x, *set_, count);
    for (const auto& quantizer : waiting) quantizer->finish_calibration();
  }

  // BRECQ's `fisher_diag`: (|g| + 1)^2, g the gradient, for an output of the unit, of the
  // divergence between the answers of the float network and those of the network whose first units,
  // up to this one, are quantized.
  Tensor importance(std::size_t i, const Tensor& inputs, const Tensor& targets) {
    const auto answers = [&](Tensor x, const Batch& beside) {
      for (std::size_t k = i + 1; k < units_.size(); ++k) {
        x = units_[k].original.forward(x, beside);
      }
      return x.flatten(0, -2);
    };
    Tensor all = at::empty_like(targets);
    const std::int64_t n = set_->size();
    for (std::int64_t begin = 0; begin < n; begin += options_.batch_size) {
      throw_if_stopping();
      const std::int64_t count = std::min(options_.batch_size, n - begin);
      const Batch beside = set_->beside(begin, count);
      Tensor output, log_p;
      {
        torch::NoGradGuard no_grad;
        log_p = answers(targets.narrow(0, begin, count), beside).log_softmax(-1);
        output = units_[i].quantized.forward(inputs.narrow(0, begin, count), beside);
      }
      output = output.detach().requires_grad_(true);
      const Tensor log_q = answers(output, beside).log_softmax(-1);
      const Tensor divergence = (log_p.exp() * (log_p - log_q)).sum() / double(count);
      divergence.backward();
      all.narrow(0, begin, count).copy_((output.grad().abs() + 1).square());
    }
    return all;
  }

  double error_of(const Task& task) {
    torch::NoGradGuard no_grad;
    double sum = 0;
    const std::int64_t n = set_->size();
    for (std::int64_t begin = 0; begin < n; begin += kPart) {
      throw_if_stopping();
      const std::int64_t count = std::min(kPart, n - begin);
      const auto part = [&](const Tensor& x) {
        return x.defined() ? x.narrow(0, begin, count) : Tensor();
      };
      const Tensor output =
          task.unit.quantized.forward(part(task.inputs), set_->beside(begin, count));
      sum += double(count) *
             output_error(output, part(task.targets), task.exponent,
                          {part(task.weights.importance), part(task.weights.positions)})
                 .item<double>();
    }
    return sum / double(n);
  }

  // Learns, and records what came of it.
  void finish(const Task& task) {
    const auto start = Clock::now();
    EpochRecord record;
    record.epoch = task.index + 1;
    const double before = error_of(task);
    double after = before;
    bool kept = true;
    if (task.iterations > 0) {
      std::vector<Tensor> learned = task.roundings;
      learned.insert(learned.end(), task.steps.begin(), task.steps.end());
      const std::vector<Tensor> old = copies(learned);
      record.lr = learn(task, learned);
      after = error_of(task);
      // Differs from BRECQ, which keeps every result: few iterations, or a unit that was good
      // already, may end worse than rounding to the nearest.
      kept = !options_.keep_better || after <= before;
      if (!kept) {
        copy_back(old, learned);
        after = before;
      }
    }
    record.train_loss = after;
    record.validation.set(kMeasure, before, Direction::kMinimize);
    record.seconds = seconds_since(start);
    result_.epochs.push_back(record);
    log(task, before, after, kept, record.seconds);
  }

  void log(const Task& task, double before, double after, bool kept, double seconds) const {
    if (!request_.log) return;
    char text[160];
    if (task.iterations == 0) {
      std::snprintf(text, sizeof(text), ": error %.4g", before);
    } else {
      std::snprintf(text, sizeof(text), ": error %.4g -> %.4g in %lld iterations, %.1f s%s", before,
                    after, static_cast<long long>(task.iterations), seconds,
                    kept ? "" : " (it came out worse, and stays as it was)");
    }
    request_.log(task.stage + text);
  }

  // The last learning rate.
  double learn(const Task& task, const std::vector<Tensor>& learned) {
    const std::uint64_t seed = derive_seed(request_.seed, task.stage);
    std::mt19937_64 rng(seed);
    at::manual_seed(seed);  // of what is dropped
    const Learning learning(learned);
    const SoftRounding soft(task);
    std::optional<DroppedQuantization> dropped;
    if (dropping()) dropped.emplace(task.unit, options_.drop_probability);

    std::vector<torch::optim::OptimizerParamGroup> groups;
    const auto add = [&](const std::vector<Tensor>& parameters, double lr) {
      if (parameters.empty()) return;
      groups.emplace_back(parameters, std::make_unique<torch::optim::AdamOptions>(lr));
    };
    add(task.roundings, options_.lr);
    add(task.steps, options_.activation.lr);
    torch::optim::Adam adam(groups);

    StepInfo info;
    info.epoch = task.index;
    info.total_steps = total_steps_;
    info.steps_per_epoch = task.iterations;
    info.stage = task.stage;
    double loss_sum = 0, penalty_sum = 0;
    for (std::int64_t t = 1; t <= task.iterations; ++t) {
      throw_if_stopping();
      check_deadline();
      info.lr = set_rates(adam, task, t);
      adam.zero_grad();
      double penalty = 0;
      const Tensor loss = loss_at(task, t, rng, &penalty);
      const double value = loss.item<double>();
      if (!std::isfinite(value)) {
        throw RunError("BlockReconstruction: the loss of " + task.stage + " is not finite at " +
                       "iteration " + std::to_string(t) +
                       "; lower trainer.lr or trainer.activation.lr, or use more bits");
      }
      loss.backward();
      adam.step();
      loss_sum += value;
      penalty_sum += penalty;
      info.step = ++steps_;
      info.loss = loss_sum / double(t);
      info.penalty = penalty_sum / double(t);
      info.task_loss = info.loss - info.penalty;
      if (request_.hooks.on_progress) request_.hooks.on_progress(info);
    }
    return info.lr;
  }

  // Steps of activations: by a cosine to 0. The rounding: constant.
  double set_rates(torch::optim::Adam& adam, const Task& task, std::int64_t t) const {
    if (task.steps.empty()) return options_.lr;
    const double part = double(t - 1) / double(task.iterations);
    const double lr = options_.activation.lr * 0.5 * (1 + std::cos(M_PI * part));
    static_cast<torch::optim::AdamOptions&>(adam.param_groups().back().options()).lr(lr);
    return task.roundings.empty() ? lr : options_.lr;
  }

  Tensor loss_at(const Task& task, std::int64_t t, std::mt19937_64& rng, double* penalty) {
    const Tensor samples = draw(rng, set_->size(), options_.batch_size, request_.device);
    const auto some = [&](const Tensor& x) { return x.defined() ? rows(x, samples) : Tensor(); };
    Tensor x = some(task.inputs);
    if (task.float_inputs.defined()) {
      x = at::where(
          at::rand_like(x, x.options().dtype(torch::kFloat32)) < options_.drop_probability,
          some(task.float_inputs), x);
    }
    const Tensor output = task.unit.quantized.forward(x, set_->beside(samples));
    Tensor loss = output_error(output, some(task.targets), task.exponent,
                               {some(task.weights.importance), some(task.weights.positions)});
    if (task.roundings.empty() || double(t) < options_.warmup * double(task.iterations)) {
      return loss;
    }
    const double beta = rounding_temperature(t, task.iterations, options_.temperature_start,
                                             options_.temperature_end, options_.warmup);
    Tensor regularizer;
    for (const Tensor& v : task.roundings) {
      const Tensor own = rounding_regularizer(v, beta);
      regularizer = regularizer.defined() ? regularizer + own : own;
    }
    regularizer = regularizer * options_.rounding_weight;
    *penalty = regularizer.item<double>();
    return loss + regularizer;
  }

  void check_deadline() const {
    if (!request_.deadline || Clock::now() <= *request_.deadline) return;
    throw RunError("BlockReconstruction: out of time at iteration " + std::to_string(steps_) +
                   " of " + std::to_string(total_steps_) +
                   "; allow more time or lower trainer.iterations");
  }

  void save() {
    if (request_.checkpoint.empty()) return;
    TensorFile file;
    for (const auto& [name, tensor] : state_of(network_)) {
      file.tensors.emplace_back(kModel + name, tensor);
    }
    auto records = nlohmann::ordered_json::array();
    for (const EpochRecord& record : result_.epochs) {
      records.push_back({{"epoch", record.epoch},
                         {"lr", record.lr},
                         {"error", record.train_loss},
                         {kMeasure, record.validation.find(kMeasure)->value},
                         {"seconds", record.seconds}});
    }
    file.metadata["progress"] = nlohmann::ordered_json{
        {"identity", identity_},
        {"steps", steps_},
        {"records", records}}.dump();
    write_safetensors(request_.checkpoint, file);
  }

  void resume() {
    const std::string& path = request_.checkpoint;
    const TensorFile file = read_safetensors(path);
    const auto found = file.metadata.find("progress");
    try {
      if (found == file.metadata.end()) throw DataError("it has no progress record");
      const auto progress = nlohmann::json::parse(found->second);
      if (progress.at("identity") != identity_) {
        throw ConfigError(path +
                          ": was written with other options, seed or data; delete it to start "
                          "anew, or restore the options");
      }
      steps_ = progress.at("steps");
      for (const auto& item : progress.at("records")) {
        EpochRecord record;
        record.epoch = item.at("epoch");
        record.lr = item.at("lr");
        record.train_loss = item.at("error");
        record.validation.set(kMeasure, item.at(kMeasure), Direction::kMinimize);
        record.seconds = item.at("seconds");
        result_.epochs.push_back(record);
      }
    } catch (const nlohmann::json::exception& e) {
      throw damaged(e.what());
    } catch (const DataError& e) {
      throw damaged(e.what());
    }
    if (done() > passes_ * 2) throw damaged("it has too many records");
    // The second pass has the quantizers of inputs in the network.
    for (const Unit& unit : units_) unit.quantize_inputs(dropping() || done() > passes_);
    restore(file);
    for (const Unit& unit : units_) unit.quantize_inputs(dropping());
    result_.resumed = true;
  }

  DataError damaged(const std::string& what) const {
    return DataError(request_.checkpoint + ": no checkpoint of this reconstruction (" + what +
                     "); delete it to start anew");
  }

  void restore(const TensorFile& file) {
    torch::NoGradGuard no_grad;
    std::vector<std::pair<Tensor, Tensor>> pairs;
    for (const auto& [name, own] : state_of(network_)) {
      const Tensor stored = file.find(kModel + name);
      if (!stored.defined() || stored.sizes() != own.sizes() || stored.dtype() != own.dtype()) {
        throw damaged("tensor '" + name + "' is missing or does not fit");
      }
      pairs.emplace_back(own, stored);
    }
    if (pairs.size() != file.tensors.size()) throw damaged("it has further tensors");
    for (auto& [own, stored] : pairs) own.copy_(stored);
  }

  class SoftRounding {
   public:
    explicit SoftRounding(const Task& task) : task_(task) {
      if (!task.roundings.empty()) task.unit.set_rounding(Rounding::kSoft);
    }
    ~SoftRounding() { task_.unit.set_rounding(Rounding::kHard); }

   private:
    const Task& task_;
  };

  const BlockReconstructionOptions& options_;
  Network& network_;
  const FitRequest& request_;
  std::vector<Unit> units_;
  std::optional<CalibrationSet> set_;
  std::string identity_;
  std::size_t passes_ = 0;  // records of the first pass
  std::int64_t steps_ = 0, total_steps_ = 0;
  FitResult result_;
};

}  // namespace

FitResult reconstruct(const BlockReconstructionOptions& options, Network& network,
                      const DataLoader& data, const FitRequest& request) {
  return Run(options, network, data, request).go();
}

void check_network(const BlockReconstructionOptions& options, Network& network) {
  check_methods(options, units_of(network, network));
}

}  // namespace deneb::reconstruction
