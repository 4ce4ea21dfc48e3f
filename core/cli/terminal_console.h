#pragma once

#include <deneb/pipeline/console.h>
#include <deneb/pipeline/progress.h>

#include <chrono>
#include <memory>
#include <mutex>
#include <string>

namespace deneb::cli {

/// Console of the program: `HH:MM:SSZ level stage text` (UTC) on standard output, in color on a
/// terminal without NO_COLOR, with a progress bar below. All of it goes to run.log too, with dates,
/// also what came before the log could be opened. Level "debug" and, when quiet, everything but
/// warnings and errors goes to run.log only. Trouble with either file never stops the run.
class TerminalConsole final : public Console {
 public:
  explicit TerminalConsole(bool quiet);
  ~TerminalConsole() override;
  TerminalConsole(const TerminalConsole&) = delete;
  TerminalConsole& operator=(const TerminalConsole&) = delete;

  /// Appends to `path` from the first log() or print() on for which its folder exists.
  void open_log(std::string path);
  /// In run.log only. Does not open it: a run that never began leaves no trace.
  void note(const std::string& level, const std::string& stage, const std::string& text);
  /// Has log() been called? run_pipeline() does when it has checked the task.
  bool has_logged();
  /// Ends the line of a progress bar.
  void finish_progress();

  void log(const std::string& level, const std::string& stage, const std::string& text) override;
  void print(const std::string& text) override;
  void progress(const std::string& stage, std::int64_t done, std::int64_t total,
                const std::string& text) override;

 private:
  using Clock = std::chrono::steady_clock;
  void keep(const std::string& text);  // for run.log
  void try_open();
  void show(const std::string& text);  // on standard output

  std::mutex mutex_;
  const bool quiet_, color_;
  bool has_logged_ = false;
  std::string log_path_, backlog_;
  int log_ = -1;
  std::unique_ptr<Progress> progress_;
  std::string progress_stage_;
  std::int64_t progress_total_ = 0;
  Clock::time_point progress_noted_;
};

}  // namespace deneb::cli
