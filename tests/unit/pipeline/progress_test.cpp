#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <sstream>
#include <thread>
#include <vector>

#include <deneb/pipeline/progress.h>

namespace deneb {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

/// A stream that remembers, and a clock that is moved by hand.
class ProgressTest : public testing::Test {
 protected:
  void SetUp() override {
    stream_ = ::open_memstream(&buffer_, &size_);
    ASSERT_NE(stream_, nullptr);
  }
  void TearDown() override {
    std::fclose(stream_);
    std::free(buffer_);
  }
  ProgressSettings plain() {
    ProgressSettings settings;
    settings.terminal = false;
    settings.clock = [this] { return now_; };
    return settings;
  }
  ProgressSettings terminal(bool color = false) {
    ProgressSettings settings = plain();
    settings.terminal = true;
    settings.color = color;
    return settings;
  }
  std::string output() {
    std::fflush(stream_);
    return {buffer_, size_};
  }
  std::vector<std::string> lines() {
    std::istringstream in(output());
    std::vector<std::string> all;
    for (std::string line; std::getline(in, line);) all.push_back(line);
    return all;
  }

  std::FILE* stream_ = nullptr;
  char* buffer_ = nullptr;
  std::size_t size_ = 0;
  double now_ = 1000;
};

TEST_F(ProgressTest, PlainLinesAtTheStartAndAfterEachTenth) {
  {
    Progress progress("nas", 100, stream_, plain());
    for (int i = 1; i <= 100; ++i) {
      now_ += 0.2;
      progress.advance(i, "trial " + std::to_string(i));
    }
  }
  EXPECT_THAT(lines(),
              ElementsAre("nas: 1/100, 0:20 left, trial 1", "nas: 10/100, 0:18 left, trial 10",
                          "nas: 20/100, 0:16 left, trial 20", "nas: 30/100, 0:14 left, trial 30",
                          "nas: 40/100, 0:12 left, trial 40", "nas: 50/100, 0:10 left, trial 50",
                          "nas: 60/100, 0:08 left, trial 60", "nas: 70/100, 0:06 left, trial 70",
                          "nas: 80/100, 0:04 left, trial 80", "nas: 90/100, 0:02 left, trial 90",
                          "nas: 100/100, trial 100"));
}

TEST_F(ProgressTest, PlainLinesAfterThirtySecondsOfASlowLoop) {
  Progress progress("train", 1000, stream_, plain());
  for (int i = 1; i <= 7; ++i) {
    now_ += 10;
    progress.advance(i);
  }
  EXPECT_THAT(lines(), ElementsAre("train: 1/1000, 2:46:30 left", "train: 4/1000, 2:46:00 left",
                                   "train: 7/1000, 2:45:30 left"));
  progress.finish();  // the last state was told already
  EXPECT_EQ(lines().size(), 3u);
}

TEST_F(ProgressTest, FinishTellsTheLastState) {
  Progress progress("train", 1000, stream_, plain());
  progress.advance(1);
  progress.advance(2, "stopped");
  progress.finish();
  progress.advance(3);
  EXPECT_THAT(lines(), ElementsAre("train: 1/1000", "train: 2/1000, stopped"));
}

TEST_F(ProgressTest, ALoopThatWasNeverAdvancedSaysNothing) {
  { Progress progress("nas", 10, stream_, plain()); }
  { Progress progress("nas", 10, stream_, terminal()); }
  EXPECT_EQ(output(), "");
}

TEST_F(ProgressTest, UnknownTotal) {
  Progress progress("calibrate", 0, stream_, plain());
  for (int i = 1; i <= 65; ++i) {
    now_ += 1;
    progress.advance(i);
  }
  progress.finish();
  EXPECT_THAT(lines(),
              ElementsAre("calibrate: 1", "calibrate: 31", "calibrate: 61", "calibrate: 65"));
}

TEST_F(ProgressTest, TimeLeftOfAResumedLoopCountsFromWhereItBegan) {
  Progress progress("nas", 100, stream_, plain());
  now_ += 500;  // looking up 50 old trials
  progress.advance(50);
  now_ += 10;
  progress.advance(60);
  EXPECT_THAT(lines(), ElementsAre("nas: 50/100", "nas: 60/100, 0:40 left"));
}

TEST_F(ProgressTest, ALoopThatStartsOverIsMeasuredAnew) {
  Progress progress("train", 10, stream_, plain());
  for (int model = 1; model <= 2; ++model) {
    for (int i = 1; i <= 10; i += 3) {
      progress.advance(i, "model " + std::to_string(model));
      now_ += model;
    }
  }
  const auto all = lines();
  ASSERT_EQ(all.size(), 8u);
  EXPECT_EQ(all[3], "train: 10/10, model 1");
  EXPECT_EQ(all[4], "train: 1/10, model 2");
  EXPECT_EQ(all[5], "train: 4/10, 0:03 left, model 2");
}

TEST_F(ProgressTest, BarOnATerminal) {
  Progress progress("nas", 40, stream_, terminal());
  now_ += 10;
  progress.advance(10, "accuracy 0.91");
  now_ += 10;
  progress.advance(20, "accuracy 0.92");
  EXPECT_EQ(output(),
            "\r\x1b[2Knas [=======                       ]  25 % 10/40, 0:00  accuracy 0.91"
            "\r\x1b[2Knas [===============               ]  50 % 20/40, 0:20 left  accuracy 0.92");
  progress.finish();
  EXPECT_THAT(output(), testing::EndsWith("accuracy 0.92\n"));
}

TEST_F(ProgressTest, DrawsNoMoreThanTenTimesASecond) {
  Progress progress("nas", 1000000, stream_, terminal());
  for (int i = 1; i <= 1000; ++i) {
    now_ += 0.001;
    progress.advance(i);
  }
  int drawn = 0;
  for (const char c : output()) drawn += c == '\r';
  EXPECT_GE(drawn, 9);
  EXPECT_LE(drawn, 11);
}

TEST_F(ProgressTest, NeverWiderThanTheTerminal) {
  Progress progress("a title with \xc3\xa9", 40, stream_, terminal());
  progress.advance(10, std::string(300, 'x') + "\xc3\xa9");
  std::string line = output().substr(5);  // after the erasing
  std::size_t width = 0;
  for (const char c : line) width += (static_cast<unsigned char>(c) & 0xc0) != 0x80;
  EXPECT_EQ(width, 79u);
}

TEST_F(ProgressTest, ColorOnlyWhereWanted) {
  {
    Progress progress("nas", 2, stream_, terminal(true));
    progress.advance(1);
  }
  EXPECT_THAT(output(), HasSubstr("[\x1b[36m===============\x1b[0m               ]"));
}

TEST_F(ProgressTest, PrintsAboveTheBar) {
  Progress progress("nas", 2, stream_, terminal());
  progress.print("before");
  progress.advance(1);
  progress.print("trial 1 failed");
  EXPECT_THAT(output(), testing::StartsWith("before\n\r\x1b[2Knas ["));
  EXPECT_THAT(output(), HasSubstr("\r\x1b[2Ktrial 1 failed\n\r\x1b[2Knas ["));
}

TEST_F(ProgressTest, ManyThreads) {
  {
    Progress progress("nas", 4000, stream_, plain());
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&progress, t] {
        for (int i = 0; i < 1000; ++i) {
          progress.advance(1000 * t + i);
          if (i % 100 == 0) progress.print("line");
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
  }
  int printed = 0;
  for (const std::string& line : lines()) {
    if (line == "line") {
      ++printed;
    } else {
      EXPECT_EQ(line.rfind("nas: ", 0), 0u) << line;  // no line is torn
    }
  }
  EXPECT_EQ(printed, 40);
}

TEST(ProgressStreams, AFileIsNoTerminal) {
  std::FILE* file = std::tmpfile();
  ASSERT_NE(file, nullptr);
  {
    Progress progress("nas", 2, file);
    progress.advance(1, "text");
    progress.advance(2, "text");
  }
  std::rewind(file);
  char text[200] = {};
  const std::size_t size = std::fread(text, 1, sizeof(text) - 1, file);
  std::fclose(file);
  EXPECT_THAT(std::string(text, size), AllOf(HasSubstr("nas: 1/2"), Not(HasSubstr("\x1b"))));
}

/// What a pseudo terminal of 60 columns gets under the environment variable.
std::string on_pseudo_terminal(const char* name, const char* value) {
  const int master = ::posix_openpt(O_RDWR | O_NOCTTY);
  if (master < 0 || ::grantpt(master) != 0 || ::unlockpt(master) != 0) return "no terminal";
  const int slave = ::open(::ptsname(master), O_RDWR | O_NOCTTY);
  termios raw{};
  ::tcgetattr(slave, &raw);
  ::cfmakeraw(&raw);
  ::tcsetattr(slave, TCSANOW, &raw);
  const winsize size{24, 60, 0, 0};
  ::ioctl(slave, TIOCSWINSZ, &size);
  ::setenv("TERM", "xterm", 1);
  ::unsetenv("NO_COLOR");
  if (name) ::setenv(name, value, 1);
  std::FILE* stream = ::fdopen(slave, "w");
  {
    Progress progress("nas", 4, stream);
    progress.advance(2, std::string(200, 't'));
  }
  std::fclose(stream);
  // It may come in pieces; an error after the last one.
  std::string text;
  char piece[1000];
  for (ssize_t count; (count = ::read(master, piece, sizeof(piece))) > 0;) {
    text.append(piece, static_cast<std::size_t>(count));
  }
  ::close(master);
  if (name) ::unsetenv(name);
  return text;
}

TEST(ProgressStreams, ATerminalGetsABarOfItsWidth) {
  const std::string text = on_pseudo_terminal(nullptr, nullptr);
  EXPECT_THAT(text, AllOf(HasSubstr("\r\x1b[2Knas [\x1b[36m="), HasSubstr("50 % 2/4")));
  // Drawn once when advanced and once at the end; 59 characters each plus the control sequences.
  EXPECT_EQ(text.size(), 2 * (59 + 5 + 9) + 1);
}

TEST(ProgressStreams, NoColorAndDumbTerminals) {
  EXPECT_THAT(on_pseudo_terminal("NO_COLOR", "1"), HasSubstr("nas [="));
  EXPECT_THAT(on_pseudo_terminal("NO_COLOR", ""), HasSubstr("\x1b[36m"));  // empty: not set
  EXPECT_THAT(on_pseudo_terminal("TERM", "dumb"), testing::StartsWith("nas: 2/4, "));
}

TEST(DurationText, Forms) {
  EXPECT_EQ(duration_text(-3), "0:00");
  EXPECT_EQ(duration_text(7.4), "0:07");
  EXPECT_EQ(duration_text(765), "12:45");
  EXPECT_EQ(duration_text(59.6), "1:00");
  EXPECT_EQ(duration_text(3 * 3600 + 130), "3:02:10");
}

}  // namespace
}  // namespace deneb
