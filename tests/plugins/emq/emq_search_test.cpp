#include "emq_search.h"

#include <gmock/gmock.h>
#include <torch/torch.h>

#include <algorithm>
#include <cmath>
#include <filesystem>

#include <deneb/io/files.h>
#include <deneb/search/layer_scores.h>

#include "made_up_benchmark.h"
#include "policy_set.h"
#include "proxy_file.h"
#include "support/small_search_context.h"

namespace deneb::emq {
namespace {

using ::testing::HasSubstr;

const Registry& registry() {
  static const auto loaded = plugin_test::load(
      {"classification", "resnet_cifar", "standard_costs", "synthetic", "uniform"});
  return *loaded;
}

// Weights alone are searched.
SearchSpaceOptions weight_space() {
  SearchSpaceOptions options = deneb::testing::space_between_fixed_ends({2, 3, 4});
  options.activation_candidates = {"int8"};
  return options;
}

class Context : public deneb::testing::SmallSearchContext {
 public:
  Context() : SmallSearchContext(registry(), weight_space()) {}
  std::shared_ptr<Quantizer> make_quantizer(QuantizerRole, const Format&) override {
    return plugin_test::make<Quantizer>(registry(), "Uniform");
  }
  std::vector<std::string> searched() const {
    std::vector<std::string> names;
    for (const LayerGenes& genes : space().layer_genes()) {
      if (genes.weight) names.push_back(space().network().layers[genes.layer].name);
    }
    return names;
  }
  std::string file(const std::string& name) const { return read_file(artifact_path(name)); }
};

EmqOptions options_for(Context& context) {
  EmqOptions options;
  options.benchmark = context.artifact_path("benchmark.json");
  write_benchmark(options.benchmark, made_up_benchmark(context.searched(), 60));
  options.samples = 8;
  options.fitness.policies = 0;
  options.evolution.iterations = 40;
  options.evolution.population = 10;
  options.bootstrap = 50;
  return options;
}

const std::vector<std::string> kFiles = {"proxy.json", "layer_scores.json", "correlations.csv",
                                         "evolution.json", "evolution.checkpoint.json"};

TEST(EmqSearch, EvolvesAProxyThatScoresTheNetwork) {
  Context context;
  const EmqOptions options = options_for(context);
  check_emq(context, options);
  const SearchResult result = search_proxy(context, options);
  ASSERT_EQ(result.artifacts.size(), 2u);
  EXPECT_EQ(result.artifacts[0].kind, "proxy");
  EXPECT_EQ(result.artifacts[1].kind, "layer_scores");

  const auto course = nlohmann::json::parse(context.file("evolution.json"));
  const auto best = course.at("best").get<std::vector<double>>();
  ASSERT_EQ(best.size(), 41u);
  EXPECT_TRUE(std::is_sorted(best.begin(), best.end()));
  EXPECT_GT(best.back(), 0.3);  // more bits are better, which some proxy knows

  const LayerScores scores = read_layer_scores(result.artifacts[1].file);
  ASSERT_EQ(scores.layers.size(), context.searched().size());
  for (const LayerScore& layer : scores.layers) {
    EXPECT_EQ(layer.weight.size(), 3u);
    EXPECT_TRUE(layer.activation.empty());
  }
  // The scores of the file order the policies as the evolution had it.
  const Benchmark benchmark = read_benchmark(options.benchmark);
  const PolicySet evolve = policies_of(benchmark, "evolve");
  const auto fitness = spearman_top_k(evolve.accuracy, scores_of(scores, benchmark, evolve, "test"),
                                      TopBy::kPredicted);
  ASSERT_TRUE(fitness);
  EXPECT_NEAR(*fitness, best.back(), 1e-6);

  std::vector<std::string> names;
  for (const Figure& figure : result.figures) {
    names.push_back(figure.name);
    EXPECT_NO_THROW(to_json(figure));
  }
  EXPECT_EQ(names, std::vector<std::string>({"fitness", "scores_evolve", "scores_valid",
                                             "scores_test", "correlations_test"}));
  EXPECT_FALSE(result.figures[3].joined);
  const std::string table = context.file("correlations.csv");
  EXPECT_EQ(std::count(table.begin(), table.end(), '\n'), 1 + 3 * 3);
  for (const char* row : {"\nevolved,test,", "\nsize of the weights,test,", "\nbitops,valid,"}) {
    EXPECT_THAT(table, HasSubstr(row));
  }
}

TEST(EmqSearch, SameSeedSameFilesWhereverItStops) {
  for (const char* structure : {"tree", "graph", "linear"}) {
    Context whole;
    EmqOptions options = options_for(whole);
    options.structure = structure;
    options.evolution.checkpoint_seconds = 0;
    options.evolution.population = 6;
    options.evolution.iterations = 20;
    search_proxy(whole, options);
    Context broken;
    EmqOptions again = options;
    again.benchmark = options_for(broken).benchmark;
    for (const int stop : {0, 1, 7, 19}) {
      broken.stop_at = stop;
      EXPECT_THROW(search_proxy(broken, again), Interrupted) << structure << " " << stop;
      broken.stop_at = -1;
      if (stop > 0) {
        EXPECT_TRUE(std::filesystem::exists(broken.artifact_path("evolution.checkpoint.json")));
      }
    }
    search_proxy(broken, again);
    for (const std::string& file : kFiles) EXPECT_EQ(whole.file(file), broken.file(file)) << file;
    again.evolution.mutation = 0.1;
    EXPECT_THROW(search_proxy(broken, again), ConfigError);
    write_file_atomically(broken.artifact_path("evolution.checkpoint.json"), "{\"identity\": 3");
    EXPECT_THROW(search_proxy(broken, again), DataError);
  }
}

TEST(EmqSearch, AppliesAProxyThatIsThere) {
  Context first;
  const EmqOptions options = options_for(first);
  search_proxy(first, options);
  Context second;
  EmqOptions given = options_for(second);
  given.benchmark = "";
  given.proxy = first.artifact_path("proxy.json");
  given.semantics = "compat";  // the proxy's own count
  search_proxy(second, given);
  EXPECT_EQ(first.file("layer_scores.json"), second.file("layer_scores.json"));
  EXPECT_EQ(first.file("proxy.json"), second.file("proxy.json"));
  EXPECT_FALSE(std::filesystem::exists(second.artifact_path("correlations.csv")));
  // With a benchmark it is judged, not evolved.
  given.benchmark = options.benchmark;
  given.compare.resize(1);
  given.compare[0].name = "the same";
  given.compare[0].scores = first.artifact_path("layer_scores.json");
  search_proxy(second, given);
  EXPECT_FALSE(std::filesystem::exists(second.artifact_path("evolution.json")));
  const std::string table = second.file("correlations.csv");
  const auto row = [&](const std::string& name) {
    const auto begin = table.find("\n" + name + ",test,") + name.size() + 2;
    return table.substr(begin, table.find('\n', begin) - begin);
  };
  EXPECT_EQ(row("the same"), row("evolved"));
}

TEST(EmqSearch, ThePublishedProxyNeedsNoData) {
  Context context;
  EmqOptions options = options_for(context);
  options.benchmark = "";
  options.proxy = context.artifact_path("published.json");
  write_proxy(options.proxy, {"emq_published", published_genotype(), nullptr});
  search_proxy(context, options);
  const LayerScores scores = read_layer_scores(context.artifact_path("layer_scores.json"));
  const auto network = context.make_network();
  for (const NamedQuantLayer& layer : quant_layers(*network)) {
    const LayerScore* own = scores.find(layer.name);
    if (!own) continue;
    const torch::Tensor& weight = layer.layer->float_weight();
    const double moment = torch::sqrt(torch::relu(weight)).mean().item<double>();
    for (const int b : {2, 3, 4}) {
      const double expected = std::sqrt(double(b)) * moment / double(weight.size(0));
      EXPECT_NEAR(own->weight.at("int" + std::to_string(b)),
                  -expected / double(scores.layers.size()), 1e-6);
    }
  }
}

TEST(EmqSearch, ChoosesByTheSplitItIsTold) {
  Context context;
  EmqOptions options = options_for(context);
  options.choose_by = "valid";
  search_proxy(context, options);
  const auto course = nlohmann::json::parse(context.file("evolution.json"));
  const Benchmark benchmark = read_benchmark(options.benchmark);
  const PolicySet valid = policies_of(benchmark, "valid");
  Tabulator tabulator(NetworkInputs(context, {paper_inputs(), {2, 3, 4}, options.samples, {}})
                          .of(context.searched(), {2, 3, 4}, Semantics::kClean, "test"));
  const auto value = [&](const Genotype& genotype) {
    return *spearman_top_k(valid.accuracy, scores_of(*tabulator.tabulate(genotype).table, valid),
                           TopBy::kPredicted);
  };
  const double chosen = value(read_proxy(context.artifact_path("proxy.json")).genotype);
  for (const auto& member : course.at("population")) {
    const auto genotype =
        genotype_from_json(nlohmann::ordered_json::parse(member.at("genotype").dump()), "member");
    EXPECT_LE(value(genotype), chosen);
  }
}

TEST(EmqSearch, RefusesWhatDoesNotFit) {
  Context context;
  EmqOptions options = options_for(context);
  const auto refusal = [&]() -> std::string {
    try {
      check_emq(context, options);
      search_proxy(context, options);
    } catch (const Error& e) {
      return e.what();
    }
    return "accepted";
  };
  Benchmark benchmark = read_benchmark(options.benchmark);
  benchmark.layers[0].name = "layer9.0.conv1";
  write_benchmark(options.benchmark, benchmark);
  EXPECT_THAT(refusal(), HasSubstr("'layer9.0.conv1' that ResNetCifar lacks"));
  options = options_for(context);
  options.compare.resize(1);
  options.compare[0].name = "probe";
  options.compare[0].scores = context.artifact_path("probe.json");
  LayerScores scores;
  scores.layers = {{context.searched()[0], {{"int2", 1}}, {}}};
  write_layer_scores(options.compare[0].scores, scores);
  options.evolution.iterations = 1;
  EXPECT_THAT(refusal(), HasSubstr("search_algorithm.compare probe: has no score of the weights"));
  options = options_for(context);
  options.proxy = context.artifact_path("proxy.json");
  for (const auto& [text, message] : std::vector<std::pair<std::string, std::string>>{
           {"[]", "is no JSON object"},
           {R"({"format": "deneb-policy"})", "is no proxy"},
           {R"({"format": "deneb-proxy", "version": 2})", "version"},
           {R"({"format": "deneb-proxy", "version": 1})", "has no key 'genotype'"},
           {R"({"format": "deneb-proxy", "version": 1, "genotype": {"type": "linear", "inputs":
             ["colour"], "unary": ["abs"]}})",
            "reads 'colour', which is no statistic"},
           {R"({"format": "deneb-proxy", "version": 1, "genotype": {"type": "tree", "inputs":
             ["weight", "weight"], "unary": [[], []], "binary": "matrix_multiplication"}})",
            "does not fit the shapes"}}) {
    write_file_atomically(options.proxy, text);
    EXPECT_THAT(refusal(), HasSubstr(message));
  }
}

TEST(NetworkInputs, ErrorsAreThoseOfTheQuantizer) {
  Context context;
  InputsRequest request;
  request.inputs = {"weight",
                    "grad",
                    "fisher",
                    "hessian_trace",
                    "weight_error",
                    "act_error",
                    "grad_error",
                    "fisher_error",
                    "trace_error",
                    "act_grad",
                    "hessian_eigenvalue",
                    "act"};
  request.widths = {2, 4};
  request.samples = 6;
  const NetworkInputs inputs(context, request);
  const auto names = context.searched();
  const Inputs table = inputs.of(names, {2, 4}, Semantics::kClean, "test");
  const auto network = context.make_network();
  network->eval();
  const Batch batch = first_batches(context.data(), 6, 1).front();
  for (const NamedQuantLayer& named : quant_layers(*network)) {
    const auto at = std::find(names.begin(), names.end(), named.name);
    if (at == names.end()) continue;
    const auto l = std::size_t(at - names.begin());
    for (std::size_t w = 0; w < 2; ++w) {
      const auto quantizer = context.make_quantizer(QuantizerRole::kWeight, Format::float32());
      const torch::Tensor weight = named.layer->float_weight().detach();
      quantizer->attach({QuantizerRole::kWeight, named.name, weight});
      quantizer->set_format(Format::integer(w == 0 ? 2 : 4, true));
      const torch::Tensor error = weight - quantizer->quantize(weight.clone());
      EXPECT_TRUE(torch::equal(table.at("weight_error", l, w), error.square()));
      const double factor = w == 0 ? 2 : 4;
      EXPECT_TRUE(
          torch::allclose(table.at("grad_error", l, w) * factor, table.at("grad", l, w) * error));
      EXPECT_TRUE(torch::allclose(table.at("fisher_error", l, w) * factor,
                                  table.at("fisher", l, w) * error.square()));
      EXPECT_NEAR(
          table.at("trace_error", l, w).item<double>() * factor,
          table.at("hessian_trace", l, w).item<double>() * error.square().mean().item<double>(),
          1e-6);
      // The output with the layer's weight quantized, and with nothing quantized, of one network.
      torch::Tensor plain, coarse;
      const auto output = [&](torch::Tensor& to) {
        torch::NoGradGuard no_grad;
        const auto seen =
            named.layer->observe([&](const LayerTap& tap) { to = tap.output.clone(); });
        network->forward(batch);
      };
      output(plain);
      named.layer->set_quantizers(quantizer, nullptr);
      output(coarse);
      named.layer->set_quantizers(nullptr, nullptr);
      EXPECT_TRUE(torch::allclose(table.at("act_error", l, w),
                                  (plain - coarse).square().mean({0}, true), 1e-3, 1e-5))
          << named.name;
      EXPECT_TRUE(torch::allclose(table.at("act", l, w), factor * plain, 1e-4, 1e-5));
    }
  }
  EXPECT_GT(inputs.work().hessian_products, 0);
  EXPECT_TRUE(std::filesystem::exists(context.artifact_path("hessian.json")));
}

TEST(NetworkInputs, CompatGoesByPlacesAndBackwards) {
  Context context;
  const NetworkInputs inputs(context, {paper_inputs(), {2, 3, 4}, 8, {}});
  std::vector<std::string> convolutions;
  for (const LayerInfo& layer : context.space().network().layers) {
    if (layer.op == "conv2d") convolutions.push_back(layer.name);
  }
  const std::vector<std::string> searched(convolutions.begin() + 1, convolutions.end());
  const Inputs clean = inputs.of(convolutions, {2}, Semantics::kClean, "test");
  const Inputs compat = inputs.of(searched, {2}, Semantics::kCompat, "test");
  const std::size_t last = convolutions.size() - 1;
  for (std::size_t l = 0; l < searched.size(); ++l) {
    EXPECT_TRUE(torch::equal(compat.at("weight", l, 0), clean.at("weight", l, 0)));
    EXPECT_TRUE(torch::equal(compat.at("act", l, 0), clean.at("act", l, 0)));
    EXPECT_TRUE(torch::equal(compat.at("grad", l, 0), clean.at("grad", last - l, 0)));
    EXPECT_TRUE(
        torch::equal(compat.at("virtual_grad", l, 0), clean.at("virtual_grad", last - l, 0)));
  }
  auto too_many = convolutions;
  too_many.push_back("fc");
  EXPECT_THROW(inputs.of(too_many, {2}, Semantics::kCompat, "test"), ConfigError);
  EXPECT_THROW(inputs.of({"fc9"}, {2}, Semantics::kClean, "test"), ConfigError);
}

}  // namespace
}  // namespace deneb::emq
