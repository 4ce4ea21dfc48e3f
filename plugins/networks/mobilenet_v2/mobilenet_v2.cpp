#include <deneb/plugin/plugin.h>

#include <algorithm>

#include "../common/inverted_residual_network.h"

namespace {

using deneb::networks::InvertedResidualNetwork;
using deneb::networks::InvertedResidualPlan;
using deneb::networks::ModuleNames;
using deneb::networks::rounded_channels;

struct MobileNetV2Options {
  double width = 1.0;
  std::string convention = "torchvision";
  double dropout = 0.2;
  int num_classes = 1000;
  int in_channels = 3;
  int image_size = 224;

  template <class V>
  void visit(V& v) {
    v("width", width,
      "factor of all channel numbers, which are rounded to multiples of 8; the last convolution "
      "has at least 1280 channels",
      {0.1, 4});
    v("convention", convention,
      "torchvision: batch norms with eps 1e-5, even padding; google: eps 1e-3 and TensorFlow's "
      "padding, which Google's weights (and Hugging Face's copies) need",
      {"torchvision", "google"});
    v("dropout", dropout, "before the classifier, in training", {0, 0.99});
    v("num_classes", num_classes, "outputs", {2, 100000});
    v("in_channels", in_channels, "channels of the image", {1, 1024});
    v("image_size", image_size, "height and width of the image", {32, 1024});
  }
};

constexpr const char* kPrefix = "mobilenet_v2.";  // of Hugging Face's files
constexpr int kGoogleClasses = 1001;

class MobileNetV2 final : public InvertedResidualNetwork {
 public:
  using Options = MobileNetV2Options;
  explicit MobileNetV2(const Options& o)
      : InvertedResidualNetwork(plan_of(o)), follows_google_(o.convention == "google") {}

  NamedTensors import_state(NamedTensors tensors) const override {
    const ModuleNames names = hugging_face_names();
    if (!follows_google_) refuse_google(tensors, names);
    return deneb::networks::rename_modules(std::move(tensors), names, kPrefix);
  }

 private:
  static InvertedResidualPlan plan_of(const Options& o) {
    InvertedResidualPlan plan;
    plan.in_channels = o.in_channels;
    plan.image_size = o.image_size;
    plan.num_classes = o.num_classes;
    plan.dropout = o.dropout;
    if (o.convention == "google") {
      plan.norm = {/*eps=*/1e-3, /*momentum=*/0.01};
      plan.tensorflow_padding = true;
    }
    int in = plan.stem_channels = rounded_channels(32 * o.width);
    // Table 2 of the paper: the first block of a row takes the stride.
    struct Row {
      int expansion, channels, blocks, stride;
    };
    for (const Row& row : {Row{1, 16, 1, 1},
                           {6, 24, 2, 2},
                           {6, 32, 3, 2},
                           {6, 64, 4, 2},
                           {6, 96, 3, 1},
                           {6, 160, 3, 2},
                           {6, 320, 1, 1}}) {
      for (int b = 0; b < row.blocks; ++b) {
        InvertedResidualPlan::Stage stage;
        stage.name = "features." + std::to_string(plan.blocks.size() + 1);
        stage.at = stage.name + ".conv";
        stage.expanded = in * row.expansion;
        stage.channels = in = rounded_channels(row.channels * o.width);
        stage.stride = b == 0 ? row.stride : 1;
        plan.blocks.push_back(stage);
      }
    }
    plan.last_channels = rounded_channels(1280 * std::max(1.0, o.width));
    plan.last_name = "features." + std::to_string(plan.blocks.size() + 1);
    return plan;
  }

  static ModuleNames hugging_face_names() {
    ModuleNames names = {{"classifier", "classifier.1"}};
    const auto add = [&names](const std::string& theirs, const std::string& conv,
                              const std::string& bn) {
      names[theirs + ".convolution"] = conv;
      names[theirs + ".normalization"] = bn;
    };
    add("conv_stem.first_conv", "features.0.0", "features.0.1");
    add("conv_stem.conv_3x3", "features.1.conv.0.0", "features.1.conv.0.1");
    add("conv_stem.reduce_1x1", "features.1.conv.1", "features.1.conv.2");
    for (int i = 0; i < 16; ++i) {
      const std::string theirs = "layer." + std::to_string(i);
      const std::string ours = "features." + std::to_string(i + 2) + ".conv.";
      add(theirs + ".expand_1x1", ours + "0.0", ours + "0.1");
      add(theirs + ".conv_3x3", ours + "1.0", ours + "1.1");
      add(theirs + ".reduce_1x1", ours + "2", ours + "3");
    }
    add("conv_1x1", "features.18.0", "features.18.1");
    return names;
  }

  // A file does not say how its network pads; only its classes give Google's away.
  static void refuse_google(const NamedTensors& tensors, const ModuleNames& names) {
    for (const auto& [name, tensor] : tensors) {
      const bool classifier = name == "classifier.weight" || name == "classifier.bias";
      if (!classifier || !deneb::networks::is_known(name, names, kPrefix)) continue;
      if (tensor.dim() < 1 || tensor.size(0) != kGoogleClasses) continue;
      throw deneb::DataError(
          "network MobileNetV2: the weights are Google's, under Hugging Face's names ('" + name +
          "' has 1001 classes, the first of them background); that network pads as TensorFlow does "
          "and has batch norms with eps 1e-3, so that torchvision's, which this one is, gives "
          "other "
          "answers with the same tensors; set \"convention\": \"google\" and \"num_classes\": "
          "1001");
    }
  }

  bool follows_google_;
};

void register_all(deneb::Registrar& r) {
  r.add<deneb::Network, MobileNetV2>(
      "MobileNetV2", "inverted residuals for ImageNet (Sandler et al. 2018), torchvision's names");
}

}  // namespace

DENEB_PLUGIN("mobilenet_v2", "0.1.0", "MobileNet V2 for ImageNet", register_all);
