#include <deneb/plugin/plugin.h>
#include <deneb/quant/cost_model.h>

namespace {

using deneb::LayerChoice;
using deneb::LayerInfo;
using deneb::NetworkInfo;

// Format::bits is 32 for float32 and counts sign, exponent and mantissa of small floats.
double weight_bits(const LayerChoice& choice) { return choice.weight.bits; }
double activation_bits(const LayerChoice& choice) { return choice.activation.bits; }

// As EMQ's code counts (github.com/lilujunai/EMQ-series): the batch norm behind a convolution
// belongs to it, 2 parameters per channel and 5 operations per output; a linear layer has its bias,
// and twice its MACs.
double emq_parameters(const LayerInfo& info) {
  const double outputs = info.weight_shape.empty() ? 0 : double(info.weight_shape[0]);
  return double(info.weights) + (info.op == "conv2d" ? 2 : 1) * outputs;
}
double emq_operations(const LayerInfo& info) {
  double outputs = info.output_shape.empty() ? 0 : 1;
  for (const std::int64_t extent : info.output_shape) outputs *= double(extent);
  return info.op == "conv2d" ? double(info.macs) + 5 * outputs : 2 * double(info.macs) + outputs;
}

struct BitOpsOptions {
  std::string counting = "exact";
  template <class V>
  void visit(V& v) {
    v("counting", counting,
      "exact: MACs by the true output size; limpq, edmips: MACs as their code counts them; emq: as "
      "EMQ's code, with batch norms; refcompute: weights * ((w + a)/2)^2, the compute of FLIQS' "
      "open "
      "code",
      {"exact", "limpq", "edmips", "emq", "refcompute"});
  }
};

class BitOps final : public deneb::CostModel {
 public:
  using Options = BitOpsOptions;
  explicit BitOps(const Options& options) : options_(options) {}
  double layer(const LayerInfo& info, const LayerChoice& choice) const override {
    if (options_.counting == "refcompute") {
      // Neither the extent of an image nor the length of a text counts, so that it ranks layers
      // wrongly; to compare with logs of that code (quant_module.py).
      const double mean = (weight_bits(choice) + activation_bits(choice)) / 2;
      return double(info.weights) * mean * mean;
    }
    return macs(info) * weight_bits(choice) * activation_bits(choice);
  }
  std::string unit() const override { return "bit operations"; }
  int table_rank() const override { return 1; }

 private:
  double macs(const LayerInfo& info) const {
    if (options_.counting == "limpq") return double(deneb::unrounded_macs(info));
    if (options_.counting == "edmips") return deneb::input_extent_macs(info);
    if (options_.counting == "emq") return emq_operations(info);
    return double(info.macs);
  }

  Options options_;
};

struct SizeOptions {
  std::string counting = "exact";
  bool include_other_parameters = false;
  template <class V>
  void visit(V& v) {
    v("counting", counting,
      "exact: weights; emq: with biases of linear layers and 2 batch norm parameters per channel "
      "of a convolution, all at the width of the weight, as EMQ's code",
      {"exact", "emq"});
    v("include_other_parameters", include_other_parameters,
      "count biases and batch norms too, at 32 bits each");
  }
  void check(deneb::OptionErrors& errors) const {
    if (counting == "emq" && include_other_parameters) {
      errors.add("include_other_parameters", "counts twice what emq counts already; leave it out");
    }
  }
};

class Size final : public deneb::CostModel {
 public:
  using Options = SizeOptions;
  explicit Size(const Options& options) : options_(options) {}
  double layer(const LayerInfo& info, const LayerChoice& choice) const override {
    const double parameters =
        options_.counting == "emq" ? emq_parameters(info) : double(info.weights);
    return parameters * weight_bits(choice);
  }
  double constant(const NetworkInfo& network) const override {
    return options_.include_other_parameters ? 32.0 * double(network.other_parameters) : 0;
  }
  std::string unit() const override { return "bits"; }
  int table_rank() const override { return 2; }

 private:
  Options options_;
};

struct FlopsOptions {
  int bn_flops = 0;
  template <class V>
  void visit(V& v) {
    v("bn_flops", bn_flops, "operations per batch norm output: 0, 2 or 4", {0, 4});
  }
  void check(deneb::OptionErrors& errors) const {
    if (bn_flops % 2 != 0) {
      errors.add("bn_flops", std::to_string(bn_flops) +
                                 " is no counting rule; use 0 (batch norms are folded), 2 or 4 "
                                 "(thop 0.1.1, as in Vega's reports)");
    }
  }
};

// Vega's FLOPs: a quantized layer counts w/32 + a/32 per MAC, a float layer 1.
class Flops final : public deneb::CostModel {
 public:
  using Options = FlopsOptions;
  explicit Flops(const Options& options) : options_(options) {}
  double layer(const LayerInfo& info, const LayerChoice& choice) const override {
    if (choice.is_float32()) return double(info.macs);
    return double(info.macs) * (weight_bits(choice) + activation_bits(choice)) / 32;
  }
  double constant(const NetworkInfo& network) const override {
    return double(network.pooling_ops) + options_.bn_flops * double(network.batch_norm_elements);
  }
  std::string unit() const override { return "FLOPs"; }

 private:
  Options options_;
};

// Parameters in units of 32 bits.
class Params final : public deneb::CostModel {
 public:
  using Options = deneb::NoOptions;
  explicit Params(const Options&) {}
  double layer(const LayerInfo& info, const LayerChoice& choice) const override {
    return double(info.weights) * weight_bits(choice) / 32;
  }
  double constant(const NetworkInfo& network) const override {
    return double(network.other_parameters);
  }
  std::string unit() const override { return "parameters"; }
};

void register_all(deneb::Registrar& r) {
  using deneb::CostModel;
  r.add<CostModel, BitOps>("bitops", "sum of MACs * weight bits * activation bits");
  r.add<CostModel, Size>("size", "sum of weights * weight bits");
  r.add<CostModel, Flops>("flops", "Vega's FLOPs: MACs * (w/32 + a/32), plus pooling");
  r.add<CostModel, Params>("params", "sum of weights * w/32, plus all other parameters");
}

}  // namespace

DENEB_PLUGIN("standard_costs", "0.1.0", "BitOps, size, FLOPs, parameters", register_all);
