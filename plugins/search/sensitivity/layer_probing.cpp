#include "layer_probing.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>

#include <deneb/data/data_loader.h>
#include <deneb/interrupt.h>
#include <deneb/io/files.h>
#include <deneb/io/json.h>
#include <deneb/nn/network.h>
#include <deneb/nn/walk.h>
#include <deneb/quant/quantizer.h>
#include <deneb/train/evaluator.h>

#include "one_batch.h"

namespace deneb::sensitivity {
namespace {

using torch::Tensor;

constexpr double kSmallestScore = 1e-9;  // what is below is rounding

// One tensor of one layer in one format.
struct Probe {
  std::string layer;
  QuantizerRole role;
  Format format;
};

// The formats of the search space, layer by layer in forward order, weights first.
std::vector<Probe> probes_of(const SearchSpace& space) {
  const auto& layers = space.network().layers;
  std::vector<Probe> probes;
  for (std::size_t i = 0; i < layers.size(); ++i) {
    for (const QuantizerRole role : {QuantizerRole::kWeight, QuantizerRole::kActivation}) {
      const auto other =
          role == QuantizerRole::kWeight ? Gene::Role::kActivation : Gene::Role::kWeight;
      for (const Gene& gene : space.genes()) {
        if (gene.role == other) continue;
        if (std::find(gene.layers.begin(), gene.layers.end(), i) == gene.layers.end()) continue;
        for (Format format : gene.candidates) {
          if (format.is_float32()) continue;
          if (format.is_integer()) {
            const bool is_signed = role == QuantizerRole::kWeight || layers[i].signed_input;
            format = Format::integer(format.bits, is_signed);
          }
          probes.push_back({layers[i].name, role, format});
        }
      }
    }
  }
  return probes;
}

// Shows its input to other quantizers and passes it on.
class Fan final : public Quantizer {
 public:
  explicit Fan(std::vector<std::shared_ptr<Quantizer>> quantizers)
      : quantizers_(std::move(quantizers)) {
    for (const auto& quantizer : quantizers_) {
      collecting_.push_back(quantizer->needs_calibration());
      if (collecting_.back()) quantizer->start_calibration();
    }
  }
  void finish() {
    for (std::size_t i = 0; i < quantizers_.size(); ++i) {
      if (collecting_[i]) quantizers_[i]->finish_calibration();
    }
  }
  void attach(const QuantizerSite&) override {}
  bool accepts(const Format&) const override { return true; }
  void set_format(const Format& format) override { format_ = format; }
  Format format() const override { return format_; }
  Tensor quantize(const Tensor& x) override {
    for (std::size_t i = 0; i < quantizers_.size(); ++i) {
      // The others set themselves up by the first batch.
      if (collecting_[i] || first_) quantizers_[i]->quantize(x);
    }
    first_ = false;
    return x;
  }

 private:
  std::vector<std::shared_ptr<Quantizer>> quantizers_;
  std::vector<bool> collecting_;
  bool first_ = true;
  Format format_;
};

void copy_state(const Quantizer& from, Quantizer& to) {
  torch::NoGradGuard no_grad;
  const auto copy = [](const auto& source, const auto& target) {
    for (const auto& item : source) target[item.key()].copy_(item.value());
  };
  copy(from.named_parameters(), to.named_parameters());
  copy(from.named_buffers(), to.named_buffers());
}

// Answers that are known already, for an evaluator to judge.
class Answers final : public Network {
 public:
  explicit Answers(Tensor logits) : logits_(std::move(logits)) {}
  Output forward(const Batch&) override { return {logits_, {}}; }
  std::vector<std::int64_t> input_shape() const override { return {}; }
  std::int64_t num_classes() const override { return logits_.size(-1); }

 private:
  Tensor logits_;
};

// Sum over the samples of a batch; the larger, the worse.
class Measure {
 public:
  Measure(const SearchContext& context, const std::string& name)
      : name_(name),
        evaluator_(context.evaluator()),
        criterion_(context.criterion()),
        device_(context.device()) {
    if (name_ != "kl") {
      direction_ = find_measure(evaluator_.metrics(), name_, "search_algorithm.measure").direction;
    }
  }
  double operator()(const Tensor& logits, const Tensor& reference, const Batch& batch) const {
    const double samples = double(batch.size());
    if (name_ == "kl") {
      const Tensor log_p = reference.flatten(0, -2).to(torch::kFloat64).log_softmax(1);
      const Tensor log_q = logits.flatten(0, -2).to(torch::kFloat64).log_softmax(1);
      return samples * (log_p.exp() * (log_p - log_q)).sum(1).mean().item<double>();
    }
    Answers answers(logits);
    searches::OneBatch stream(batch);
    const Metrics metrics = evaluator_.evaluate(answers, stream, criterion_, device_);
    const Metric* found = metrics.find(name_);
    if (!found) throw RunError("Sensitivity: the evaluator gave no " + name_);
    return samples * (direction_ == Direction::kMinimize ? found->value : -found->value);
  }

 private:
  std::string name_;
  const Evaluator& evaluator_;
  const Criterion& criterion_;
  torch::Device device_;
  Direction direction_ = Direction::kMinimize;
};

// A network of its own, with a quantizer for every probe.
class Bench {
 public:
  Bench(SearchContext& context, const std::vector<Probe>& probes)
      : device_(context.device()), probes_(probes), network_(context.make_network()) {
    network_->eval();
    for (const NamedQuantLayer& layer : quant_layers(*network_)) layers_[layer.name] = layer.layer;
    blocks_ = network_->blocks();
    if (blocks_.empty()) {
      blocks_.push_back({"", {}, [this](const Tensor&, const Batch& batch) {
                           return network_->forward(batch).logits;
                         }});
    }
    for (std::size_t b = 0; b < blocks_.size(); ++b) {
      for (const std::string& layer : blocks_[b].layers) block_of_[layer] = b;
    }
    for (const Probe& probe : probes_) {
      const auto quantizer = context.make_quantizer(probe.role, probe.format);
      quantizer->attach({probe.role, probe.layer, layers_.at(probe.layer)->float_weight()});
      quantizer->set_format(probe.format);
      quantizer->to(device_);
      quantizer->eval();
      quantizers_.push_back(quantizer);
    }
  }

  // Sets what only data can tell, by the context's calibration batches.
  void calibrate(SearchContext& context) {
    torch::NoGradGuard no_grad;
    std::map<std::string, std::vector<std::shared_ptr<Quantizer>>> inputs;
    for (std::size_t i = 0; i < probes_.size(); ++i) {
      if (probes_[i].role != QuantizerRole::kActivation) continue;
      inputs[probes_[i].layer].push_back(quantizers_[i]);
    }
    std::vector<std::shared_ptr<Fan>> fans;
    for (const auto& [layer, quantizers] : inputs) {
      fans.push_back(std::make_shared<Fan>(quantizers));
      layers_.at(layer)->set_quantizers(nullptr, fans.back());
    }
    {
      const EvaluationMode mode(*network_);
      const auto stream = context.calibration_data();
      Batch batch;
      while (stream->next(batch)) network_->forward(on_device(batch));
    }
    for (const auto& fan : fans) fan->finish();
    for (const auto& entry : inputs) layers_.at(entry.first)->set_quantizers(nullptr, nullptr);
  }
  void calibrate_as(const Bench& other) {
    for (std::size_t i = 0; i < quantizers_.size(); ++i) {
      copy_state(*other.quantizers_[i], *quantizers_[i]);
    }
  }

  // Of the float network, then of every probe.
  std::vector<double> measure(const Batch& given, const Measure& measure,
                              const std::function<void()>& on_probe) {
    torch::NoGradGuard no_grad;
    const Batch batch = on_device(given);
    std::vector<Tensor> inputs = {batch.input()};  // of the blocks, and the answers at the end
    {
      const EvaluationMode mode(*network_);
      for (const Block& block : blocks_) inputs.push_back(block.forward(inputs.back(), batch));
    }
    const Tensor& reference = inputs.back();
    std::vector<double> sums = {measure(reference, reference, batch)};
    for (std::size_t i = 0; i < probes_.size(); ++i) {
      throw_if_stopping();
      const double sum = measure(disturbed(i, inputs, batch), reference, batch);
      if (!std::isfinite(sum)) {
        throw RunError("Sensitivity: the damage to " + probes_[i].layer + " in " +
                       probes_[i].format.text() +
                       " is not finite; look at the weights and at "
                       "what the quantizer makes of them");
      }
      sums.push_back(sum);
      on_probe();
    }
    return sums;
  }

 private:
  Batch on_device(const Batch& given) const {
    Batch batch = device_.is_cpu() ? given : given.to(device_);
    if (batch.input().dim() == 4) {
      batch["input"] = batch.input().contiguous(at::MemoryFormat::ChannelsLast);
    }
    return batch;
  }

  Tensor disturbed(std::size_t i, const std::vector<Tensor>& inputs, const Batch& batch) {
    QuantLayer& layer = *layers_.at(probes_[i].layer);
    const bool of_weight = probes_[i].role == QuantizerRole::kWeight;
    layer.set_quantizers(of_weight ? quantizers_[i] : nullptr,
                         of_weight ? nullptr : quantizers_[i]);
    Tensor x;
    {
      const EvaluationMode mode(*network_);  // quantizes the weights once more
      const auto at = block_of_.find(probes_[i].layer);
      const std::size_t first = at == block_of_.end() ? 0 : at->second;
      x = inputs[first];
      for (std::size_t b = first; b < blocks_.size(); ++b) x = blocks_[b].forward(x, batch);
    }
    layer.set_quantizers(nullptr, nullptr);
    return x;
  }

  torch::Device device_;
  const std::vector<Probe>& probes_;
  std::shared_ptr<Network> network_;
  std::map<std::string, QuantLayer*> layers_;
  std::vector<Block> blocks_;
  std::map<std::string, std::size_t> block_of_;
  std::vector<std::shared_ptr<Quantizer>> quantizers_;  // by probe
};

// What has been measured so far, kept in a file.
class Record {
 public:
  struct Sums {
    std::int64_t samples = 0;
    std::vector<double> values;  // the float network's, then by probe
  };

  Record(std::string path, std::string identity)
      : path_(std::move(path)), identity_(std::move(identity)) {
    if (!std::filesystem::exists(path_)) return;
    const auto root = parse_json(read_file(path_));
    try {
      if (root.at("identity") != identity_) {
        throw ConfigError(path_ + ": was measured with other options; delete it to start anew");
      }
      for (const auto& item : root.at("batches")) {
        batches_[item.at("batch").get<std::int64_t>()] = {
            item.at("samples").get<std::int64_t>(), item.at("sums").get<std::vector<double>>()};
      }
    } catch (const nlohmann::json::exception& e) {
      throw DataError(path_ + ": is damaged (" + e.what() + "); delete it to start anew");
    }
  }
  bool has(std::int64_t batch) const { return batches_.count(batch) > 0; }
  std::size_t size() const { return batches_.size(); }
  void add(std::int64_t batch, Sums sums) {
    batches_[batch] = std::move(sums);
    auto items = nlohmann::json::array();
    for (const auto& [index, done] : batches_) {
      items.push_back({{"batch", index}, {"samples", done.samples}, {"sums", done.values}});
    }
    write_file_atomically(path_,
                          nlohmann::json{{"identity", identity_}, {"batches", items}}.dump());
  }
  // Means over all samples, summed up in the order of the batches.
  std::vector<double> means() const {
    std::vector<double> means;
    std::int64_t samples = 0;
    for (const auto& entry : batches_) {
      means.resize(entry.second.values.size(), 0);
      for (std::size_t i = 0; i < means.size(); ++i) means[i] += entry.second.values[i];
      samples += entry.second.samples;
    }
    for (double& mean : means) mean /= double(samples);
    return means;
  }

 private:
  std::string path_, identity_;
  std::map<std::int64_t, Sums> batches_;
};

std::string identity_of(const SearchContext& context, const SensitivityOptions& options,
                        const std::vector<Probe>& probes) {
  std::string text = context.space().network().model + " " + options.measure;
  for (const Probe& probe : probes) {
    text += " " + probe.layer + (probe.role == QuantizerRole::kWeight ? ":w:" : ":a:") +
            probe.format.text();
  }
  return text;
}

void measure_batches(SearchContext& context, const SensitivityOptions& options,
                     const std::vector<Probe>& probes, Record& record) {
  const std::int64_t batches = context.data().batches(Split::kValidation);
  const std::size_t left = std::size_t(batches) - record.size();
  if (left == 0) return;
  const Measure measure(context, options.measure);
  const auto stream = context.data().evaluate(Split::kValidation);
  std::mutex mutex;  // of the stream, the record and the display
  std::int64_t next = 0;
  std::int64_t done = std::int64_t(record.size() * probes.size());
  std::shared_ptr<Bench> first;
  const auto make_worker = [&] {
    const auto bench = std::make_shared<Bench>(context, probes);
    if (first) {
      bench->calibrate_as(*first);
    } else {
      context.progress(done, batches * std::int64_t(probes.size()), "calibrating");
      bench->calibrate(context);
      first = bench;
    }
    return [&, bench](std::size_t) {
      Batch batch;
      std::int64_t index = 0;
      {
        const std::lock_guard<std::mutex> lock(mutex);
        do {
          index = next++;
          if (!stream->next(batch)) throw RunError("Sensitivity: the data ended too early");
        } while (record.has(index));
      }
      const auto on_probe = [&] {
        const std::lock_guard<std::mutex> lock(mutex);
        context.progress(++done, batches * std::int64_t(probes.size()), "measuring layers");
      };
      Record::Sums sums{batch.size(), bench->measure(batch, measure, on_probe)};
      const std::lock_guard<std::mutex> lock(mutex);
      record.add(index, std::move(sums));
    };
  };
  context.in_parallel(left, make_worker);
}

}  // namespace

LayerScores probe_layers(SearchContext& context, const SensitivityOptions& options) {
  const std::vector<Probe> probes = probes_of(context.space());
  Record record(context.artifact_path("sensitivity.checkpoint.json"),
                identity_of(context, options, probes));
  measure_batches(context, options, probes, record);
  const std::vector<double> means = record.means();

  LayerScores scores;
  scores.model = context.space().network().model;
  scores.origin = "Sensitivity, " + options.measure;
  // Of one tensor, its integer formats by width.
  std::map<int, double*, std::greater<>> widths;
  const auto settle = [&] {
    double wider = kSmallestScore;
    for (const auto& entry : widths) wider = *entry.second = std::max(wider, *entry.second);
    widths.clear();
  };
  for (std::size_t i = 0; i < probes.size(); ++i) {
    const Probe& probe = probes[i];
    if (i == 0 || probe.layer != probes[i - 1].layer || probe.role != probes[i - 1].role) settle();
    if (scores.layers.empty() || scores.layers.back().name != probe.layer) {
      scores.layers.push_back({probe.layer, {}, {}});
    }
    LayerScore& layer = scores.layers.back();
    FormatScores& side = probe.role == QuantizerRole::kWeight ? layer.weight : layer.activation;
    double& score = side[probe.format.text()];
    score = means[i + 1] - means[0];
    if (options.monotone && probe.format.is_integer()) widths[probe.format.bits] = &score;
  }
  settle();
  return scores;
}

}  // namespace deneb::sensitivity
