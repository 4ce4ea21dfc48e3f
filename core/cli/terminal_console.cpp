#include "terminal_console.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <filesystem>

#include "failure.h"

namespace deneb::cli {
namespace {

constexpr auto kProgressNotes = std::chrono::seconds(60);  // in run.log

bool use_color() {
  const char* no_color = std::getenv("NO_COLOR");
  const char* term = std::getenv("TERM");
  const bool plain = (no_color && *no_color) || (term && std::strcmp(term, "dumb") == 0);
  return ::isatty(STDOUT_FILENO) == 1 && !plain;
}

// UTC, as task names and reports have it.
std::string time_text(const char* format) {
  const std::time_t now = std::time(nullptr);
  std::tm utc{};
  gmtime_r(&now, &utc);
  char text[32];
  std::strftime(text, sizeof(text), format, &utc);
  return text;
}

/// Further lines of a text stand below the first one.
std::string indented(const std::string& text) {
  std::string result;
  for (const char c : text) {
    result += c;
    if (c == '\n') result += "    ";
  }
  return result;
}

std::string padded(const std::string& level) {
  constexpr std::size_t kWidth = 7;  // "warning"
  return level.size() < kWidth ? level + std::string(kWidth - level.size(), ' ') : level;
}

std::string in_color(const std::string& level) {
  const char* color = level == "error" ? "\x1b[31m" : level == "warning" ? "\x1b[33m" : "\x1b[32m";
  return color + padded(level) + "\x1b[0m";
}

std::string file_line(const std::string& level, const std::string& stage, const std::string& text) {
  return time_text("%Y-%m-%d %H:%M:%SZ ") + padded(level) + " " + stage + " " + indented(text) +
         "\n";
}

std::string with_line_end(const std::string& text) {
  return text.empty() || text.back() != '\n' ? text + "\n" : text;
}

}  // namespace

TerminalConsole::TerminalConsole(bool quiet) : quiet_(quiet), color_(use_color()) {}

TerminalConsole::~TerminalConsole() {
  finish_progress();
  if (log_ >= 0) ::close(log_);
}

void TerminalConsole::open_log(std::string path) {
  const std::lock_guard<std::mutex> lock(mutex_);
  log_path_ = std::move(path);
}

void TerminalConsole::try_open() {
  if (log_ >= 0 || log_path_.empty()) return;
  std::error_code error;
  if (!std::filesystem::is_directory(std::filesystem::path(log_path_).parent_path(), error)) return;
  log_ = ::open(log_path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (log_ < 0) {
    print_warning(log_path_ + ": cannot be written (" + std::strerror(errno) +
                  "); the run goes on without it");
    log_path_.clear();
    return;
  }
  const std::string early = std::move(backlog_);
  backlog_.clear();
  keep(early);
}

// Whole lines without a buffer of ours, so that a killed run has its last words on disk.
void TerminalConsole::keep(const std::string& text) {
  if (log_ < 0) {
    backlog_ += text;
    return;
  }
  for (std::size_t done = 0; done < text.size();) {
    const ssize_t n = ::write(log_, text.data() + done, text.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return;
    done += static_cast<std::size_t>(n);
  }
}

void TerminalConsole::show(const std::string& text) {
  std::fputs(text.c_str(), stdout);
  std::fflush(stdout);
}

void TerminalConsole::note(const std::string& level, const std::string& stage,
                           const std::string& text) {
  const std::lock_guard<std::mutex> lock(mutex_);
  keep(file_line(level, stage, text));
}

void TerminalConsole::log(const std::string& level, const std::string& stage,
                          const std::string& text) {
  const std::lock_guard<std::mutex> lock(mutex_);
  has_logged_ = true;
  try_open();
  keep(file_line(level, stage, text));
  if (level == "debug" || (quiet_ && level == "info")) return;
  const std::string line = time_text("%H:%M:%SZ ") + (color_ ? in_color(level) : padded(level)) +
                           " " + stage + " " + indented(text);
  if (progress_) {
    progress_->print(line);
  } else {
    show(line + "\n");
  }
}

bool TerminalConsole::has_logged() {
  const std::lock_guard<std::mutex> lock(mutex_);
  return has_logged_;
}

void TerminalConsole::print(const std::string& text) {
  const std::lock_guard<std::mutex> lock(mutex_);
  try_open();
  progress_.reset();  // a table comes when a loop is over
  keep(with_line_end(text));
  if (!quiet_) show(with_line_end(text));
}

void TerminalConsole::progress(const std::string& stage, std::int64_t done, std::int64_t total,
                               const std::string& text) {
  const std::lock_guard<std::mutex> lock(mutex_);
  const bool over = total > 0 && done >= total;
  const bool fresh = !progress_ || stage != progress_stage_ || total != progress_total_;
  const auto now = Clock::now();
  if (over || now - progress_noted_ >= kProgressNotes) {
    const std::string counts =
        std::to_string(done) + (total > 0 ? "/" + std::to_string(total) : "");
    keep(file_line("debug", stage, counts + (text.empty() ? "" : " " + text)));
    progress_noted_ = now;
  }
  if (quiet_) return;
  if (fresh) {
    progress_.reset();  // ends its line before the next one begins
    progress_ = std::make_unique<Progress>(stage, total, stdout);
    progress_stage_ = stage;
    progress_total_ = total;
  }
  progress_->advance(done, text);
  if (over) progress_.reset();
}

void TerminalConsole::finish_progress() {
  const std::lock_guard<std::mutex> lock(mutex_);
  progress_.reset();
}

}  // namespace deneb::cli
