#include <cmath>

#include <deneb/plugin/plugin.h>
#include <deneb/quant/cost_model.h>

namespace {

using deneb::BitPolicy;
using deneb::LayerChoice;
using deneb::LayerInfo;
using deneb::NetworkInfo;

struct AverageBitsOptions {
  std::string counting = "exact";
  template <class V>
  void visit(V& v) {
    v("counting", counting,
      "size of a layer: its MACs by the true output size; or as EdMIPS' code counts them, from the "
      "input size and the stride",
      {"exact", "edmips"});
  }
};

class AverageBits final : public deneb::CostModel {
 public:
  using Options = AverageBitsOptions;
  explicit AverageBits(const Options& options) : options_(options) {}

  double layer(const LayerInfo& info, const LayerChoice& choice) const override {
    if (!counts(choice)) return 0;
    return size(info) * choice.weight.bits * choice.activation.bits;
  }

  double total(const NetworkInfo& network, const BitPolicy& policy) const override {
    double sizes = 0, sum = 0;
    for (const LayerInfo& info : network.layers) {
      const LayerChoice* choice = policy.find(info.name);
      if (!choice || !counts(*choice)) continue;
      sizes += size(info);
      sum += layer(info, *choice);
    }
    return sizes == 0 ? deneb::Format::float32().bits : std::sqrt(sum / sizes);
  }

  std::string unit() const override { return "bits on average"; }

 private:
  static bool counts(const LayerChoice& choice) {
    return !choice.weight.is_float32() && !choice.activation.is_float32();
  }
  double size(const LayerInfo& info) const {
    return options_.counting == "edmips" ? deneb::input_extent_macs(info) : double(info.macs);
  }

  Options options_;
};

void register_all(deneb::Registrar& r) {
  r.add<deneb::CostModel, AverageBits>(
      "average_bits",
      "width of a uniform policy with the BitOps of this one, over quantized layers");
}

}  // namespace

DENEB_PLUGIN("average_bits", "0.1.0", "average width by BitOps", register_all);
