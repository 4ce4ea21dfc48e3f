#include <gtest/gtest.h>

#include <cmath>

#include <deneb/train/metrics.h>

namespace deneb {
namespace {

TEST(Metrics, KeepOrderAndReplace) {
  Metrics metrics;
  EXPECT_TRUE(metrics.empty());
  metrics.set("z", 1, Direction::kMaximize);
  metrics.set("a", 2, Direction::kMinimize);
  metrics.set("z", 3, Direction::kMinimize);
  EXPECT_EQ(metrics.to_json().dump(), R"({"z":3.0,"a":2.0})");
  EXPECT_EQ(metrics.find("z")->direction, Direction::kMinimize);
  EXPECT_EQ(metrics.find("b"), nullptr);
  EXPECT_EQ(metrics.all().size(), 2u);
  metrics.set("n", std::nan(""), Direction::kMaximize);
  EXPECT_EQ(metrics.to_json().dump(), R"({"z":3.0,"a":2.0,"n":null})");
}

}  // namespace
}  // namespace deneb
