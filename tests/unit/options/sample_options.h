#pragma once

#include <deneb/options/config.h>

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

/// Options and a catalog that the tests of this area share.
namespace deneb::testing {

struct Objective {
  std::string name = "accuracy";
  std::string direction = "max";
  template <class V>
  void visit(V& v) {
    v("name", name, "metric");
    v("direction", direction, "which way is better", {"max", "min"});
  }
};

struct Policy {
  int num_generation = 50;
  int num_individual = 16;
  template <class V>
  void visit(V& v) {
    v("num_generation", num_generation, "generations to run", {1, 1e6});
    v("num_individual", num_individual, "individuals kept", {4, 100000});
  }
  void check(OptionErrors& errors) const {
    if (num_individual % 4 != 0) {
      errors.add("num_individual",
                 std::to_string(num_individual) + " is not a multiple of 4; use 8 or 12");
    }
  }
};

/// One member of every kind that a field may have.
struct Everything {
  bool flag = true;
  int count = 3;
  std::int64_t large = 5'000'000'000;
  double rate = 0.1;
  std::string text = "word";
  std::string mode = "step";
  std::vector<int> bits = {4, 8};
  std::vector<double> weights = {0.5, 1.0};
  std::vector<std::string> parts = {"backbone"};
  Words words = "int8";
  std::optional<int> limit;
  std::optional<double> clip = 5.0;
  std::map<std::string, std::string> overrides = {{"layer1.0.conv1", "int4"}};
  nlohmann::json extra = {{"free", 1}};
  Policy policy;
  std::vector<Objective> objectives = {Objective{}};
  PluginSpec network;
  PluginSpec optimizer{"SGD", {{"lr", 0.5}}};
  PluginSpec cost;
  template <class V>
  void visit(V& v) {
    v("flag", flag, "a switch");
    v("count", count, "how many", {1, 100000});
    v("large", large, "a wide integer");
    v("rate", rate, "a fraction", {0, 1});
    v("text", text, "any text");
    v("mode", mode, "a choice", {"reset", "step", "cosine"});
    v("bits", bits, "bit widths", {1, 16});
    v("weights", weights, "weights", {0});
    v("parts", parts, "parts", {"backbone", "head"});
    v("words", words, "a word or several");
    v("limit", limit, "optional integer", {1, 10});
    v("clip", clip, "optional number", {0, 1e3});
    v("overrides", overrides, "format by layer name");
    v("extra", extra, "anything");
    v("policy", policy, "a group");
    v("objectives", objectives, "a list of groups");
    v.plugin("network", network, "network", "required plugin");
    v.plugin("optimizer", optimizer, "optimizer", "plugin with a default");
    v.plugin("cost", cost, "cost_model", "optional plugin", false);
  }
};

struct SgdOptions {
  double lr = 0.1;
  bool nesterov = false;
  double momentum = 0.9;
  template <class V>
  void visit(V& v) {
    v("lr", lr, "learning rate", {0, 100});
    v("nesterov", nesterov, "Nesterov momentum");
    v("momentum", momentum, "momentum", {0, 1});
  }
  void check(OptionErrors& errors) const {
    if (nesterov && momentum == 0) errors.add("", "nesterov without momentum; set momentum");
  }
};

struct ResNetOptions {
  int width = 16;
  int depth = 20;
  template <class V>
  void visit(V& v) {
    v("width", width, "channels", {1, 1024});
    v("depth", depth, "layers", {8, 1202});
  }
  void check(OptionErrors& errors) const {
    if (depth % 6 != 2) errors.add("depth", std::to_string(depth) + " is not 6n+2; use 20 or 56");
  }
};

/// A plugin that holds a plugin.
struct WrapperOptions {
  PluginSpec inner;
  PluginSpec optimizer{"SGD", {}};
  template <class V>
  void visit(V& v) {
    v.plugin("inner", inner, "network", "the network inside");
    v.plugin("optimizer", optimizer, "optimizer", "its optimizer");
  }
};

/// Contains itself by default, which is a mistake of its author.
struct EndlessOptions {
  PluginSpec inner{"Endless", {}};
  template <class V>
  void visit(V& v) {
    v.plugin("inner", inner, "endless", "itself");
  }
};

class FakeCatalog final : public PluginCatalog {
 public:
  FakeCatalog() {
    add<SgdOptions>("optimizer", "SGD");
    add<NoOptions>("optimizer", "Adam");
    add<ResNetOptions>("network", "ResNetCifar");
    add<NoOptions>("network", "Mlp");
    add<WrapperOptions>("network", "Wrapper");
    add<EndlessOptions>("endless", "Endless");
  }
  const OptionWalk* options_of(const std::string& kind, const std::string& name) const override {
    const auto found = walks_.find({kind, name});
    return found == walks_.end() ? nullptr : &found->second;
  }
  std::vector<std::string> names(const std::string& kind) const override {
    std::vector<std::string> names;
    for (const auto& [key, walk] : walks_) {
      if (key.first == kind) names.push_back(key.second);
    }
    return names;
  }

 private:
  template <class Options>
  void add(const std::string& kind, const std::string& name) {
    walks_[{kind, name}] = [](OptionVisitor& visitor) {
      Options fresh{};
      visitor.visit(fresh);
    };
  }
  std::map<std::pair<std::string, std::string>, OptionWalk> walks_;
};

/// `path: message` lines, in the order in which they were found.
inline std::vector<std::string> found(const Diagnostics& diagnostics) {
  std::vector<std::string> lines;
  for (const Problem& problem : diagnostics.problems()) {
    lines.push_back((problem.path.empty() ? "" : problem.path + ": ") + problem.message);
  }
  return lines;
}

/// Reads JSON text into `options` and returns what was wrong.
template <class Options>
std::vector<std::string> read_text(Options& options, const std::string& text,
                                   const std::string& path = "x") {
  Diagnostics diagnostics;
  read_options(walk(options), nlohmann::json::parse(text), path, FakeCatalog(), diagnostics);
  return found(diagnostics);
}

}  // namespace deneb::testing
