#include <gmock/gmock.h>

#include <atomic>
#include <cmath>
#include <limits>
#include <thread>

#include "unit/store/store_fixture.h"

namespace deneb {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::MatchesRegex;

std::vector<std::int64_t> front_ids(const TrialStore& store) {
  std::vector<std::int64_t> ids;
  for (const ResultRow& row : store.trials("nas")) {
    if (row.front) ids.push_back(row.id);
  }
  return ids;
}

TEST_F(StoreTest, StepsComeBackAsWritten) {
  const nlohmann::ordered_json info = {{"zeta", 1}, {"alpha", {{"name", "ResNetCifar \"20\""}}}};
  {
    TrialStore store(path_);
    store.begin_step("nas", "SearchPipeStep");
    store.set_step_info("nas", info);
    store.begin_step("fully_train", "TrainPipeStep");
    store.finish_step("nas", "failed", "disk, \"full\"\nand more");
  }
  TrialStore store(path_);
  const auto steps = store.steps();
  ASSERT_EQ(steps.size(), 2u);
  EXPECT_EQ(steps[0].name, "nas");
  EXPECT_EQ(steps[0].type, "SearchPipeStep");
  EXPECT_EQ(steps[0].status, "failed");
  EXPECT_EQ(steps[0].message, "disk, \"full\"\nand more");
  EXPECT_THAT(steps[0].started, MatchesRegex("20..-..-..T..:..:..Z"));
  EXPECT_THAT(steps[0].finished, MatchesRegex("20..-..-..T..:..:..Z"));
  EXPECT_EQ(steps[0].info.dump(), info.dump());  // order of keys included
  EXPECT_EQ(steps[1].name, "fully_train");
  EXPECT_EQ(steps[1].status, "running");
  EXPECT_EQ(steps[1].finished, "");
  EXPECT_FALSE(store.step("none").has_value());
}

TEST_F(StoreTest, AStepBegunAgainRunsAgainInItsPlace) {
  TrialStore store(path_);
  store.begin_step("a", "X");
  store.begin_step("b", "X");
  const std::string started = store.step("a")->started;
  store.set_step_info("a", {{"kept", true}});
  store.finish_step("a", "interrupted", "stopped");
  store.begin_step("a", "Y");
  const auto steps = store.steps();
  ASSERT_EQ(steps.size(), 2u);
  EXPECT_EQ(steps[0].name, "a");
  EXPECT_EQ(steps[0].type, "Y");
  EXPECT_EQ(steps[0].status, "running");
  EXPECT_EQ(steps[0].message, "");
  EXPECT_EQ(steps[0].finished, "");
  EXPECT_EQ(steps[0].started, started);
  EXPECT_EQ(steps[0].info.dump(), R"({"kept":true})");
}

// What a step has cost adds up over its runs, and no info replaces it.
TEST_F(StoreTest, WorkAddsUpBesideTheInfo) {
  const nlohmann::ordered_json info = {{"dataset", "Cifar10"}};
  {
    TrialStore store(path_);
    store.begin_step("nas", "SearchPipeStep");
    EXPECT_FALSE(store.step("nas")->work.has_value());
    store.add_work("nas", {1.5, 128, 0});
    store.set_step_info("nas", info);
    store.finish_step("nas", "interrupted", "stopped");
    store.begin_step("nas", "SearchPipeStep");
    store.set_step_info("nas", info);
    store.add_work("nas", {2, 3'000'000'000, 5});
    EXPECT_THROW(store.add_work("none", {}), RunError);
  }
  TrialStore store(path_);
  const StepRow step = store.steps().at(0);
  ASSERT_TRUE(step.work.has_value());
  EXPECT_DOUBLE_EQ(step.work->seconds, 3.5);
  EXPECT_EQ(step.work->training_samples, 3'000'000'128);
  EXPECT_EQ(step.work->evaluation_samples, 5);
  EXPECT_EQ(step.info.dump(), info.dump());
  store.erase_step("nas");
  store.begin_step("nas", "SearchPipeStep");
  EXPECT_FALSE(store.step("nas")->work.has_value());
}

TEST_F(StoreTest, TrialsComeBackAsWritten) {
  ResultRow written = finished(7, 1.0 / 3);
  written.message = std::string("a,b \"c\"\r\n<script> \xc3\xa9 and a zero \0!", 32);
  {
    TrialStore store(path_);
    store.begin_step("nas", "SearchPipeStep");
    store.begin_trial(trial(7));
    const auto running = store.trial("nas", 7);
    ASSERT_TRUE(running.has_value());
    EXPECT_EQ(running->status, "running");
    EXPECT_EQ(running->attempts, 1);
    EXPECT_EQ(running->metrics.dump(), "{}");
    store.finish_trial(written);
  }
  const TrialStore store(path_);
  const auto row = store.trial("nas", 7);
  ASSERT_TRUE(row.has_value());
  EXPECT_EQ(row->step, "nas");
  EXPECT_EQ(row->id, 7);
  EXPECT_EQ(row->status, "finished");
  EXPECT_EQ(row->seed, 0xfedcba9876543217ull);
  EXPECT_EQ(row->origin, written.origin);
  EXPECT_EQ(row->encoding, written.encoding);
  EXPECT_EQ(row->fingerprint, written.fingerprint);
  EXPECT_EQ(row->policy.dump(), written.policy.dump());
  EXPECT_EQ(row->metrics.dump(), written.metrics.dump());
  EXPECT_EQ(row->metrics["accuracy"].get<double>(), 1.0 / 3);  // exact
  EXPECT_EQ(row->message, written.message);
  EXPECT_EQ(row->seconds, 2.25);
  EXPECT_FALSE(row->front);
  EXPECT_FALSE(store.trial("nas", 8).has_value());
  EXPECT_FALSE(store.trial("other", 7).has_value());
}

TEST_F(StoreTest, TrialsAreSortedById) {
  TrialStore store(path_);
  store.begin_step("nas", "SearchPipeStep");
  for (const std::int64_t id : {10, 2, 1}) store.begin_trial(trial(id));
  std::vector<std::int64_t> ids;
  for (const ResultRow& row : store.trials("nas")) ids.push_back(row.id);
  EXPECT_THAT(ids, ElementsAre(1, 2, 10));
}

TEST_F(StoreTest, AnUnfinishedTrialMayBeBegunAgain) {
  TrialStore store(path_);
  store.begin_step("nas", "SearchPipeStep");
  store.begin_trial(trial(1));
  ResultRow again = trial(1);
  again.origin = "second attempt";
  store.begin_trial(again);
  EXPECT_EQ(store.trial("nas", 1)->attempts, 2);
  EXPECT_EQ(store.trial("nas", 1)->origin, "second attempt");
  EXPECT_EQ(store.trials("nas").size(), 1u);
}

TEST_F(StoreTest, ATrialEndsOnce) {
  TrialStore store(path_);
  store.begin_step("nas", "SearchPipeStep");
  store.begin_trial(trial(1));
  ResultRow failed = trial(1);
  failed.status = "failed";
  failed.message = "loss is NaN";
  store.finish_trial(failed);
  EXPECT_THAT(error_of([&] { store.finish_trial(finished(1, 0.5)); }),
              HasSubstr("trial 1 of step 'nas' is over already (status 'failed')"));
  EXPECT_THAT(error_of([&] { store.begin_trial(trial(1)); }), HasSubstr("is over already"));
  EXPECT_EQ(store.trial("nas", 1)->message, "loss is NaN");
  EXPECT_EQ(store.trial("nas", 1)->attempts, 1);
}

TEST_F(StoreTest, RefusesWhatWasNotBegun) {
  TrialStore store(path_);
  EXPECT_THAT(error_of([&] { store.begin_trial(trial(1)); }),
              HasSubstr("step 'nas' was not begun"));
  EXPECT_THAT(error_of([&] { store.finish_step("nas", "finished", ""); }),
              HasSubstr("step 'nas' was not begun"));
  EXPECT_THAT(error_of([&] { store.set_step_info("nas", {}); }), HasSubstr("was not begun"));
  store.begin_step("nas", "SearchPipeStep");
  EXPECT_THAT(error_of([&] { store.finish_trial(finished(4, 0.5)); }),
              HasSubstr("trial 4 of step 'nas' was not begun"));
  EXPECT_THAT(error_of([&] { store.set_epochs("nas", 4, {}); }), HasSubstr("was not begun"));
  store.begin_trial(trial(4));
  EXPECT_THAT(error_of([&] {
                ResultRow row = trial(4);
                row.status = "running";
                store.finish_trial(row);
              }),
              HasSubstr("cannot end with status 'running'"));
}

TEST_F(StoreTest, NumbersThatJsonLacksBecomeNull) {
  TrialStore store(path_);
  store.begin_step("nas", "SearchPipeStep");
  store.begin_trial(trial(1));
  ResultRow row = finished(1, std::nan(""));
  row.metrics["bitops"] = std::numeric_limits<double>::infinity();
  row.message = "not UTF-8: \xff\xfe";
  store.finish_trial(row);
  EXPECT_EQ(store.trial("nas", 1)->metrics.dump(), R"({"accuracy":null,"bitops":null})");
  EXPECT_EQ(store.trial("nas", 1)->message, row.message);
  store.set_step_info("nas", {{"text", "\xff"}});
  EXPECT_EQ(store.step("nas")->info["text"], "\xef\xbf\xbd");

  EpochRow epoch;
  epoch.epoch = 1;
  epoch.train_loss = std::nan("");
  store.set_epochs("nas", 1, {epoch});
  EXPECT_TRUE(std::isnan(store.epochs("nas", 1).at(0).train_loss));
}

TEST_F(StoreTest, FrontIsExactlyWhatWasMarkedLast) {
  TrialStore store(path_);
  store.begin_step("nas", "SearchPipeStep");
  for (int id = 1; id <= 4; ++id) {
    store.begin_trial(trial(id));
    store.finish_trial(finished(id, 0.1 * id));
  }
  store.mark_front("nas", {1, 3});
  EXPECT_THAT(front_ids(store), ElementsAre(1, 3));
  store.mark_front("nas", {2, 3});
  EXPECT_THAT(front_ids(store), ElementsAre(2, 3));
  EXPECT_THAT(error_of([&] { store.mark_front("nas", {1, 99}); }), HasSubstr("trial 99"));
  EXPECT_THAT(front_ids(store), ElementsAre(2, 3));  // rolled back
  store.mark_front("nas", {});
  EXPECT_THAT(front_ids(store), ElementsAre());
}

TEST_F(StoreTest, FetchesThePoliciesOfTheFrontAlone) {
  TrialStore store(path_);
  store.begin_step("nas", "SearchPipeStep");
  ResultRow row;
  row.step = "nas";
  row.policy = {{{"name", "fc"}, {"weight", "int4"}, {"activation", "uint4"}}};
  for (row.id = 1; row.id <= 3; ++row.id) store.begin_trial(row);
  store.mark_front("nas", {2});
  const auto all = store.trials("nas"), front = store.trials("nas", TrialStore::Policies::kFront);
  ASSERT_EQ(front.size(), 3u);
  EXPECT_EQ(all[0].policy, row.policy);
  EXPECT_EQ(front[1].policy, row.policy);
  for (const std::size_t i : {0u, 2u}) {
    EXPECT_EQ(front[i].policy, nlohmann::ordered_json::array());
    EXPECT_EQ(front[i].id, all[i].id);
  }
  EXPECT_TRUE(front[1].front);
}

TEST_F(StoreTest, EpochsAreInsertedAndReplaced) {
  TrialStore store(path_);
  store.begin_step("fully_train", "TrainPipeStep");
  store.begin_trial(trial(1, "fully_train"));
  EpochRow first, second;
  first.epoch = 1;
  first.lr = 0.1;
  first.train_loss = 2.5;
  first.seconds = 3;
  second.epoch = 2;
  second.penalty = 0.75;
  second.metrics = {{"accuracy", 0.25}};
  store.set_epochs("fully_train", 1, {second, first});
  first.train_loss = 2;
  store.set_epochs("fully_train", 1, {first});
  const auto epochs = store.epochs("fully_train", 1);
  ASSERT_EQ(epochs.size(), 2u);
  EXPECT_EQ(epochs[0].step, "fully_train");
  EXPECT_EQ(epochs[0].trial, 1);
  EXPECT_EQ(epochs[0].epoch, 1);
  EXPECT_EQ(epochs[0].lr, 0.1);
  EXPECT_EQ(epochs[0].train_loss, 2);
  EXPECT_EQ(epochs[0].seconds, 3);
  EXPECT_EQ(epochs[0].penalty, 0);
  EXPECT_EQ(epochs[1].penalty, 0.75);
  EXPECT_EQ(epochs[0].metrics.dump(), "{}");
  EXPECT_EQ(epochs[1].metrics.dump(), R"({"accuracy":0.25})");
}

TEST_F(StoreTest, EraseTakesTrialsAndEpochsOfOneStep) {
  TrialStore store(path_);
  for (const char* step : {"nas", "fully_train"}) {
    store.begin_step(step, "X");
    store.begin_trial(trial(1, step));
    EpochRow epoch;
    epoch.epoch = 1;
    store.set_epochs(step, 1, {epoch});
  }
  store.erase_step("fully_train");
  EXPECT_FALSE(store.step("fully_train").has_value());
  EXPECT_TRUE(store.trials("fully_train").empty());
  EXPECT_TRUE(store.epochs("fully_train", 1).empty());
  EXPECT_EQ(store.trials("nas").size(), 1u);
  EXPECT_EQ(store.epochs("nas", 1).size(), 1u);
  store.erase_step("fully_train");  // not there: nothing to do
  store.begin_step("fully_train", "X");
  store.begin_trial(trial(1, "fully_train"));
  EXPECT_EQ(store.trial("fully_train", 1)->attempts, 1);
}

TEST_F(StoreTest, ManyThreadsWriteAtOnce) {
  TrialStore store(path_);
  store.begin_step("nas", "SearchPipeStep");
  std::vector<std::thread> threads;
  std::atomic<int> errors{0};
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      try {
        for (int i = 0; i < 25; ++i) {
          const std::int64_t id = 1 + t + 4 * i;
          store.begin_trial(trial(id));
          store.add_event("nas", "info", "trial " + std::to_string(id));
          store.finish_trial(finished(id, 0.5));
          store.trials("nas");
        }
      } catch (const Error&) {
        ++errors;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(errors, 0);
  EXPECT_EQ(store.trials("nas").size(), 100u);
}

TEST_F(StoreTest, AReaderLooksOnWhileTheWriterWrites) {
  TrialStore writer(path_);
  writer.begin_step("nas", "SearchPipeStep");
  std::atomic<bool> stop{false};
  std::atomic<int> errors{0}, looks{0};
  std::size_t seen = 0;
  std::thread reading([&] {
    try {
      const TrialStore reader(path_, TrialStore::Mode::kReadOnly);
      do {
        const auto rows = reader.trials("nas");
        if (rows.size() < seen) ++errors;
        seen = rows.size();
        for (const ResultRow& row : rows) {
          // Never half a trial: with the end of a trial come its metrics.
          if (row.status == "finished" && row.metrics.size() != 2) ++errors;
        }
        ++looks;
      } while (!stop);
    } catch (const Error&) {
      ++errors;
    }
  });
  for (int id = 1; id <= 100; ++id) {
    writer.begin_trial(trial(id));
    writer.finish_trial(finished(id, 0.5));
  }
  stop = true;
  reading.join();
  EXPECT_EQ(errors, 0);
  EXPECT_GT(looks, 0);
  EXPECT_EQ(TrialStore(path_, TrialStore::Mode::kReadOnly).trials("nas").size(), 100u);
}

TEST_F(StoreTest, FailedTrialsCanBeTriedAgain) {
  TrialStore store(path_);
  store.begin_step("nas", "SearchPipeStep");
  store.begin_step("other", "SearchPipeStep");
  const char* const words[] = {"finished", "rejected", "timeout", "finished", "failed"};
  for (const std::string& step : {std::string("nas"), std::string("other")}) {
    for (int id = 1; id <= 5; ++id) {
      store.begin_trial(trial(id, step));
      ResultRow row = finished(id, 0.5, step);
      row.status = words[id - 1];
      row.message = "killed";
      store.finish_trial(row);
      EpochRow epoch;
      epoch.epoch = 1;
      store.set_epochs(step, id, {epoch});
    }
    store.finish_step(step, "finished", "");
  }
  EXPECT_EQ(store.retried_from("nas"), 0);
  EXPECT_EQ(store.retry_failed("nas"), 2);
  EXPECT_EQ(store.retried_from("nas"), 3);
  EXPECT_EQ(store.step("nas")->status, "interrupted");
  for (const ResultRow& row : store.trials("nas")) {
    const bool again = row.id == 3 || row.id == 5;
    EXPECT_EQ(row.status, again ? "running" : words[row.id - 1]);
    EXPECT_EQ(row.metrics.empty(), again);
    EXPECT_EQ(row.message, again ? "" : "killed");
    EXPECT_EQ(row.attempts, 1);
    EXPECT_EQ(store.epochs("nas", row.id).size(), again ? 0u : 1u);
  }
  store.begin_trial(trial(3));
  store.finish_trial(finished(3, 0.75));
  EXPECT_EQ(store.trial("nas", 3)->attempts, 2);
  ResultRow late = trial(5);
  late.status = "failed";
  store.begin_trial(late);
  store.finish_trial(late);
  EXPECT_EQ(store.retry_failed("nas"), 1);
  EXPECT_EQ(store.retried_from("nas"), 3);  // the lowest of both times
  EXPECT_EQ(store.erase_trials("nas", 4), 2);
  EXPECT_EQ(store.trials("nas").size(), 3u);
  EXPECT_EQ(store.erase_trials("nas", 4), 0);
  EXPECT_EQ(store.trials("other").size(), 5u);
  EXPECT_EQ(store.step("other")->status, "finished");
  store.erase_step("nas");
  EXPECT_EQ(store.retried_from("nas"), 0);
}

TEST_F(StoreTest, ReadOnlyWritesNothing) {
  {
    TrialStore store(path_);
    store.begin_step("nas", "SearchPipeStep");
    store.begin_trial(trial(1));
  }
  TrialStore store(path_, TrialStore::Mode::kReadOnly);
  EXPECT_EQ(store.trials("nas").size(), 1u);
  EXPECT_EQ(store.steps().size(), 1u);
  const auto refused = HasSubstr("is open for reading only");
  EXPECT_THAT(error_of([&] { store.begin_step("b", "X"); }), refused);
  EXPECT_THAT(error_of([&] { store.finish_step("nas", "finished", ""); }), refused);
  EXPECT_THAT(error_of([&] { store.erase_step("nas"); }), refused);
  EXPECT_THAT(error_of([&] { store.finish_trial(finished(1, 0.5)); }), refused);
  EXPECT_THAT(error_of([&] { store.mark_front("nas", {1}); }), refused);
  EXPECT_THAT(error_of([&] { store.add_event("nas", "info", "x"); }), refused);
}

}  // namespace
}  // namespace deneb
