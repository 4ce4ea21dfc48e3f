#pragma once

#include <deneb/data/data_loader.h>
#include <deneb/interrupt.h>
#include <deneb/nn/walk.h>
#include <deneb/quant/quantizer.h>
#include <deneb/train/cross_entropy.h>
#include <deneb/train/evaluator.h>

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "plugins/plugin_registry.h"
#include "scratch_folder.h"
#include "support/fake_search_context.h"

namespace deneb::testing {

/// Widths for all layers but the first and the last one, which have 8 bits.
inline SearchSpaceOptions space_between_fixed_ends(std::vector<int> bits) {
  SearchSpaceOptions options = open_space(std::move(bits));
  options.first_layer = options.last_layer = "int8";
  return options;
}

/// For searches that train themselves: a small residual network of random weights on made-up
/// images. `registry` must hold classification, resnet_cifar, standard_costs and synthetic; tests
/// add the quantizers.
class SmallSearchContext : public FakeSearchContext {
 public:
  SmallSearchContext(const Registry& registry, const SearchSpaceOptions& space)
      : FakeSearchContext(probe(*network(registry), "ResNetCifar"), space, /*seed=*/7),
        registry_(registry),
        evaluator_(plugin_test::make<Evaluator>(registry, "Classification")),
        data_(make_data(registry)) {
    at::set_num_threads(1);  // tensors of a few values
  }

  std::shared_ptr<Network> make_network() override { return network(registry_); }
  const DataLoader& data() override { return data_; }
  const Criterion& criterion() const override { return criterion_; }
  const Evaluator& evaluator() const override { return *evaluator_; }
  std::string artifact_path(const std::string& file) const override { return folder_ / file; }
  const CostModel& cost_model(const std::string& name) const override {
    auto& model = models_[name];
    if (!model) model = plugin_test::make<CostModel>(registry_, name);
    return *model;
  }
  std::map<std::string, double> costs(const BitPolicy& policy) const override {
    return {{"bitops", cost_model("bitops").total(space().network(), policy)},
            {"size", cost_model("size").total(space().network(), policy)}};
  }
  std::vector<Objective> measures() const override {
    return {{"bitops", Direction::kMinimize}, {"size", Direction::kMinimize}};
  }
  void progress(std::int64_t done, std::int64_t, const std::string&) override {
    if (done == stop_at) throw Interrupted(2);
  }
  void log(const std::string&) override {}

  std::int64_t stop_at = -1;

 private:
  static std::shared_ptr<Network> network(const Registry& registry) {
    at::manual_seed(1);
    return plugin_test::make<Network>(registry, "ResNetCifar",
                                      {{"depth", 8}, {"base_channels", 4}, {"image_size", 8}});
  }
  static DataLoader make_data(const Registry& registry) {
    auto images = plugin_test::make<Dataset>(registry, "Synthetic",
                                             {{"num_classes", 10},
                                              {"channels", 3},
                                              {"size", 8},
                                              {"train_samples", 100},
                                              {"test_samples", 10}});
    images->open();
    DataLoaderOptions options;
    options.batch_size = 16;
    options.train_portion = 0.8;
    options.workers = 0;
    return DataLoader(std::move(images), options);
  }

  const Registry& registry_;
  std::shared_ptr<Evaluator> evaluator_;
  DataLoader data_;
  const CrossEntropy criterion_;
  ScratchFolder folder_;
  mutable std::map<std::string, std::shared_ptr<CostModel>> models_;
};

}  // namespace deneb::testing
