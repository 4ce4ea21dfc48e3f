#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <string>

#include <deneb/store/trial_store.h>

namespace deneb {

/// An empty folder of its own for each test.
class StoreTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "/deneb_store_XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
    path_ = folder_ + "/task.sqlite";
  }
  void TearDown() override {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }

  static ResultRow trial(std::int64_t id, const std::string& step = "nas") {
    ResultRow row;
    row.step = step;
    row.id = id;
    row.seed = 0xfedcba9876543210ull + static_cast<std::uint64_t>(id);
    row.origin = "generation 3";
    row.encoding = "w4a4 w8a8";
    row.fingerprint = "0123456789abcdef";
    row.policy = {{{"name", "conv1"}, {"weight", "int4"}, {"activation", "uint4"}}};
    return row;
  }

  static ResultRow finished(std::int64_t id, double accuracy, const std::string& step = "nas") {
    ResultRow row = trial(id, step);
    row.status = "finished";
    row.metrics = {{"accuracy", accuracy}, {"bitops", 1.5e9}};
    row.seconds = 2.25;
    return row;
  }

  /// Text of the RunError that `call` throws.
  template <class F>
  static std::string error_of(const F& call) {
    try {
      call();
    } catch (const Error& e) {
      return e.what();
    }
    return "no error";
  }

  std::string folder_, path_;
};

}  // namespace deneb
