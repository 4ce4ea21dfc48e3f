#include "statistics.h"

#include <torch/autograd.h>
#include <torch/csrc/autograd/function.h>
#include <torch/csrc/autograd/function_hook.h>
#include <torch/utils.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include <deneb/data/data_loader.h>
#include <deneb/interrupt.h>
#include <deneb/io/files.h>
#include <deneb/io/json.h>
#include <deneb/nn/walk.h>
#include <deneb/random.h>

namespace deneb::emq {
namespace {

using torch::Tensor;
using torch::autograd::Edge;

// Evaluation mode with gradients. EvaluationMode (train/evaluator.h) would freeze the weights.
class DifferentiableEvaluation {
 public:
  explicit DifferentiableEvaluation(Network& network)
      : network_(network), training_(network.is_training()), gradients_(true) {
    network_.eval();
  }
  ~DifferentiableEvaluation() { network_.train(training_); }
  DifferentiableEvaluation(const DifferentiableEvaluation&) = delete;
  DifferentiableEvaluation& operator=(const DifferentiableEvaluation&) = delete;

 private:
  Network& network_;
  bool training_;
  torch::AutoGradMode gradients_;
};

// A layer as a forward pass meets it.
struct Met {
  std::string name;
  Tensor weight, activation;
  Edge output;                      // where the gradient of the output arrives
  std::vector<std::int64_t> shape;  // of the output
};

// The network may go on and write over the output: then the tensor leads to what came out of that,
// the edge still to the layer. Linear layers return a view of a matrix; writing over a view gives
// it a new history, only that of the matrix stays.
Edge edge_of_output(const Tensor& output) {
  const Tensor whole = output.is_view() ? Tensor(output._base()) : output;
  const bool is_same = whole.numel() == output.numel() && whole.is_contiguous();
  return torch::autograd::impl::gradient_edge(is_same && output.is_contiguous() ? whole : output);
}

// Notes the layers of one forward pass in its order.
class Watch {
 public:
  Watch(Network& network, const StatisticsRequest& request) {
    for (const NamedQuantLayer& named : quant_layers(network)) {
      if (request.convolutions_only && named.layer->op() != "conv2d") continue;
      QuantLayer* const layer = named.layer;
      observers_.push_back(
          layer->observe([this, layer, name = named.name, request](const LayerTap& tap) {
            Met met{name, layer->float_weight(), {}, {}, {}};
            if (request.activation) met.activation = tap.output.detach().clone();
            if (request.activation_gradient) {
              met.output = edge_of_output(tap.output);
              met.shape = tap.output.sizes().vec();
            }
            met_.push_back(std::move(met));
          }));
    }
  }
  std::vector<Met> met() const { return met_; }

 private:
  std::vector<Met> met_;
  std::vector<LayerObserver> observers_;
};

// What arrives at an output of a node in a backward pass.
class Arrival final : public torch::autograd::FunctionPreHook {
 public:
  Arrival(std::shared_ptr<Tensor> slot, std::uint32_t output)
      : slot_(std::move(slot)), output_(output) {}
  torch::autograd::variable_list operator()(
      const torch::autograd::variable_list& gradients) override {
    *slot_ = gradients[output_];
    return gradients;
  }

 private:
  std::shared_ptr<Tensor> slot_;
  std::uint32_t output_;
};

// Backward passes as training makes them, with the gradients that were there put back in the end:
// derivatives along some parameters alone fail for transformers with LibTorch 1.13 ("could not
// compute gradients for some functions").
class KeptGradients {
 public:
  explicit KeptGradients(const Network& network) : parameters_(network.parameters()) {
    for (Tensor& parameter : parameters_) {
      kept_.push_back(parameter.grad());
      parameter.mutable_grad() = Tensor();
    }
  }
  ~KeptGradients() {
    for (std::size_t i = 0; i < kept_.size(); ++i) parameters_[i].mutable_grad() = kept_[i];
  }
  KeptGradients(const KeptGradients&) = delete;
  KeptGradients& operator=(const KeptGradients&) = delete;

 private:
  std::vector<Tensor> parameters_, kept_;
};

Tensor defined_or_zeros(const Tensor& gradient, const Tensor& like) {
  return gradient.defined() ? gradient.detach() : torch::zeros_like(like);
}

Tensor finite_loss(const Criterion& criterion, const Output& output, const Batch& batch) {
  const Tensor loss = criterion.loss(output, batch);
  if (!std::isfinite(loss.item<double>())) {
    throw RunError(
        "statistics of layers: the loss of the batch is not finite; look at the weights "
        "and at the data");
  }
  return loss;
}

Batch of_ones(const Batch& batch) {
  if (!batch.input().is_floating_point()) {
    throw ConfigError(
        "virtual gradients: need an input that can be all ones, and this network reads token ids; "
        "take another statistic or proxy");
  }
  Batch ones = batch;
  ones["input"] = torch::ones_like(batch.input());
  return ones;
}

Batch sample_of(const Batch& batch, std::int64_t i) {
  Batch sample;
  for (const auto& [name, tensor] : batch.tensors) sample[name] = tensor.narrow(0, i, 1);
  return sample;
}

// Finished numbers by layer, kept in a file.
class Record {
 public:
  Record(std::string path, std::string identity)
      : path_(std::move(path)), identity_(std::move(identity)) {
    if (path_.empty() || !std::filesystem::exists(path_)) return;
    const auto root = parse_json(read_file(path_));
    try {
      if (root.at("identity") != identity_) {
        throw ConfigError(path_ + ": was made with other options; delete it to start anew");
      }
      for (const auto& item : root.at("values").items()) {
        values_[item.key()] = {item.value().at(0).get<double>(), item.value().at(1).get<int>()};
      }
    } catch (const nlohmann::json::exception& e) {
      throw DataError(path_ + ": is damaged (" + e.what() + "); delete it to start anew");
    }
  }
  // The value of `key`, computed unless it is there.
  double value(const std::string& key, StatisticsWork& work,
               const std::function<HessianEstimate()>& compute) {
    auto found = values_.find(key);
    if (found == values_.end()) {
      const HessianEstimate estimate = compute();
      found = values_.emplace(key, Entry{estimate.value, estimate.products}).first;
      save();
    }
    work.hessian_products += found->second.products;
    return found->second.value;
  }

 private:
  struct Entry {
    double value = 0;
    int products = 0;
  };
  void save() const {
    if (path_.empty()) return;
    auto values = nlohmann::json::object();
    for (const auto& [key, entry] : values_) values[key] = {entry.value, entry.products};
    write_file_atomically(path_,
                          nlohmann::json{{"identity", identity_}, {"values", values}}.dump());
  }

  std::string path_, identity_;
  std::map<std::string, Entry> values_;
};

// One call of collect_statistics().
class Collection {
 public:
  Collection(Network& network, const Batch& batch, const Criterion& criterion,
             const StatisticsRequest& request, StatisticsWork& work)
      : network_(network), batch_(batch), criterion_(criterion), request_(request), work_(work) {}

  std::vector<LayerStatistics> run(std::mt19937_64& rng) {
    const DifferentiableEvaluation evaluation(network_);
    look();
    if (request_.virtual_gradient) differentiate_answers();
    if (request_.fisher_diagonal) square_gradients();
    if (request_.hessian_trace || request_.hessian_eigenvalue) estimate_hessians(rng());
    return std::move(layers_);
  }

 private:
  Output forward(const Batch& batch) {
    throw_if_stopping();
    ++work_.forward_passes;
    return network_.forward(batch);
  }
  // Along the weights of all layers.
  std::vector<Tensor> backward(const Tensor& of) {
    ++work_.backward_passes;
    const KeptGradients kept(network_);
    of.backward();
    std::vector<Tensor> gradients;
    for (const Met& met : met_) gradients.push_back(met.weight.grad());
    return gradients;
  }

  // One pass that tells the layers and, if wanted, what flows through them.
  void look() {
    const bool backwards = request_.gradient || request_.activation_gradient;
    const torch::AutoGradMode gradients(backwards);
    Output output;
    {
      const Watch watch(network_, request_);
      output = forward(batch_);
      met_ = watch.met();
    }
    for (Met& met : met_) {
      LayerStatistics layer;
      layer.name = met.name;
      if (request_.weight) layer.weight = met.weight.detach().clone();
      layer.activation = std::move(met.activation);
      layers_.push_back(std::move(layer));
    }
    if (!backwards) return;
    std::vector<std::shared_ptr<Tensor>> arrivals;
    for (const Met& met : met_) {
      arrivals.push_back(std::make_shared<Tensor>());
      if (!request_.activation_gradient) continue;
      // Lives as long as the graph of this pass.
      met.output.function->add_pre_hook(
          std::make_unique<Arrival>(arrivals.back(), met.output.input_nr));
    }
    const auto found = backward(finite_loss(criterion_, output, batch_));
    for (std::size_t i = 0; i < met_.size(); ++i) {
      if (request_.gradient) {
        layers_[i].gradient = defined_or_zeros(found[i], met_[i].weight);
      }
      if (request_.activation_gradient) {
        const Tensor& gradient = *arrivals[i];
        layers_[i].activation_gradient =
            gradient.defined() ? gradient.detach().reshape(met_[i].shape)
                               : torch::zeros(met_[i].shape, met_[i].weight.options());
      }
    }
  }

  void differentiate_answers() {
    const Tensor sum = forward(of_ones(batch_)).logits.sum();
    const auto found = backward(sum);
    for (std::size_t i = 0; i < met_.size(); ++i) {
      layers_[i].virtual_gradient = defined_or_zeros(found[i], met_[i].weight);
    }
  }

  void square_gradients() {
    for (std::size_t i = 0; i < met_.size(); ++i) {
      layers_[i].fisher_diagonal = torch::zeros_like(met_[i].weight).detach();
    }
    for (std::int64_t s = 0; s < batch_.size(); ++s) {
      const Batch sample = sample_of(batch_, s);
      const auto found = backward(finite_loss(criterion_, forward(sample), sample));
      for (std::size_t i = 0; i < met_.size(); ++i) {
        if (found[i].defined()) {
          layers_[i].fisher_diagonal.add_(found[i].detach().square(), 1.0 / double(batch_.size()));
        }
      }
    }
  }

  // Every layer draws from a generator of its own: what is known already changes no other.
  void estimate_hessians(std::uint64_t seed) {
    Record record(request_.hessian_record, request_.identity + " " + std::to_string(seed));
    const Tensor loss = finite_loss(criterion_, forward(batch_), batch_);
    std::vector<Tensor> weights;
    for (const Met& met : met_) weights.push_back(met.weight);
    ++work_.backward_passes;
    const auto exact = BlockHessian::of(loss, weights);
    for (std::size_t i = 0; i < met_.size(); ++i) {
      const auto gradient = [&] {
        return backward(finite_loss(criterion_, forward(batch_), batch_))[i];
      };
      const auto product = [&](const Tensor& v) {
        return exact ? exact->product(i, v) : difference_product(weights[i], v, gradient);
      };
      const Tensor like = weights[i].detach();
      const auto estimate = [&](const char* what, const auto& method) {
        return record.value(met_[i].name + "." + what, work_, [&] {
          std::mt19937_64 rng(derive_seed(derive_seed(seed, met_[i].name), what));
          return method(product, like, request_.hessian, rng);
        });
      };
      if (request_.hessian_trace) {
        layers_[i].hessian_trace = estimate("trace", hutchinson_trace);
      }
      if (request_.hessian_eigenvalue) {
        layers_[i].hessian_eigenvalue = estimate("eigenvalue", top_eigenvalue);
      }
    }
  }

  Network& network_;
  const Batch& batch_;
  const Criterion& criterion_;
  const StatisticsRequest& request_;
  StatisticsWork& work_;
  std::vector<Met> met_;
  std::vector<LayerStatistics> layers_;
};

// Behind the last token there is padding, which is 0 (nn/batch.h).
Tensor padded(const Tensor& tensor, std::int64_t length) {
  if (tensor.dim() != 2 || tensor.size(1) == length) return tensor;
  return torch::constant_pad_nd(tensor, {0, length - tensor.size(1)});
}

Batch joined(const std::vector<Batch>& parts) {
  Batch batch;
  for (const auto& entry : parts.front().tensors) {
    std::int64_t length = 0;
    for (const Batch& part : parts) {
      const Tensor& tensor = part.at(entry.first);
      if (tensor.dim() == 2) length = std::max(length, tensor.size(1));
    }
    std::vector<Tensor> tensors;
    for (const Batch& part : parts) tensors.push_back(padded(part.at(entry.first), length));
    batch[entry.first] = torch::cat(tensors);
  }
  return batch;
}

Batch rows(const Batch& batch, std::int64_t from, std::int64_t count) {
  Batch part;
  for (const auto& [name, tensor] : batch.tensors) part[name] = tensor.narrow(0, from, count);
  return part;
}

}  // namespace

StatisticsWork& StatisticsWork::operator+=(const StatisticsWork& other) {
  forward_passes += other.forward_passes;
  backward_passes += other.backward_passes;
  hessian_products += other.hessian_products;
  return *this;
}

std::vector<LayerStatistics> collect_statistics(Network& network, const Batch& batch,
                                                const Criterion& criterion,
                                                const StatisticsRequest& request,
                                                std::mt19937_64& rng, c10::Device device,
                                                StatisticsWork* work) {
  StatisticsWork done;
  auto statistics =
      Collection(network, device.is_cpu() ? batch : batch.to(device), criterion, request, done)
          .run(rng);
  if (work) *work += done;
  return statistics;
}

std::vector<Batch> first_batches(const DataLoader& data, int batch_size, int batches) {
  const std::int64_t wanted = std::int64_t(batch_size) * batches;
  if (data.samples(Split::kTrain) < wanted) {
    throw RunError("statistics of layers: " + std::to_string(batches) + " batches of " +
                   std::to_string(batch_size) + " samples are wanted, and there are " +
                   std::to_string(data.samples(Split::kTrain)) +
                   " training samples; ask for fewer");
  }
  const auto stream = data.evaluate(Split::kTrain, wanted);
  std::vector<Batch> parts;
  Batch part;
  while (stream->next(part)) parts.push_back(part);
  const Batch all = joined(parts);
  std::vector<Batch> result;
  for (int i = 0; i < batches; ++i) {
    result.push_back(rows(all, std::int64_t(i) * batch_size, batch_size));
  }
  return result;
}

}  // namespace deneb::emq
