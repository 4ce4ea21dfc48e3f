#include "indicator_training.h"

#include <torch/types.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <optional>
#include <random>

#include <deneb/data/data_loader.h>
#include <deneb/nn/layers.h>
#include <deneb/nn/walk.h>
#include <deneb/quant/quantizer.h>
#include <deneb/quant/step_bank.h>
#include <deneb/random.h>
#include <deneb/train/criterion.h>
#include <deneb/train/training_loop.h>

#include "score_figures.h"
#include "step_learning.h"

namespace deneb::limpq {
namespace {

using torch::Tensor;

constexpr double kSmallestIndicator = 1e-5;  // the step that LSQ uses where a smaller one is stored

// A batch norm with a copy for every width. The copies are its submodules, so that they are trained
// and saved with the network.
class SwitchableNorm {
 public:
  SwitchableNorm(std::shared_ptr<nn::BatchNorm2dImpl> norm, const std::vector<int>& bits)
      : norm_(std::move(norm)) {
    torch::NoGradGuard no_grad;
    for (const int width : bits) {
      nn::BatchNorm2d copy(norm_->weight.size(0), norm_->options);
      copy->to(norm_->weight.device());
      copy->weight.copy_(norm_->weight);
      copy->bias.copy_(norm_->bias);
      copy->running_mean.copy_(norm_->running_mean);
      copy->running_var.copy_(norm_->running_var);
      copies_.emplace(width, norm_->register_module("width" + std::to_string(width), copy));
    }
  }

  void use(int width) {
    const nn::BatchNorm2d& copy = copies_.at(width);
    norm_->weight = copy->weight;
    norm_->bias = copy->bias;
    norm_->running_mean = copy->running_mean;
    norm_->running_var = copy->running_var;
    norm_->num_batches_tracked = copy->num_batches_tracked;
  }

 private:
  std::shared_ptr<nn::BatchNorm2dImpl> norm_;
  std::map<int, nn::BatchNorm2d> copies_;
};

// A searched layer and the batch norms that come after it in the order of registration.
struct SearchedLayer {
  std::string name;
  QuantLayer* layer;
  bool signed_input;
  std::vector<SwitchableNorm> norms;

  void use(int width) {
    layer->weight_quantizer()->set_format(Format::integer(width, true));
    layer->input_quantizer()->set_format(Format::integer(width, signed_input));
    for (SwitchableNorm& norm : norms) norm.use(width);
  }
};

class JointTraining {
 public:
  JointTraining(SearchContext& context, const TrainingOptions& options,
                const std::vector<int>& bits)
      : context_(context), options_(options), bits_(bits), network_(context.make_network()) {
    put_quantizers_in();
    find_layers();
    steps_.emplace(banks());
    if (options_.freeze_weights) freeze_weights();
  }

  LearnedSteps run() {
    TrainingLoop loop(options_.trainer);
    FitRequest request;
    request.seed = context_.seed("indicators");
    request.device = context_.device();
    request.criterion = &context_.criterion();
    request.checkpoint = context_.artifact_path("indicators.checkpoint.safetensors");
    request.hooks.before_step = [this](StepInfo& info) {
      step_ = info.step;
      lr_ = info.lr;
    };
    request.hooks.forward_backward = [this](Network& network, const Batch& batch) {
      return pass_all(network, batch);
    };
    request.hooks.on_progress = [this](const StepInfo& info) {
      context_.progress(info.step, info.total_steps,
                        "training indicators, loss " + std::to_string(info.loss));
    };
    request.hooks.save_state = [this] { return steps_->save(); };
    request.hooks.load_state = [this](const HookState& state) { steps_->load(state); };
    loop.fit(*network_, context_.data(), request);
    steps_->start();  // of a training of no steps
    return {table_of("LIMPQ, learned step sizes",
                     [](const Tensor& bank, std::int64_t) { return bank; }),
            table_of("LIMPQ, initial step sizes",
                     [initial = steps_->initial()](const Tensor&, std::int64_t i) {
                       return initial[i];
                     })};
  }

 private:
  void put_quantizers_in() {
    BitPolicy policy;
    for (const LayerInfo& layer : context_.space().network().layers) {
      if (layer.pinned) continue;
      policy.set(layer.name, {Format::integer(bits_.front(), true),
                              Format::integer(bits_.front(), layer.signed_input)});
    }
    const auto factory = [this](const Format&) {
      return context_.make_quantizer({"LSQ",
                                      {{"widths", bits_},
                                       {"clamp_step", !relative()},
                                       {"scale_grad", !relative()},
                                       {"gain", "tensor"}}});
    };
    apply_policy(*network_, policy, factory, factory);
    network_->to(context_.device());
  }

  bool relative() const { return options_.steps.update == "relative"; }

  static const StepBank& bank_of(const Quantizer& quantizer) {
    return dynamic_cast<const StepBank&>(quantizer);
  }

  // Two for each layer: of the weight, of the input.
  std::vector<Tensor> banks() const {
    std::vector<Tensor> banks;
    for (const SearchedLayer& layer : layers_) {
      banks.push_back(bank_of(*layer.layer->weight_quantizer()).steps());
      banks.push_back(bank_of(*layer.layer->input_quantizer()).steps());
    }
    return banks;
  }

  // A batch norm takes the width of the layer registered before it, whatever is between them.
  void find_layers() {
    const NetworkInfo& info = context_.space().network();
    SearchedLayer* last = nullptr;
    layers_.reserve(info.layers.size());  // `last` points into it
    for (const auto& item : network_->named_modules("", /*include_self=*/false)) {
      if (auto* layer = dynamic_cast<QuantLayer*>(item.value().get())) {
        const LayerInfo* facts = info.find(item.key());
        last = nullptr;
        if (!facts || facts->pinned) continue;
        layers_.push_back({item.key(), layer, facts->signed_input, {}});
        last = &layers_.back();
      } else if (auto norm = std::dynamic_pointer_cast<nn::BatchNorm2dImpl>(item.value())) {
        if (last) last->norms.emplace_back(norm, bits_);
      }
    }
  }

  void freeze_weights() {
    for (const auto& p : network_->named_parameters()) {
      const bool trained = p.key().find("_quantizer.") != std::string::npos ||
                           p.key().find(".width") != std::string::npos;
      if (!trained) p.value().set_requires_grad(false);
    }
  }

  // Loss of the largest width, as a rule; gradients of all passes are summed.
  Tensor pass_all(Network& network, const Batch& batch) {
    Tensor first, reported;
    const auto pass = [&] {
      const Output output = forward(network, batch, options_.trainer.precision);
      const Tensor& logits = output.logits;
      Tensor loss;
      if (options_.inplace_distillation && first.defined()) {
        loss = -(first.softmax(1) * logits.log_softmax(1)).sum(1).mean();
      } else {
        loss = context_.criterion().loss(output, batch);
      }
      loss.backward();
      if (!first.defined()) first = logits.detach();
      // That of the first pass, unless a later one fails: the trainer stops then.
      if (!reported.defined() || !std::isfinite(loss.item<double>())) reported = loss.detach();
    };
    for (const int width : bits_) {
      for (SearchedLayer& layer : layers_) layer.use(width);
      pass();
    }
    std::mt19937_64 rng(derive_seed(context_.seed("mixed"), static_cast<std::uint64_t>(step_)));
    for (int i = 0; i < options_.mixed_passes; ++i) {
      for (SearchedLayer& layer : layers_) layer.use(bits_[uniform_index(rng, bits_.size())]);
      pass();
    }
    steps_->start();
    if (relative()) {
      steps_->update(lr_ * options_.steps.lr_factor, options_.trainer.optimizer.momentum);
    }
    drop_zero_gradients(network);
    return reported;
  }

  // So that momentum and weight decay leave alone what no pass has touched.
  static void drop_zero_gradients(Network& network) {
    for (Tensor& p : network.parameters()) {
      Tensor& gradient = p.mutable_grad();
      if (gradient.defined() && !gradient.any().item<bool>()) gradient = Tensor();
    }
  }

  // `row` gives the steps of the i-th of banks().
  template <class Row>
  LayerScores table_of(const char* origin, const Row& row) const {
    LayerScores table;
    table.model = context_.space().network().model;
    table.origin = origin;
    const std::vector<Tensor> all = banks();
    for (std::size_t i = 0; i < layers_.size(); ++i) {
      const auto weight = static_cast<std::int64_t>(2 * i), input = weight + 1;
      table.layers.push_back({layers_[i].name, by_width(row(all[2 * i], weight), true),
                              by_width(row(all[2 * i + 1], input), layers_[i].signed_input)});
    }
    return table;
  }

  FormatScores by_width(const Tensor& bank, bool is_signed) const {
    const Tensor steps = bank.detach().to(torch::kCPU, torch::kFloat64);
    FormatScores scores;
    for (std::size_t i = 0; i < bits_.size(); ++i) {
      const double step = steps[static_cast<std::int64_t>(i)].item<double>();
      if (!std::isfinite(step)) {
        throw RunError("LIMPQ: a step size of width " + std::to_string(bits_[i]) +
                       " is not finite after training; lower training.trainer.optimizer.lr");
      }
      scores[Format::integer(bits_[i], is_signed).text()] = std::max(step, kSmallestIndicator);
    }
    return scores;
  }

  SearchContext& context_;
  const TrainingOptions& options_;
  const std::vector<int>& bits_;
  std::shared_ptr<Network> network_;
  std::vector<SearchedLayer> layers_;
  std::optional<StepLearning> steps_;
  std::int64_t step_ = 0;
  double lr_ = 0;
};

// f(learned, initial, initial step of the narrowest width) in place of every step.
template <class F>
LayerScores combined(const LearnedSteps& steps, const F& f) {
  LayerScores result = steps.learned;
  for (std::size_t i = 0; i < result.layers.size(); ++i) {
    const auto combine = [&](FormatScores& scores, const FormatScores& initial) {
      double narrowest = 0;  // the fewer the levels, the larger their distance
      for (const auto& entry : initial) narrowest = std::max(narrowest, entry.second);
      for (auto& [format, score] : scores) score = f(score, initial.at(format), narrowest);
    };
    combine(result.layers[i].weight, steps.initial.layers[i].weight);
    combine(result.layers[i].activation, steps.initial.layers[i].activation);
  }
  return result;
}

}  // namespace

LearnedSteps train_steps(SearchContext& context, const TrainingOptions& options,
                         const std::vector<int>& bits) {
  return JointTraining(context, options, bits).run();
}

LayerScores indicators_of(const LearnedSteps& steps, const std::string& indicator) {
  if (indicator == "step") return steps.learned;
  LayerScores noise = combined(steps, [](double learned, double /*initial*/, double narrowest) {
    return learned * learned / (narrowest * narrowest);
  });
  noise.origin = "LIMPQ, noise of the learned step sizes";
  return noise;
}

std::vector<Figure> drift_figures(const LearnedSteps& steps) {
  std::vector<Figure> figures = searches::score_figures(
      combined(steps, [](double learned, double initial, double) { return learned / initial; }));
  for (Figure& figure : figures) {
    const bool weights = figure.name == "scores_of_weights";
    figure.name = weights ? "drift_of_weights" : "drift_of_activations";
    figure.title = weights ? "Drift of the weights' steps" : "Drift of the activations' steps";
    figure.text =
        "Learned step size over the initial one, for every layer and width. Far above 1 means that "
        "the layer wants a wider range at the price of coarser levels; all near 1 means that the "
        "steps have hardly learned.";
    figure.y_label = "learned / initial step";
  }
  return figures;
}

}  // namespace deneb::limpq
