#include <deneb/options/config.h>
#include <gtest/gtest.h>

namespace deneb {
namespace {

using Names = std::vector<std::string>;

TEST(NearestName, FindsTypos) {
  const Names names = {"width", "depth", "num_classes", "num_generation"};
  EXPECT_EQ(nearest_name("widht", names), "width");   // swap
  EXPECT_EQ(nearest_name("wdth", names), "width");    // one missing
  EXPECT_EQ(nearest_name("widthh", names), "width");  // one too many
  EXPECT_EQ(nearest_name("dapth", names), "depth");   // replaced
  EXPECT_EQ(nearest_name("num_clases", names), "num_classes");
  EXPECT_EQ(nearest_name("num_generations", names), "num_generation");
}

TEST(NearestName, IgnoresCaseAndDashes) {
  EXPECT_EQ(nearest_name("resnetcifar", {"Mlp", "ResNetCifar"}), "ResNetCifar");
  EXPECT_EQ(nearest_name("weight-decay", {"momentum", "weight_decay"}), "weight_decay");
  EXPECT_EQ(nearest_name("SGD", {"sgd"}), "sgd");
}

TEST(NearestName, TakesBeginnings) {
  EXPECT_EQ(nearest_name("mom", {"lr", "momentum"}), "momentum");
  EXPECT_EQ(nearest_name("num_indiv", {"num_generation", "num_individual"}), "num_individual");
  EXPECT_EQ(nearest_name("epochs_total", {"seed", "epochs"}), "epochs");
  EXPECT_EQ(nearest_name("mo", {"lr", "momentum"}), "");
}

TEST(NearestName, SuggestsNothingFarAway) {
  EXPECT_EQ(nearest_name("batch", {"width", "depth"}), "");
  EXPECT_EQ(nearest_name("k", {"w"}), "");
  EXPECT_EQ(nearest_name("lr", {"epochs", "k"}), "");
  EXPECT_EQ(nearest_name("", {"width"}), "");
  EXPECT_EQ(nearest_name("width", {}), "");
  EXPECT_EQ(nearest_name("width", {""}), "");
  EXPECT_EQ(nearest_name(std::string(100000, 'x'), {std::string(100000, 'x') + "y"}), "");
}

TEST(NearestName, PrefersTheNearestThenTheFirst) {
  EXPECT_EQ(nearest_name("stepp", {"steps", "step"}), "steps");
  EXPECT_EQ(nearest_name("stepp", {"step", "steps"}), "step");
  EXPECT_EQ(nearest_name("stop_", {"step", "stop"}), "stop");
}

}  // namespace
}  // namespace deneb
