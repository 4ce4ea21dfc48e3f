#include <deneb/search/ask_tell.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/fake_search_context.h"

namespace deneb {
namespace {

using testing::FakeSearchContext;

const std::vector<Objective> kObjectives = {{"accuracy", Direction::kMaximize},
                                            {"flops", Direction::kMinimize}};

// Walks through all genomes of a small space, two at a time.
class Enumerate final : public AskTellSearch {
 public:
  std::vector<std::size_t> told;

 private:
  void start(SearchContext& context) override { space_ = &context.space(); }
  std::vector<TrialRequest> ask() override {
    std::vector<TrialRequest> requests;
    for (; next_ < 16 && requests.size() < 2; ++next_) {
      requests.push_back(
          {space_->decode({next_ & 1, next_ >> 1 & 1, next_ >> 2 & 1, next_ >> 3 & 1}), "all"});
    }
    return requests;
  }
  void tell(const std::vector<TrialRequest>& requests,
            const std::vector<TrialResult>& results) override {
    ASSERT_EQ(requests.size(), results.size());
    told.push_back(results.size());
  }
  std::vector<Objective> objectives() const override { return kObjectives; }
  const SearchSpace* space_ = nullptr;
  int next_ = 0;
};

TEST(AskTell, RunsUntilAskIsEmptyAndReturnsTheParetoSet) {
  FakeSearchContext context(2, {2, 8}, 1);
  Enumerate search;
  const SearchResult result = search.run(context);
  EXPECT_EQ(context.trials, 16);
  EXPECT_EQ(search.told, std::vector<std::size_t>(8, 2));
  ASSERT_FALSE(result.candidates.empty());
  // Best accuracy first, and nothing tried dominates a candidate.
  EXPECT_EQ(result.candidates.front().policy.text(), "w8a8 w8a8");
  EXPECT_EQ(result.candidates.back().policy.text(), "w2a2 w2a2");
  for (int code = 0; code < 16; ++code) {
    const BitPolicy other =
        context.space().decode({code & 1, code >> 1 & 1, code >> 2 & 1, code >> 3 & 1});
    for (const Candidate& c : result.candidates) {
      EXPECT_FALSE(dominates({context.accuracy(other), context.flops(other)},
                             {c.metrics.at("accuracy"), c.metrics.at("flops")}, kObjectives));
    }
  }
}

TEST(ParetoCandidates, LeavesFailedAndRepeatedTrialsOut) {
  FakeSearchContext context(1, {2, 8}, 1);
  const BitPolicy narrow = context.space().decode({0, 0}), wide = context.space().decode({1, 1});
  TrialResult good{1, true, false, "", {{"accuracy", .5}, {"flops", 1}}};
  TrialResult failed{2, false, false, "boom", {{"flops", 0}}};
  const auto candidates =
      pareto_candidates({narrow, wide, narrow}, {good, failed, good}, kObjectives);
  ASSERT_EQ(candidates.size(), 1u);
  EXPECT_EQ(candidates[0].trial, 1);
}

TEST(ParetoCandidates, UnknownObjectiveListsTheKnownOnes) {
  FakeSearchContext context(1, {2, 8}, 1);
  const TrialResult good{1, true, false, "", {{"accuracy", .5}}};
  try {
    pareto_candidates({context.space().decode({0, 0})}, {good}, kObjectives);
    FAIL() << "no error";
  } catch (const RunError& e) {
    EXPECT_THAT(e.what(), ::testing::HasSubstr("'flops'; there are: accuracy"));
  }
}

}  // namespace
}  // namespace deneb
