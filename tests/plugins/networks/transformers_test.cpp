#include <deneb/io/files.h>
#include <deneb/nn/initialization.h>
#include <deneb/nn/walk.h>
#include <deneb/quant/cost_model.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/optim/adam.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <cmath>
#include <functional>

#include "compat/autocast.h"
#include "plugins/plugin_registry.h"
#include "scratch_folder.h"
#include "small_transformers.h"

namespace deneb::transformers {
namespace {

using nlohmann::json;
using testing::ElementsAre;
using testing::HasSubstr;
using torch::Tensor;
using NamedTensors = Network::NamedTensors;

const Registry& registry() {
  static const auto loaded =
      plugin_test::load({"bert", "roberta", "gpt2", "deit", "standard_costs", "lsq", "uniform"});
  return *loaded;
}

std::shared_ptr<Network> network(const std::string& type, const json& options = json::object()) {
  return plugin_test::make<Network>(registry(), type, options);
}

std::int64_t count_parameters(const Network& net) {
  std::int64_t n = 0;
  for (const Tensor& p : net.parameters()) n += p.numel();
  return n;
}

/// As make_transformer_logits.py: evenly distributed in -1 .. 1, reproducible bit for bit.
Tensor scrambled(const std::vector<std::int64_t>& shape, std::uint32_t seed) {
  Tensor values = torch::empty(shape, torch::kFloat64);
  auto* out = values.data_ptr<double>();
  for (std::int64_t i = 0; i < values.numel(); ++i) {
    std::uint32_t x = std::uint32_t(i) * 2654435761u + seed * 97003u + 12345u;
    x = (x ^ (x >> 16)) * 2246822519u;
    x = (x ^ (x >> 13)) * 3266489917u;
    x ^= x >> 16;
    out[i] = double(x) / 2147483648.0 - 1;
  }
  return values;
}

bool contains(const std::string& text, const char* part) {
  return text.find(part) != std::string::npos;
}

/// The tensors of a golden case, under the names of the library that made it.
NamedTensors foreign_tensors(const json& c) {
  NamedTensors tensors;
  std::uint32_t seed = 0;
  for (const json& entry : c.at("tensors")) {
    const std::string name = entry[0];
    const std::vector<std::int64_t> shape = entry[1];
    Tensor value = scrambled(shape, seed++);
    const bool embedding = contains(name, "embed") || contains(name, "wte") ||
                           contains(name, "wpe") || contains(name, "_token");
    if (shape.size() == 1) {
      const bool weight = name.size() >= 6 && name.compare(name.size() - 6, 6, "weight") == 0;
      value.mul_(0.2).add_(weight ? 1 : 0);
    } else if (!embedding) {
      const double longest = double(*std::max_element(shape.begin(), shape.end()));
      value.mul_(std::sqrt(3 / (double(value.numel()) / longest)) * (shape.size() == 2 ? 1 : 0.5));
    }
    tensors.emplace_back(name, value.to(torch::kFloat32));
  }
  return tensors;
}

const json& golden() {
  static const json file = json::parse(read_file(DENEB_GOLDEN "/transformer_logits.json"));
  return file;
}

/// The network of a golden case, with its weights, in evaluation mode.
std::shared_ptr<Network> load(const json& c, const NamedTensors& tensors) {
  json options = c.at("options");
  const ScratchFolder folder;
  if (!c.at("config").is_null()) {
    write_file_atomically(folder / "config.json", c.at("config").dump());
    options["config"] = folder.path();
  }
  const auto net = network(c.at("network"), options);
  load_state(*net, tensors, c.at("name"));
  net->eval();
  return net;
}

Tensor integers(const json& rows) {
  const std::vector<std::vector<std::int64_t>> values = rows;
  std::vector<Tensor> tensors;
  for (const auto& row : values) tensors.push_back(torch::tensor(row, torch::kInt64));
  return torch::stack(tensors);
}

Batch batch_of(const json& c) {
  Batch batch;
  for (const auto& [name, rows] : c.at("batch").items()) batch[name] = integers(rows);
  if (batch.empty()) {
    const std::int64_t size = c.at("options").at("image_size");
    batch["input"] = scrambled({2, 3, size, size}, 1000).to(torch::kFloat32);
  }
  return batch;
}

/// Largest difference as a share of the largest value.
double distance(const Tensor& found, const Tensor& expected) {
  return ((found - expected).abs().max() / expected.abs().max()).item<double>();
}

Tensor logits_of(const json& c) {
  const std::vector<double> values = c.at("logits");
  const std::vector<std::int64_t> shape = c.at("shape");
  return torch::tensor(values, torch::kFloat32).view(shape);
}

TEST(Transformers, GiveTheLogitsOfTheirLibraries) {
  for (const json& c : golden().at("cases")) {
    SCOPED_TRACE(c.at("name"));
    const auto net = load(c, foreign_tensors(c));
    torch::NoGradGuard no_grad;
    EXPECT_LT(distance(net->forward(batch_of(c)).logits, logits_of(c)), 1e-5);
  }
}

const json& golden_case(const std::string& name) {
  for (const json& c : golden().at("cases")) {
    if (c.at("name") == name) return c;
  }
  throw std::out_of_range(name);
}

/// Logits of a golden case from tensors that were renamed.
void expect_same_logits(const json& c, const NamedTensors& tensors) {
  torch::NoGradGuard no_grad;
  EXPECT_LT(distance(load(c, tensors)->forward(batch_of(c)).logits, logits_of(c)), 1e-5);
}

NamedTensors renamed(NamedTensors tensors, const std::string& from, const std::string& to) {
  for (auto& entry : tensors) {
    const std::size_t at = entry.first.find(from);
    if (at != std::string::npos) entry.first.replace(at, from.size(), to);
  }
  return tensors;
}

TEST(Transformers, TakeNamesWithoutPrefixAndOfOldFiles) {
  for (const auto& [name, root] :
       std::map<std::string, std::string>{{"BERT from a config", "bert."},
                                          {"RoBERTa", "roberta."},
                                          {"GPT-2", "transformer."},
                                          {"DeiT-tiny, Hugging Face", "vit."}}) {
    SCOPED_TRACE(name);
    const json& c = golden_case(name);
    expect_same_logits(c, renamed(foreign_tensors(c), root, ""));
  }
  const json& c = golden_case("BERT from a config");
  NamedTensors old = renamed(foreign_tensors(c), "LayerNorm.weight", "LayerNorm.gamma");
  old = renamed(old, "LayerNorm.bias", "LayerNorm.beta");
  old.emplace_back("bert.embeddings.position_ids", torch::arange(20).unsqueeze(0));
  const auto net = load(c, old);
  EXPECT_THAT(load_state(*net, old, "old").unused, testing::IsEmpty());
  expect_same_logits(c, old);
}

TEST(Transformers, LoadTheirOwnFiles) {
  for (const json& c : golden().at("cases")) {
    SCOPED_TRACE(c.at("name"));
    const auto net = load(c, foreign_tensors(c));
    NamedTensors own = state_of(*net);
    for (auto& entry : own) entry.second = entry.second.detach().clone();
    expect_same_logits(c, own);
  }
}

TEST(Gpt2, LeavesOutConstantsAndATiedHead) {
  const json& c = golden_case("GPT-2 as a language model");
  NamedTensors tensors = foreign_tensors(c);
  tensors.emplace_back("transformer.h.0.attn.bias", torch::ones({1, 1, 16, 16}));
  tensors.emplace_back("transformer.h.0.attn.masked_bias", torch::tensor(-1e4));
  tensors.emplace_back("lm_head.weight", tensors[0].second.clone());
  const auto net = load(c, tensors);
  EXPECT_THAT(load_state(*net, tensors, "file").unused, testing::IsEmpty());
  tensors.back().second[0][0] += 1;  // a matrix of its own
  EXPECT_THAT(net->import_state(tensors).back().first, "lm_head.weight");
}

TEST(Gpt2, RefusesTensorsThatItCannotSplit) {
  const auto net = network("Gpt2", plugin_test::small_options("Gpt2"));
  const auto text = [&](const char* name, const Tensor& tensor) {
    return text_of<DataError>([&] { net->import_state({{name, tensor}}); });
  };
  EXPECT_THAT(text("h.0.attn.c_attn.weight", torch::ones({12, 30})),
              HasSubstr("'transformer.h.0.attn.c_attn' has shape [12, 30], the network needs 3 "
                        "times 12 outputs"));
  EXPECT_THAT(text("h.1.attn.c_attn.bias", torch::ones({1, 36})), HasSubstr("expected 1"));
  const auto deit = network("DeiT", {{"variant", "tiny"}, {"image_size", 32}});
  EXPECT_THAT(text_of<DataError>([&] {
                deit->import_state({{"blocks.0.attn.qkv.bias", torch::ones({300})}});
              }),
              HasSubstr("needs 3 times 192 rows"));
}

struct TextCase {
  std::string type;
  json options;
  std::int64_t padding;
};
std::vector<TextCase> text_cases() {
  json mean = plugin_test::small_options("Bert");
  mean["pooler"] = "mean";
  json first = plugin_test::small_options("Bert");
  first["pooler"] = "first";
  return {{"Bert", plugin_test::small_options("Bert"), 0},
          {"Bert", mean, 0},
          {"Bert", first, 0},
          {"Roberta", plugin_test::small_options("Roberta"), 1},
          {"Gpt2", plugin_test::small_options("Gpt2"), 0}};
}

/// With values large enough that every part matters.
std::shared_ptr<Network> lively(const TextCase& c) {
  torch::manual_seed(11);
  const auto net = network(c.type, c.options);
  torch::NoGradGuard no_grad;
  for (Tensor& p : net->parameters()) {
    if (p.dim() == 2) p.normal_(0, 0.4);
  }
  net->eval();
  return net;
}

TEST(Transformers, PaddingChangesNothing) {
  torch::NoGradGuard no_grad;
  for (const TextCase& c : text_cases()) {
    SCOPED_TRACE(c.type + c.options.dump());
    const auto net = lively(c);
    Batch batch = plugin_test::padded_batch(*net, c.padding);
    const bool has_types = c.type == "Bert";
    if (has_types) {
      batch["token_type"] = torch::zeros_like(batch.input());
      batch["token_type"].slice(1, 2, 5).fill_(1);
    }
    const Tensor together = net->forward(batch).logits;
    Batch alone;
    alone["input"] = batch.input().slice(0, 1).slice(1, 0, 3).contiguous();
    if (has_types) alone["token_type"] = batch["token_type"].slice(0, 1).slice(1, 0, 3);
    const Tensor short_one = net->forward(alone).logits;
    EXPECT_LT(distance(together.slice(0, 1), short_one), 1e-5);
    // Nor do the ids of padding, where positions do not hang on them.
    if (c.type != "Roberta") {
      batch["input"][1].slice(0, 3).fill_(7);
      EXPECT_LT(distance(net->forward(batch).logits, together), 1e-5);
    }
    // Tokens do matter, also the last one.
    alone["input"] = alone["input"].clone();
    alone["input"][0][2] = (alone["input"][0][2] + 5) % 40;
    EXPECT_GT(distance(net->forward(alone).logits, short_one), 1e-3);
    // No mask is a mask of ones.
    Batch full;
    full["input"] = net->example_batch().input();
    const Tensor unmasked = net->forward(full).logits;
    full["attention_mask"] = torch::ones_like(full["input"]);
    EXPECT_TRUE(torch::equal(net->forward(full).logits, unmasked));
    EXPECT_TRUE(together.isfinite().all().item<bool>());
    batch["attention_mask"].zero_();  // samples without any token: some result
    EXPECT_TRUE(net->forward(batch).logits.isfinite().all().item<bool>());
  }
}

TEST(Transformers, ComputeInBfloat16) {
  for (const TextCase& c : text_cases()) {
    SCOPED_TRACE(c.type + c.options.dump());
    const auto net = network(c.type, c.options);
    net->eval();
    const Batch batch = plugin_test::padded_batch(*net, c.padding);
    const Tensor expected = net->forward(batch).logits;
    {
      const detail::Bfloat16Autocast autocast(true, torch::kCPU);
      const Tensor logits = net->forward(batch).logits.to(torch::kFloat32);
      EXPECT_LT(distance(logits, expected), 0.05);
      logits.square().sum().backward();
    }
    for (const Tensor& p : net->parameters()) {
      EXPECT_TRUE(p.grad().defined() && p.grad().isfinite().all().item<bool>());
    }
  }
}

TEST(Roberta, HasOneKindOfTokenType) {
  const json& c = golden_case("RoBERTa");
  const auto net = load(c, foreign_tensors(c));
  Batch batch = batch_of(c);
  batch["token_type"] = torch::ones_like(batch.input());
  torch::NoGradGuard no_grad;
  EXPECT_LT(distance(net->forward(batch).logits, logits_of(c)), 1e-5);
}

TEST(Gpt2, TokensDoNotSeeLaterOnes) {
  torch::NoGradGuard no_grad;
  json options = plugin_test::small_options("Gpt2");
  options["head"] = "language_model";
  const auto net = lively({"Gpt2", options, 0});
  EXPECT_EQ(net->num_classes(), 41);
  Batch batch = net->example_batch();
  const Tensor before = net->forward(batch).logits;
  ASSERT_EQ(before.sizes(), (std::vector<std::int64_t>{1, 10, 41}));
  batch["input"][0][6] = (batch["input"][0][6] + 1) % 41;
  const Tensor after = net->forward(batch).logits;
  EXPECT_TRUE(torch::equal(after.slice(1, 0, 6), before.slice(1, 0, 6)));
  for (std::int64_t t = 6; t < 10; ++t) {
    EXPECT_GT(distance(after.select(1, t), before.select(1, t)), 1e-4) << t;
  }
  // The classifier reads the last token that the mask marks.
  const auto classifier = lively({"Gpt2", plugin_test::small_options("Gpt2"), 0});
  batch["attention_mask"] = torch::ones_like(batch["input"]);
  batch["attention_mask"][0].slice(0, 6).fill_(0);
  const Tensor marked = classifier->forward(batch).logits;
  batch["input"][0][8] = 3;
  EXPECT_TRUE(torch::equal(classifier->forward(batch).logits, marked));
}

TEST(Transformers, RefuseBatchesThatDoNotFit) {
  for (const TextCase& c : text_cases()) {
    SCOPED_TRACE(c.type);
    const auto net = network(c.type, c.options);
    net->eval();
    const auto text = [&](const std::function<void(Batch&)>& spoil) {
      Batch batch = net->example_batch();
      spoil(batch);
      return text_of<DataError>([&] { net->forward(batch); });
    };
    EXPECT_EQ(text([](Batch&) {}), "");
    EXPECT_THAT(text([](Batch& b) { b["input"][0][1] = 41; }),
                HasSubstr("41 is no token id of the network, which has 0 .. 40; the dataset's"));
    EXPECT_THAT(text([](Batch& b) { b["input"][0][1] = -1; }), HasSubstr("-1 is no token id"));
    EXPECT_THAT(text([](Batch& b) {
                  b["input"] = b["input"].repeat({1, 2});
                }),
                HasSubstr("a sample of 20 tokens, but the network has positions for 1"));
    EXPECT_THAT(text([](Batch& b) {
                  b["input"] = torch::randn({1, 3, 8, 8});
                }),
                HasSubstr("takes token ids int64 [N, T], got Float [1, 3, 8, 8]"));
    EXPECT_THAT(text([](Batch& b) {
                  b["attention_mask"] = torch::ones({1, 9}, torch::kInt64);
                }),
                HasSubstr("'attention_mask' is Long [1, 9], the token ids are Long [1, 10]"));
    if (c.type == "Bert") {
      EXPECT_THAT(text([](Batch& b) { b["token_type"] = b["input"]; }),
                  HasSubstr("is no token type of the network, which has 0 .. 1"));
    }
  }
}

TEST(Transformers, RefuseConfigsOfOthers) {
  const ScratchFolder folder;
  const auto text = [&](const std::string& type, const std::string& config) {
    write_file_atomically(folder / "config.json", config);
    return text_of<ConfigError>([&] { network(type, {{"config", folder.path()}}); });
  };
  EXPECT_EQ(text("Bert", R"({"num_hidden_layers": 1, "hidden_size": 12, "vocab_size": 9})"), "");
  EXPECT_THAT(text("Bert", R"({"model_type": "roberta"})"),
              HasSubstr("config.json is of the architecture \"roberta\", this network reads "
                        "\"bert\"; the network Roberta does read that one"));
  EXPECT_THAT(text("Gpt2", R"({"model_type": "t5"})"), HasSubstr("no network here does"));
  EXPECT_THAT(text("Roberta", R"({"model_type": "bert"})"), HasSubstr("the network Bert"));
  EXPECT_THAT(text("Bert", "{\"vocab_size\": "), HasSubstr("is no JSON"));
  EXPECT_THAT(text("Bert", "[1]"), HasSubstr("holds no JSON object"));
  EXPECT_THAT(text("Bert", R"({"vocab_size": 0})"),
              HasSubstr("vocab_size is 0, expected an integer from 1 to"));
  EXPECT_THAT(text("Bert", R"({"hidden_size": "768"})"), HasSubstr("hidden_size is \"768\""));
  EXPECT_THAT(text("Bert", R"({"hidden_size": 10, "num_attention_heads": 4})"),
              HasSubstr("hidden_size 10 is no multiple of num_attention_heads 4"));
  EXPECT_THAT(text("Bert", R"({"hidden_act": "mish"})"), HasSubstr("hidden_act is \"mish\""));
  EXPECT_THAT(text("Bert", R"({"position_embedding_type": "relative_key"})"),
              HasSubstr("position_embedding_type is \"relative_key\", expected \"absolute\""));
  EXPECT_THAT(text("Gpt2", R"({"n_embd": 12, "n_head": 5})"), HasSubstr("n_embd 12"));
  EXPECT_THAT(text("Gpt2", R"({"scale_attn_by_inverse_layer_idx": true})"),
              HasSubstr("expected false"));
  EXPECT_THROW(network("Bert", {{"config", folder / "absent"}}), Error);
  EXPECT_THAT(text_of<ConfigError>([] {
                network("Bert", {{"max_length", 513}});
              }),
              HasSubstr("network.max_length: 513 tokens, but the network has positions for 512"));
  EXPECT_THROW(network("Gpt2", {{"head", "language_model"}, {"num_classes", 2}}), ConfigError);
  EXPECT_THROW(network("DeiT", {{"image_size", 225}}), ConfigError);
}

TEST(Transformers, TrainWithAndWithoutQuantizers) {
  std::vector<TextCase> cases = text_cases();
  cases.push_back({"DeiT", {{"variant", "tiny"}, {"image_size", 32}, {"num_classes", 2}}, 0});
  for (const TextCase& c : cases) {
    for (const bool quantized : {false, true}) {
      SCOPED_TRACE(c.type + c.options.dump() + (quantized ? " W4A8" : ""));
      torch::manual_seed(3);
      json options = c.options;
      options["dropout"] = 0;
      const auto net = network(c.type, options);
      if (quantized) {
        const auto lsq = [](const Format&) {
          return plugin_test::make<Quantizer>(registry(), "LSQ");
        };
        apply_policy(*net, uniform_policy(probe(*net, c.type), 4, 8), lsq, lsq);
      }
      Batch batch;
      if (c.type == "DeiT") {
        batch["input"] = torch::randn({2, 3, 32, 32});
      } else {
        batch = plugin_test::padded_batch(*net, c.padding);
      }
      const Tensor target = torch::tensor({0, 1});
      torch::optim::Adam adam(net->parameters(),
                              torch::optim::AdamOptions(c.type == "DeiT" ? 1e-3 : 1e-2));
      double loss = 0;
      const bool large = c.type == "DeiT";
      for (int i = 0; i < (large ? 6 : 30); ++i) {
        adam.zero_grad();
        const Tensor now = torch::cross_entropy_loss(net->forward(batch).logits, target);
        now.backward();
        adam.step();
        loss = now.item<double>();
      }
      EXPECT_LT(loss, large ? 0.5 : 0.2);  // from 0.7
      for (const auto& p : net->named_parameters()) {
        ASSERT_TRUE(p.value().grad().defined()) << p.key();
        EXPECT_TRUE(p.value().grad().isfinite().all().item<bool>()) << p.key();
        // A key's bias moves all scores of a row alike; a token type that no token has gets
        // nothing.
        if (contains(p.key(), "key.bias")) continue;
        EXPECT_GT(p.value().grad().abs().max().item<double>(), 0) << p.key();
      }
    }
  }
}

struct Sums {
  std::size_t layers = 0;
  std::int64_t weights = 0, macs = 0;
};
Sums sums(const NetworkInfo& info) {
  Sums s;
  for (const LayerInfo& layer : info.layers) {
    ++s.layers;
    s.weights += layer.weights;
    s.macs += layer.macs;
  }
  return s;
}

/// Without the last layers, those of the head.
NetworkInfo without_head(NetworkInfo info, std::size_t layers) {
  info.layers.resize(info.layers.size() - layers);
  return info;
}

/// A network of which only the facts are asked for.
std::shared_ptr<Network> bare(const std::string& type, const json& options = json::object()) {
  const nn::SkipInitialization skip;
  return network(type, options);
}

TEST(Bert, HasThePublishedSizes) {
  struct Row {
    const char* variant;
    std::int64_t width, parameters, macs;
  };
  for (const Row& row :
       {Row{"tiny", 128, 4385920, 50331648}, Row{"mini", 256, 11170560, 402653184},
        Row{"small", 512, 28763648, 1610612736}, Row{"medium", 512, 41373184, 3221225472},
        Row{"base", 768, 109482240, 10871635968}}) {
    SCOPED_TRACE(row.variant);
    const auto net = bare("Bert", {{"variant", row.variant}});
    EXPECT_EQ(count_parameters(*net), row.parameters + 2 * row.width + 2);
    EXPECT_EQ(sums(without_head(probe(*net, "Bert"), 2)).macs, row.macs);
  }
}

TEST(Roberta, HasThePublishedSize) {
  const auto net = bare("Roberta");
  EXPECT_EQ(count_parameters(*net), 124647170);
  EXPECT_EQ(sums(without_head(probe(*net, "Roberta"), 2)).macs, 10871635968);
}

TEST(Gpt2, HasThePublishedSizes) {
  struct Row {
    const char* variant;
    std::int64_t width, parameters, macs;
  };
  for (const Row& row :
       {Row{"small", 768, 124439808, 10871635968}, Row{"medium", 1024, 354823168, 38654705664},
        Row{"large", 1280, 774030080, 90596966400}}) {
    SCOPED_TRACE(row.variant);
    const auto net = bare("Gpt2", {{"variant", row.variant}});
    EXPECT_EQ(count_parameters(*net), row.parameters + 2 * row.width);
    EXPECT_EQ(sums(without_head(probe(*net, "Gpt2"), 1)).macs, row.macs);
  }
  const auto model = bare("Gpt2", {{"head", "language_model"}});
  EXPECT_EQ(count_parameters(*model), 124439808);
  EXPECT_EQ(model->num_classes(), 50257);
  EXPECT_EQ(sums(probe(*model, "Gpt2")).macs, 10871635968);  // its embedding is no layer
}

TEST(DeiT, HasThePublishedSizes) {
  struct Row {
    const char* variant;
    std::int64_t parameters, macs;
  };
  for (const Row& row : {Row{"tiny", 5717416, 1074851328}, Row{"small", 22050664, 4241218560},
                         Row{"base", 86567656, 16848500736}}) {
    SCOPED_TRACE(row.variant);
    const auto net = bare("DeiT", {{"variant", row.variant}});
    EXPECT_EQ(count_parameters(*net), row.parameters);
    EXPECT_EQ(sums(probe(*net, "DeiT")).macs, row.macs);
  }
}

/// FLIQS counts in three ways: MiB of weights, MACs times both widths in 10^9, and, in its code,
/// weights times the squared mean of the widths in 10^6.
struct Costs {
  double memory, bit_ops, reference;
};
using Widths = std::function<std::pair<int, int>(std::size_t)>;  // of weight and input, by layer

void expect_costs(const NetworkInfo& info, const Widths& widths, const Costs& expected) {
  BitPolicy policy;
  double reference = 0;
  for (std::size_t i = 0; i < info.layers.size(); ++i) {
    const auto [w, a] = widths(i);
    policy.set(info.layers[i].name, {Format::integer(w, true), Format::integer(a, true)});
    reference += double(info.layers[i].weights) * std::pow((w + a) / 2.0, 2) / 1e6;
  }
  const auto cost = [&](const char* name) {
    return plugin_test::make<CostModel>(registry(), name)->total(info, policy);
  };
  EXPECT_NEAR(cost("size") / 8 / 1048576, expected.memory, 5e-7);
  EXPECT_NEAR(cost("bitops") / 1e9, expected.bit_ops, 5e-7);
  EXPECT_NEAR(reference, expected.reference, 5e-7);
}

void expect_cost_columns(const NetworkInfo& info, const std::vector<Costs>& expected) {
  const std::size_t last = info.layers.size() - 1;
  const std::vector<Widths> columns = {
      [](std::size_t) { return std::pair(8, 8); }, [](std::size_t) { return std::pair(4, 4); },
      [](std::size_t i) { return i % 2 == 0 ? std::pair(8, 8) : std::pair(4, 4); },
      [last](std::size_t i) { return i == 0 || i == last ? std::pair(8, 8) : std::pair(4, 4); },
      [](std::size_t) { return std::pair(4, 8); }};
  for (std::size_t i = 0; i < columns.size(); ++i) {
    SCOPED_TRACE(i);
    expect_costs(info, columns[i], expected[i]);
  }
}

TEST(Bert, CostsOfTheBaseEncoderAreThoseOfFliqs) {
  const NetworkInfo info = without_head(probe(*bare("Bert"), "Bert"), 2);
  const Sums s = sums(info);
  EXPECT_EQ(s.layers, 72u);
  EXPECT_EQ(s.weights, 84934656);
  expect_cost_columns(info, {{81, 695.784702, 5435.817984},
                             {40.5, 173.946175, 1358.954496},
                             {60.75, 434.865439, 3397.386240},
                             {41.90625, 192.065569, 1500.512256},
                             {40.5, 347.892351, 3057.647616}});
}

TEST(DeiT, CostsOfTinyAreThoseOfFliqs) {
  const NetworkInfo info = probe(*bare("DeiT", {{"variant", "tiny"}}), "DeiT");
  const Sums s = sums(info);
  EXPECT_EQ(s.layers, 74u);
  EXPECT_EQ(s.weights, 5647872);
  expect_cost_columns(info, {{5.386230, 68.790485, 361.463808},
                             {2.693115, 17.197621, 90.365952},
                             {4.029053, 43.683078, 224.845824},
                             {2.854980, 18.594103, 106.659840},
                             {2.693115, 34.395242, 203.323392}});
}

TEST(Transformers, LayerFacts) {
  for (const TextCase& c : text_cases()) {
    SCOPED_TRACE(c.type + c.options.dump());
    const auto net = network(c.type, c.options);
    EXPECT_THAT(net->input_shape(), ElementsAre(10));
    const Tensor ids = net->example_batch().input();
    EXPECT_EQ(ids.sizes(), (std::vector<std::int64_t>{1, 10}));
    EXPECT_TRUE(torch::equal(ids, net->example_batch().input()));
    const NetworkInfo info = probe(*net, c.type);
    std::vector<std::string> registered, found;
    for (const auto& layer : quant_layers(*net)) registered.push_back(layer.name);
    for (const LayerInfo& layer : info.layers) found.push_back(layer.name);
    EXPECT_EQ(found, registered);  // also as they run
    const LayerInfo &query = info.layers[0], &key = info.layers[1], &value = info.layers[2];
    EXPECT_EQ(query.input_group, key.input_group);
    EXPECT_EQ(query.input_group, value.input_group);
    EXPECT_NE(query.input_group, info.layers[3].input_group);
    EXPECT_THAT(query.input_shape, ElementsAre(10, 12));
    EXPECT_THAT(query.output_shape, ElementsAre(10, 12));
    EXPECT_EQ(query.macs, 10 * 144);
    // The head reads one vector of a sample.
    EXPECT_THAT(info.layers.back().input_shape, ElementsAre(12));
    EXPECT_EQ(info.layers.back().macs, 24);
    for (const LayerInfo& layer : info.layers) EXPECT_TRUE(layer.signed_input) << layer.name;
  }
}

}  // namespace
}  // namespace deneb::transformers
