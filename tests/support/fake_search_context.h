#pragma once

#include <deneb/random.h>
#include <deneb/search/search_algorithm.h>

#include <cmath>
#include <functional>
#include <map>
#include <string>
#include <vector>

namespace deneb::testing {

/// A network of `layers` convolutions with different sizes, as probe() would describe it.
inline NetworkInfo chain_network(int layers) {
  NetworkInfo network;
  network.model = "Chain";
  for (int i = 0; i < layers; ++i) {
    LayerInfo layer;
    layer.name = "layer" + std::to_string(i);
    layer.op = "conv2d";
    layer.macs = 1000 * (i % 3 + 1);
    layer.weights = 100 * (i % 4 + 1);
    layer.signed_input = i == 0;
    layer.input_group = i;
    network.layers.push_back(layer);
  }
  return network;
}

/// Everything quantizable, no pinned ends.
inline SearchSpaceOptions open_space(std::vector<int> bits) {
  SearchSpaceOptions options;
  options.bit_candidates = std::move(bits);
  options.first_layer = options.last_layer = "search";
  return options;
}

/// The cost of FakeSearchContext: sum MACs (w + a) / 32.
class FakeFlops final : public CostModel {
 public:
  double layer(const LayerInfo& info, const LayerChoice& choice) const override {
    return static_cast<double>(info.macs) * (choice.weight.bits + choice.activation.bits) / 32.0;
  }
  std::string unit() const override { return "FLOPs"; }
};

/// A cost whose layers do not add up to it: the root of FakeFlops.
class FakeRoot final : public CostModel {
 public:
  double layer(const LayerInfo& info, const LayerChoice& choice) const override {
    return FakeFlops().layer(info, choice);
  }
  double total(const NetworkInfo& network, const BitPolicy& policy) const override {
    return std::sqrt(FakeFlops().total(network, policy));
  }
  std::string unit() const override { return "root of FLOPs"; }
};

/// A search context with an analytic accuracy, so that searches are tested without training:
/// accuracy = 1 - sum_i s_i (2^-w_i + 2^-a_i) with fixed s; the only cost is `flops`, which
/// `max_flops` limits, but for `root`, which is there if it is asked for.
class FakeSearchContext : public SearchContext {
 public:
  FakeSearchContext(int layers, std::vector<int> bits, std::uint64_t seed)
      : space_(chain_network(layers), open_space(std::move(bits))), seed_(seed) {}

  FakeSearchContext(NetworkInfo network, const SearchSpaceOptions& space, std::uint64_t seed)
      : space_(std::move(network), space), seed_(seed) {}

  static double sensitivity(std::size_t layer) {
    return 0.02 + 0.013 * static_cast<double>((layer * 7) % 5);
  }
  double accuracy(const BitPolicy& policy) const {
    double loss = 0;
    for (std::size_t i = 0; i < space_.network().layers.size(); ++i) {
      const LayerChoice* c = policy.find(space_.network().layers[i].name);
      if (!c) continue;  // float32
      loss +=
          sensitivity(i) * (std::pow(2.0, -c->weight.bits) + std::pow(2.0, -c->activation.bits));
    }
    return 1 - loss;
  }
  double flops(const BitPolicy& policy) const {
    return flops_model_.total(space_.network(), policy);
  }

  const SearchSpace& space() const override { return space_; }
  std::vector<Objective> measures() const override {
    return {{"accuracy", Direction::kMaximize}, {"flops", Direction::kMinimize}};
  }
  std::map<std::string, double> costs(const BitPolicy& policy) const override {
    return {{"flops", flops(policy)}};
  }
  const CostModel& cost_model(const std::string& name) const override {
    if (name == "root") return root_model_;
    if (name != "flops") throw ConfigError("no cost model " + name);
    return flops_model_;
  }
  std::vector<Limit> limits() const override {
    if (max_flops <= 0) return {};
    return {{"flops", max_flops}};
  }
  bool within_limits(const BitPolicy& policy) const override {
    return max_flops <= 0 || flops(policy) <= max_flops;
  }
  std::vector<TrialResult> evaluate(const std::vector<TrialRequest>& requests) override {
    ++calls;
    std::vector<TrialResult> results;
    for (const TrialRequest& request : requests) {
      const std::string key = request.policy.fingerprint();
      TrialResult result;
      result.repeated = ids_.count(key) > 0;
      if (!result.repeated) ids_[key] = ++trials;
      result.id = ids_[key];
      result.ok = !fails || !fails(result.id);
      if (result.ok) {
        result.metrics = {{"accuracy", accuracy(request.policy)}, {"flops", flops(request.policy)}};
      }
      results.push_back(result);
    }
    return results;
  }
  std::map<std::string, double> float_metrics() override { return {{"accuracy", 1.0}}; }
  nlohmann::ordered_json provenance() override {
    return {{"network", {{"type", "Chain"}}}, {"dataset", {{"type", "none"}}}, {"seed", 1}};
  }
  std::mt19937_64 rng(const std::string& label) const override {
    return std::mt19937_64(seed(label));
  }
  std::uint64_t seed(const std::string& label) const override { return derive_seed(seed_, label); }
  std::shared_ptr<Network> make_network() override { throw RunError("no network here"); }
  std::shared_ptr<Quantizer> make_quantizer(const PluginSpec&) override {
    throw RunError("no quantizers here");
  }
  std::shared_ptr<Quantizer> make_quantizer(QuantizerRole, const Format&) override {
    throw RunError("no quantizers here");
  }
  std::unique_ptr<BatchStream> calibration_data() override { throw RunError("no data here"); }
  const DataLoader& data() override { throw RunError("no data here"); }
  const Criterion& criterion() const override { throw RunError("no criterion here"); }
  const Evaluator& evaluator() const override { throw RunError("no evaluator here"); }
  c10::Device device() const override { return c10::kCPU; }
  std::string artifact_path(const std::string& file) const override { return file; }
  std::string input(const std::string& kind) const override {
    throw RunError("no " + kind + " here");
  }
  void in_parallel(std::size_t tasks, const std::function<Task()>& make_worker) override {
    const Task task = make_worker();
    for (std::size_t i = 0; i < tasks; ++i) task(i);
  }
  void progress(std::int64_t, std::int64_t, const std::string&) override {}
  void log(const std::string&) override {}

  double max_flops = 0;
  std::function<bool(std::int64_t)> fails;
  std::int64_t trials = 0;
  int calls = 0;

 private:
  FakeFlops flops_model_;
  FakeRoot root_model_;
  SearchSpace space_;
  std::uint64_t seed_;
  std::map<std::string, std::int64_t> ids_;
};

}  // namespace deneb::testing
