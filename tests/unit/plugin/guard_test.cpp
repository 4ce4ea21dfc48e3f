#include <c10/util/Exception.h>
#include <deneb/plugin/registry.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/types.h>

#include <csignal>
#include <new>
#include <typeinfo>

namespace deneb {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

/// Text of the error that guard() lets out; its exact type must be E.
template <class E, class Thrown>
std::string guarded(const Thrown& thrown) {
  try {
    guard("some_plugin", "run", [&] { throw thrown; });
  } catch (const Error& e) {
    EXPECT_EQ(typeid(e), typeid(E));
    return e.what();
  }
  return "nothing was thrown";
}

struct PrivateRunError : RunError {
  using RunError::RunError;
};

TEST(Guard, PassesWhatDoesNotThrow) {
  int calls = 0;
  guard("some_plugin", "run", [&] { ++calls; });
  EXPECT_EQ(calls, 1);
}

TEST(Guard, DenebErrorsKeepTypeAndText) {
  EXPECT_EQ(guarded<ConfigError>(ConfigError("c")), "c");
  EXPECT_EQ(guarded<PluginError>(PluginError("p")), "p");
  EXPECT_EQ(guarded<DataError>(DataError("d")), "d");
  EXPECT_EQ(guarded<RunError>(RunError("r")), "r");
  EXPECT_EQ(guarded<Error>(Error("e", 9)), "e");
  EXPECT_EQ(guarded<Interrupted>(Interrupted(SIGTERM)), "interrupted");
}

TEST(Guard, NoMemoryIsNoFaultOfAPlugin) {
  const auto out_of_memory = AllOf(HasSubstr("out of memory"), HasSubstr("general.workers"));
  EXPECT_THAT(guarded<RunError>(std::bad_alloc()), out_of_memory);
  std::string text;
  try {
    guard("some_plugin", "run", [] { torch::empty({std::int64_t{1} << 50}); });
  } catch (const RunError& e) {
    text = e.what();
  }
  EXPECT_THAT(text,
              AllOf(out_of_memory, HasSubstr("4503599627370496 bytes"), Not(HasSubstr("frame #"))));
}

TEST(Guard, ExitCodesStay) {
  const auto exit_code = [](const auto& thrown) {
    try {
      guard("some_plugin", "run", [&] { throw thrown; });
    } catch (const Error& e) {
      return e.exit_code();
    }
    return -1;
  };
  EXPECT_EQ(exit_code(Error("e", 9)), 9);
  EXPECT_EQ(exit_code(DataError("d")), kExitData);
  EXPECT_EQ(exit_code(Interrupted(SIGTERM)), 143);
  EXPECT_EQ(exit_code(std::runtime_error("x")), kExitPlugin);
}

TEST(Guard, ASubclassBecomesItsCoreClass) {
  EXPECT_EQ(guarded<RunError>(PrivateRunError("of a plugin")), "of a plugin");
}

TEST(Guard, OtherExceptionsBecomePluginErrors) {
  EXPECT_EQ(guarded<PluginError>(std::out_of_range("far away")),
            "plugin 'some_plugin' failed in run: far away");
  EXPECT_THAT(guarded<PluginError>(42),
              AllOf(HasSubstr("some_plugin"), HasSubstr("no std::exception")));
}

TEST(Guard, LibTorchErrorsLeaveTheirBacktraceInTheLog) {
  std::vector<std::string> log;
  set_plugin_error_log([&](const std::string& text) { log.push_back(text); });
  std::string message;
  try {
    guard("some_plugin", "run", [] { TORCH_CHECK(false, "shapes do not fit"); });
  } catch (const PluginError& e) {
    message = e.what();
  }
  set_plugin_error_log(nullptr);
  EXPECT_THAT(message, HasSubstr("plugin 'some_plugin' failed in run: shapes do not fit"));
  EXPECT_THAT(message, Not(HasSubstr("frame #")));
  ASSERT_EQ(log.size(), 1u);
  EXPECT_THAT(log.front(), AllOf(HasSubstr("some_plugin"), HasSubstr("shapes do not fit")));
  EXPECT_GT(log.front().size(), message.size());
  EXPECT_THROW(guard("some_plugin", "run", [] { TORCH_CHECK(false, "again"); }), PluginError);
  EXPECT_EQ(log.size(), 1u);
}

TEST(Guard, InnerPluginKeepsTheBlame) {
  try {
    guard("outer", "run",
          [] { guard("inner", "evaluate", [] { throw std::runtime_error("deep down"); }); });
    FAIL();
  } catch (const PluginError& e) {
    EXPECT_STREQ(e.what(), "plugin 'inner' failed in evaluate: deep down");
  }
}

}  // namespace
}  // namespace deneb
