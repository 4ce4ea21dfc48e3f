#include "pipeline/worker_split.h"

#include <gtest/gtest.h>

#include <utility>
#include <vector>

namespace deneb::detail {
namespace {

using Pairs = std::vector<std::pair<int, int>>;

Pairs splits_of(int cores) {
  Pairs pairs;
  for (const WorkerSplit& split : possible_splits(cores)) {
    pairs.emplace_back(split.workers, split.threads);
  }
  return pairs;
}

TEST(WorkerSplit, PossibleOnesUseAllCoresAndNoMore) {
  EXPECT_EQ(splits_of(1), (Pairs{{1, 1}}));
  EXPECT_EQ(splits_of(2), (Pairs{{2, 1}, {1, 2}}));
  EXPECT_EQ(splits_of(6), (Pairs{{6, 1}, {3, 2}, {1, 4}, {1, 6}}));
  EXPECT_EQ(splits_of(8), (Pairs{{8, 1}, {4, 2}, {2, 4}, {1, 8}}));
}

TEST(WorkerSplit, TheFastestIsTakenAndOfEqualOnesTheOneWithMoreProcesses) {
  const std::vector<WorkerSplit> splits = possible_splits(8);
  EXPECT_EQ(fastest(splits, {10, 30, 20, 5}).workers, 4);
  EXPECT_EQ(fastest(splits, {30, 30, 20, 5}).workers, 8);
  EXPECT_EQ(fastest(splits, {0, 0, 20, 5}).threads, 4) << "0: could not be measured";
}

}  // namespace
}  // namespace deneb::detail
