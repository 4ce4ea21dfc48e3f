#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deneb/nn/load_state.h>

#include "tiny_network.h"

namespace nn_test {
namespace load_state {
namespace {

using deneb::NameRules;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

using State = std::vector<std::pair<std::string, Tensor>>;

/// What load_state says about it; "" when it loads. `network` must then be as it was.
std::string refusal(deneb::Network& network, const State& state, const NameRules& rules = {}) {
  const State before = copy_of(network);
  try {
    deneb::load_state(network, state, "w.pth", rules);
  } catch (const deneb::DataError& e) {
    EXPECT_TRUE(same_state(copy_of(network), before));
    EXPECT_THAT(e.what(), HasSubstr("w.pth: "));
    return e.what();
  }
  return "";
}

State with_prefix(State state, const std::string& prefix) {
  for (auto& item : state) item.first = prefix + item.first;
  return state;
}

void erase(State& state, const std::string& part) {
  state.erase(
      std::remove_if(state.begin(), state.end(),
                     [&](const auto& item) { return item.first.find(part) != std::string::npos; }),
      state.end());
}

class LoadStateTest : public ::testing::Test {
 protected:
  LoadStateTest() {
    torch::manual_seed(2);
    a_ = std::make_shared<Tiny>();
    b_ = std::make_shared<Tiny>();
    a_->forward(torch::randn({8, 4, 6, 6}));  // moves the statistics
    state_ = copy_of(*a_);
  }
  void expect_loaded() const { EXPECT_TRUE(same_state(copy_of(*a_), copy_of(*b_))); }

  std::shared_ptr<Tiny> a_, b_;
  State state_;
};

TEST_F(LoadStateTest, SharedPrefixesAreTakenOff) {
  for (const char* prefix : {"module.", "_orig_mod.", "model.", "backbone.", "module._orig_mod.",
                             "model.module.backbone.", "module.module."}) {
    b_ = std::make_shared<Tiny>();
    EXPECT_EQ(refusal(*b_, with_prefix(state_, prefix)), "") << prefix;
    expect_loaded();
  }
  EXPECT_THAT(refusal(*b_, with_prefix(state_, "encoder.")),
              AllOf(HasSubstr("10 missing"), HasSubstr("10 left over ('encoder.")));
  // A prefix that one name lacks is no wrapper's.
  State mixed = with_prefix(state_, "module.");
  mixed.back().first = "bn1.num_batches_tracked";
  EXPECT_THAT(refusal(*b_, mixed), HasSubstr("left over ('module.conv1.weight'"));
  // What is left out does not count.
  mixed.back().first = "best";
  EXPECT_EQ(refusal(*b_, mixed, {{}, {}, {"best"}}), "");
}

TEST_F(LoadStateTest, CountersMayBeMissingOrLeftOverOrAveraged) {
  torch::NoGradGuard no_grad;
  State state = state_;
  state.back().second = torch::tensor(3.5);
  EXPECT_EQ(refusal(*b_, state), "");
  EXPECT_EQ(b_->bn1->num_batches_tracked.item<int>(), 0);
  state.pop_back();
  state.emplace_back("bn9.num_batches_tracked", torch::tensor(7));
  EXPECT_EQ(refusal(*b_, state), "");
  a_->bn1->num_batches_tracked.zero_();
  expect_loaded();
}

TEST(Renamed, LongestRuleCounts) {
  const std::map<std::string, std::string> rules = {
      {"linear.", "fc."},    {"layer*.*.0.*", "stage*.block*.first.*"},
      {"layer1.", "first."}, {"", "net."},
      {"net.*.conv", "*.c"}, {"bert.", ""}};
  EXPECT_EQ(deneb::renamed("linear.weight", rules), "fc.weight");
  EXPECT_EQ(deneb::renamed("layer1.2.0.conv.bias", rules), "stage1.block2.first.conv.bias");
  EXPECT_EQ(deneb::renamed("layer1.2.1.bias", rules), "first.2.1.bias");
  EXPECT_EQ(deneb::renamed("x.linear.bias", rules), "net.x.linear.bias");
  EXPECT_EQ(deneb::renamed("net.a.b.conv", rules), "a.b.c");  // the whole name must fit
  EXPECT_EQ(deneb::renamed("net.a.conv.b", rules), "net.net.a.conv.b");
  EXPECT_EQ(deneb::renamed("bert.pooler", rules), "pooler");
  EXPECT_EQ(deneb::renamed("x", {}), "x");
  EXPECT_EQ(deneb::renamed("aXbXc", {{"*X*", "*-*"}}), "a-bXc");
  EXPECT_EQ(deneb::renamed("ab", {{"a*b*", "*b*a"}}), "ba");
}

TEST_F(LoadStateTest, Rename) {
  State state = state_;
  for (auto& [name, tensor] : state) {
    if (name.rfind("fc.", 0) == 0) name = "linear." + name.substr(3);
    if (name.rfind("block.", 0) == 0) name = "res" + name.substr(5);
  }
  const NameRules rules = {
      {{"linear.", "fc."}, {"res.*.weight", "block.*.weight"}, {"res.*.bias", "block.*.bias"}},
      {},
      {}};
  EXPECT_THAT(refusal(*b_, state), HasSubstr("5 left over ('res.shortcut.weight'"));
  EXPECT_EQ(refusal(*b_, with_prefix(state, "module."), rules), "");
  expect_loaded();
  EXPECT_THAT(refusal(*b_, state_, {{{"fc.bias", "fc.weight"}}, {}, {}}),
              HasSubstr("two tensors get the name 'fc.weight'"));
  EXPECT_THROW(deneb::load_state(*b_, state_, "w", {{{"a*", "b"}}, {}, {}}), deneb::ConfigError);
}

TEST_F(LoadStateTest, FreshHeads) {
  State state = state_;
  const Tensor weight = b_->fc->weight.detach().clone(), bias = b_->fc->bias.detach().clone();
  for (auto& [name, tensor] : state) {
    if (name == "fc.weight") tensor = torch::zeros({1000, 8});
    if (name == "fc.bias") tensor = torch::zeros({1000});
  }
  EXPECT_THAT(refusal(*b_, state), HasSubstr("2 of another shape ('fc.weight' has [1000, 8], the "
                                             "network needs [5, 8], 'fc.bias' has [1000]"));
  const NameRules fresh = {{}, {"fc.*"}, {}};
  EXPECT_THAT(deneb::load_state(*b_, state, "w.pth", fresh).fresh,
              ElementsAre("fc.bias", "fc.weight"));
  EXPECT_TRUE(torch::equal(b_->fc->weight, weight));
  EXPECT_TRUE(torch::equal(b_->fc->bias, bias));
  EXPECT_TRUE(torch::equal(b_->conv1->weight, a_->conv1->weight));
  // Missing ones stay fresh likewise; those that fit are taken.
  erase(state, "fc.weight");
  EXPECT_EQ(deneb::load_state(*b_, state, "w.pth", fresh).fresh.size(), 2u);
  EXPECT_THAT(deneb::load_state(*b_, state_, "w.pth", fresh).fresh, IsEmpty());
  expect_loaded();
  // Unless they are left out.
  EXPECT_EQ(deneb::load_state(*b_, state_, "w.pth", {{}, {"fc.*"}, {"fc.*"}}).fresh.size(), 2u);
}

TEST_F(LoadStateTest, IgnoreTakesNamesOfTheFileAndOfTheMessage) {
  State state = with_prefix(state_, "module.");
  state.emplace_back("module.old.weight", torch::ones({2}));
  EXPECT_THAT(refusal(*b_, state),
              AllOf(HasSubstr("1 left over ('old.weight')"), Not(HasSubstr("missing ("))));
  EXPECT_EQ(refusal(*b_, state, {{}, {}, {"old.*"}}), "");
  EXPECT_EQ(refusal(*b_, state, {{}, {}, {"module.old.*"}}), "");
  expect_loaded();
}

TEST_F(LoadStateTest, LongListsAreCut) {
  State state = state_;
  for (int i = 0; i < 12; ++i) state.emplace_back("x" + std::to_string(i), torch::ones({1}));
  EXPECT_THAT(refusal(*b_, state), AllOf(HasSubstr("12 left over ('x0', "),
                                         HasSubstr("'x9' and 2 more)"), HasSubstr("ignore")));
}

TEST_F(LoadStateTest, WholeNumbersAreNoFloats) {
  State state = state_;
  state[0].second = state[0].second.to(torch::kInt8);
  EXPECT_THAT(refusal(*b_, state), HasSubstr("tensor 'conv1.weight' holds Char numbers, the "
                                             "network needs Float"));
  for (const auto type : {torch::kFloat64, torch::kFloat16, torch::kBFloat16}) {
    state[0].second = state_[0].second.to(type);
    EXPECT_EQ(refusal(*b_, state), "");
    EXPECT_TRUE(torch::equal(b_->conv1->weight, state[0].second.to(torch::kFloat32)));
  }
}

TEST_F(LoadStateTest, UnreadableTensorsHurtOnlyThoseWhoNeedThem) {
  deneb::TensorFile file;
  file.tensors = state_;
  file.tensors.emplace_back("extra", torch::empty({2}, torch::kMeta));
  file.unreadable["extra"] = "has dtype 'F4', which is not supported";
  deneb::load_state(*b_, file, "w", {{}, {}, {"extra"}});
  expect_loaded();
  file.tensors[0].second = torch::empty(file.tensors[0].second.sizes(), torch::kMeta);
  file.unreadable["conv1.weight"] = "has dtype 'F6', which is not supported";
  try {
    deneb::load_state(*b_, file, "w", {{}, {}, {"extra"}});
    FAIL();
  } catch (const deneb::DataError& e) {
    EXPECT_THAT(e.what(), AllOf(HasSubstr("w: tensor 'conv1.weight' is needed and cannot be read"),
                                HasSubstr("'conv1.weight' has dtype 'F6', which is not")));
  }
}

TEST_F(LoadStateTest, CheckCopiesNothing) {
  deneb::TensorFile file;
  file.tensors = state_;
  const State before = copy_of(*b_);
  deneb::check_state(*b_, file, "w");
  EXPECT_TRUE(same_state(copy_of(*b_), before));
  file.tensors.pop_back();
  file.tensors.pop_back();
  EXPECT_THROW(deneb::check_state(*b_, file, "w"), deneb::DataError);
}

/// Keeps its classifier under another name and turned in its files.
class Turned final : public deneb::Network {
 public:
  Turned() { fc = register_module("fc", deneb::nn::Linear(3, 2)); }
  Tensor forward(Tensor x) override { return fc(x); }
  std::vector<std::int64_t> input_shape() const override { return {3}; }
  std::int64_t num_classes() const override { return 2; }
  NamedTensors import_state(NamedTensors tensors) const override {
    for (auto& [name, tensor] : tensors) {
      if (name == "score.weight") tensor = tensor.t();
      if (name.rfind("score.", 0) == 0) name = "fc" + name.substr(5);
      if (name == "bad") throw deneb::DataError("padding of another kind");
    }
    return tensors;
  }
  deneb::nn::Linear fc{nullptr};
};

TEST(ImportState, ComesAfterPrefixesAndRenaming) {
  Turned network;
  const Tensor weight = torch::randn({3, 2}), bias = torch::randn({2});
  const State state = {{"module.head.weight", weight}, {"module.head.bias", bias}};
  EXPECT_EQ(refusal(network, state, {{{"head.", "score."}}, {}, {}}), "");
  EXPECT_TRUE(torch::equal(network.fc->weight, weight.t()));
  EXPECT_THAT(refusal(network, {{"bad", bias}}), HasSubstr("w.pth: padding of another kind"));
}

}  // namespace
}  // namespace load_state
}  // namespace nn_test
