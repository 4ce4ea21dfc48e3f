#include <deneb/plugin/plugin.h>
#include <deneb/train/trainer.h>

#include "options.h"
#include "reconstruction.h"

namespace {

class BlockReconstruction final : public deneb::Trainer {
 public:
  using Options = deneb::reconstruction::BlockReconstructionOptions;
  explicit BlockReconstruction(const Options& options) : options_(options) {}

  deneb::FitResult fit(deneb::Network& network, const deneb::DataLoader& data,
                       const deneb::FitRequest& request) const override {
    return deneb::reconstruction::reconstruct(options_, network, data, request);
  }
  bool wants_teacher() const override { return true; }
  bool wants_folded_batch_norms() const override { return true; }
  void check(const deneb::TrainerSetting& setting) const override {
    if (!setting.start_weights) {
      throw deneb::ConfigError(
          "trainer: BlockReconstruction rebuilds a trained network, and `weights` is not set; set "
          "it to the float weights");
    }
    if (!setting.for_each_network) return;
    setting.for_each_network([this](deneb::Network& network) {
      deneb::reconstruction::check_network(options_, network);
    });
  }
  std::string extent() const override {
    return std::to_string(options_.iterations) + " iteration(s) per unit";
  }

 private:
  Options options_;
};

void register_all(deneb::Registrar& r) {
  r.add<deneb::Trainer, BlockReconstruction>(
      "BlockReconstruction",
      "post-training quantization unit by unit: AdaRound and BRECQ (Nagel et al. 2020, Li et al. "
      "2021)");
}

}  // namespace

DENEB_PLUGIN("block_reconstruction", "0.1.0", "Reconstruction of quantized networks unit by unit",
             register_all);
