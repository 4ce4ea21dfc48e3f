#include <deneb/nn/walk.h>
#include <deneb/plugin/plugin.h>
#include <deneb/quant/quantizer.h>
#include <deneb/search/layer_scores.h>
#include <deneb/search/search_algorithm.h>

namespace {

// Scores without data: how large a weight is, times how far its quantized copy is from it, relative
// to its size. Inputs count by their width alone.
class NormScores final : public deneb::SearchAlgorithm {
 public:
  using Options = deneb::NoOptions;
  explicit NormScores(const Options&) {}
  std::vector<std::string> gives() const override { return {"layer_scores"}; }

  deneb::SearchResult run(deneb::SearchContext& context) override {
    torch::NoGradGuard no_grad;
    deneb::LayerScores scores{context.space().network().model, "norm times error", {}};
    const auto network = context.make_network();
    for (const auto& [name, layer] : deneb::quant_layers(*network)) {
      const torch::Tensor& weight = layer->float_weight();
      deneb::LayerScore score{name, {}, {}};
      for (int bits = 1; bits <= 16; ++bits) {
        const auto format = deneb::Format::integer(bits, true);
        const auto quantizer = context.make_quantizer(deneb::QuantizerRole::kWeight, format);
        if (!quantizer->accepts(format)) continue;
        quantizer->attach({deneb::QuantizerRole::kWeight, name, weight});
        quantizer->set_format(format);
        const double error = (quantizer->quantize(weight) - weight).norm().item<double>();
        score.weight[format.text()] = weight.norm().item<double>() * error / double(weight.numel());
        score.activation[format.text()] = std::exp2(-bits);
      }
      scores.layers.push_back(score);
    }
    const std::string file = context.artifact_path("layer_scores.json");
    deneb::write_layer_scores(file, scores);
    deneb::SearchResult result;
    result.artifacts = {{"layer_scores", file}};
    return result;
  }
};

void register_all(deneb::Registrar& r) {
  r.add<deneb::SearchAlgorithm, NormScores>("NormScores", "weight norm times quantization error");
}

}  // namespace

DENEB_PLUGIN("layer_scores_by_norm", "1.0.0", "example of layer scores", register_all);
