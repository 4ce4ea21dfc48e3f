#include <deneb/plugin/plugin.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>

#include "../common/inverted_residual_network.h"

namespace {

using deneb::networks::InvertedResidualNetwork;
using deneb::networks::InvertedResidualPlan;
using deneb::networks::ModuleNames;
using deneb::networks::rounded_channels;

/// B0 to B7: compound scaling by the paper's table.
struct Scale {
  double width, depth;
  int image_size;
  double dropout;
};
constexpr std::array<Scale, 8> kScales = {{{1.0, 1.0, 224, 0.2},
                                           {1.0, 1.1, 240, 0.2},
                                           {1.1, 1.2, 260, 0.3},
                                           {1.2, 1.4, 300, 0.3},
                                           {1.4, 1.8, 380, 0.4},
                                           {1.6, 2.2, 456, 0.4},
                                           {1.8, 2.6, 528, 0.5},
                                           {2.0, 3.1, 600, 0.5}}};
constexpr int kSmallestImage = 32;

struct EfficientNetOptions {
  std::string variant = "b0";
  std::string convention = "torchvision";
  std::optional<double> dropout;
  double stochastic_depth = 0.2;
  int num_classes = 1000;
  int in_channels = 3;
  int image_size = 0;

  template <class V>
  void visit(V& v) {
    v("variant", variant, "size: b0 to b7", {"b0", "b1", "b2", "b3", "b4", "b5", "b6", "b7"});
    v("convention", convention,
      "torchvision: even padding, batch norms with eps 1e-5 (b5 to b7: 1e-3); google: eps 1e-3 and "
      "TensorFlow's padding, which Google's weights (and Hugging Face's copies) need",
      {"torchvision", "google"});
    v("dropout", dropout,
      "before the classifier, in training; null = that of the variant, 0.2 to 0.5", {0, 0.99});
    v("stochastic_depth", stochastic_depth,
      "chance of the last block to be left out for a sample, in training; falls to 0 at the first",
      {0, 0.99});
    v("num_classes", num_classes, "outputs", {2, 100000});
    v("in_channels", in_channels, "channels of the image", {1, 1024});
    v("image_size", image_size,
      "height and width of the image, at least 32; 0 = that of the variant, 224 to 600", {0, 1024});
  }
  void check(deneb::OptionErrors& errors) const {
    if (image_size != 0 && image_size < kSmallestImage) {
      errors.add("image_size", std::to_string(image_size) +
                                   " is too small; use at least 32, or 0 for that of the variant");
    }
  }
  int index() const { return variant.back() - '0'; }
  const Scale& scale() const { return kScales.at(std::size_t(index())); }
};

constexpr const char* kPrefix = "efficientnet.";  // of Hugging Face's files

class EfficientNet final : public InvertedResidualNetwork {
 public:
  using Options = EfficientNetOptions;
  explicit EfficientNet(const Options& o)
      : InvertedResidualNetwork(plan_of(o)), follows_google_(o.convention == "google") {}

  NamedTensors import_state(NamedTensors tensors) const override {
    const ModuleNames names = hugging_face_names();
    if (!follows_google_) refuse_google(tensors, names);
    return deneb::networks::rename_modules(std::move(tensors), names, kPrefix);
  }

 private:
  static InvertedResidualPlan plan_of(const Options& o) {
    const Scale& scale = o.scale();
    InvertedResidualPlan plan;
    plan.in_channels = o.in_channels;
    plan.image_size = o.image_size > 0 ? o.image_size : scale.image_size;
    plan.num_classes = o.num_classes;
    plan.activation = InvertedResidualPlan::Activation::kSilu;
    plan.nested_projection = true;
    plan.dropout = o.dropout.value_or(scale.dropout);
    plan.uniform_classifier = true;
    plan.tensorflow_padding = o.convention == "google";
    if (plan.tensorflow_padding || o.index() >= 5) plan.norm = {/*eps=*/1e-3, /*momentum=*/0.01};
    int in = plan.stem_channels = rounded_channels(32 * scale.width);
    // Table 1 of the paper: the first block of a row takes the stride.
    struct Row {
      int expansion, kernel, stride, channels, blocks;
    };
    int row_number = 0;
    for (const Row& row : {Row{1, 3, 1, 16, 1},
                           {6, 3, 2, 24, 2},
                           {6, 5, 2, 40, 2},
                           {6, 3, 2, 80, 3},
                           {6, 5, 1, 112, 3},
                           {6, 5, 2, 192, 4},
                           {6, 3, 1, 320, 1}}) {
      ++row_number;
      const int blocks = int(std::ceil(row.blocks * scale.depth));
      for (int b = 0; b < blocks; ++b) {
        InvertedResidualPlan::Stage stage;
        stage.name = "features." + std::to_string(row_number) + "." + std::to_string(b);
        stage.at = stage.name + ".block";
        stage.kernel = row.kernel;
        stage.stride = b == 0 ? row.stride : 1;
        stage.expanded = in * row.expansion;
        stage.squeezed = std::max(1, in / 4);
        stage.channels = in = rounded_channels(row.channels * scale.width);
        plan.blocks.push_back(stage);
      }
    }
    for (std::size_t i = 0; i < plan.blocks.size(); ++i) {
      plan.blocks[i].drop_chance = o.stochastic_depth * double(i) / double(plan.blocks.size());
    }
    plan.last_channels = 4 * in;
    plan.last_name = "features.8";
    return plan;
  }

  ModuleNames hugging_face_names() const {
    ModuleNames names = {{"embeddings.convolution", "features.0.0"},
                         {"embeddings.batchnorm", "features.0.1"},
                         {"encoder.top_conv", "features.8.0"},
                         {"encoder.top_bn", "features.8.1"},
                         {"classifier", "classifier.1"}};
    for (std::size_t i = 0; i < plan().blocks.size(); ++i) {
      const std::string theirs = "encoder.blocks." + std::to_string(i) + ".";
      int module = 0;
      const auto next = [&] { return plan().blocks[i].at + "." + std::to_string(module++) + "."; };
      const bool expands = plan().blocks[i].name.rfind("features.1.", 0) != 0;
      std::string ours;
      if (expands) {
        ours = next();
        names[theirs + "expansion.expand_conv"] = ours + "0";
        names[theirs + "expansion.expand_bn"] = ours + "1";
      }
      ours = next();
      names[theirs + "depthwise_conv.depthwise_conv"] = ours + "0";
      names[theirs + "depthwise_conv.depthwise_norm"] = ours + "1";
      ours = next();
      names[theirs + "squeeze_excite.reduce"] = ours + "fc1";
      names[theirs + "squeeze_excite.expand"] = ours + "fc2";
      ours = next();
      names[theirs + "projection.project_conv"] = ours + "0";
      names[theirs + "projection.project_bn"] = ours + "1";
    }
    return names;
  }

  // Hugging Face's network pads in no other way.
  static void refuse_google(const NamedTensors& tensors, const ModuleNames& names) {
    for (const auto& entry : tensors) {
      const std::string& name = entry.first;
      if (!deneb::networks::is_known(name, names, kPrefix)) continue;
      throw deneb::DataError(
          "network EfficientNet: the weights have Hugging Face's names ('" + name +
          "'); that network pads as TensorFlow does and has batch norms with eps 1e-3, so that "
          "torchvision's, which this one is, gives other answers with the same tensors; set "
          "\"convention\": \"google\"");
    }
  }

  bool follows_google_;
};

void register_all(deneb::Registrar& r) {
  r.add<deneb::Network, EfficientNet>(
      "EfficientNet", "EfficientNet B0 to B7 for ImageNet (Tan and Le 2019), torchvision's names");
}

}  // namespace

DENEB_PLUGIN("efficientnet", "0.1.0", "EfficientNet B0 to B7 for ImageNet", register_all);
