#pragma once

#include <sys/types.h>

#include <deque>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace browser {

/// A headless Chromium with one page, driven over a pipe by the DevTools protocol. Every failure
/// (no browser, no answer in time, an error answer) is a std::runtime_error. The browser is killed
/// with the object, and by the kernel should this process die.
class Chromium {
 public:
  /// `program`: path of the executable; `profile`: a folder that is empty or not there yet.
  Chromium(const std::string& program, const std::string& profile);
  ~Chromium();
  Chromium(const Chromium&) = delete;
  Chromium& operator=(const Chromium&) = delete;

  /// Size of the window in CSS pixels.
  void resize(int width, int height);
  /// Media features as the page sees them: `media` "" or "print", `scheme` "light" or "dark".
  void emulate(const std::string& media, const std::string& scheme);
  /// Loads a file and waits until it is loaded and has had two frames to draw. Forgets what was
  /// seen of the page before.
  void open(const std::string& path);
  /// Value of a JavaScript expression; a promise is awaited, a thrown error is a runtime_error.
  nlohmann::json evaluate(const std::string& expression);
  /// The whole page as PNG.
  void screenshot(const std::string& path);

  /// Since open(): errors and warnings on the console, uncaught exceptions, browser log entries.
  const std::vector<std::string>& complaints() const { return complaints_; }
  /// Since open(): addresses that were asked for, other than the page itself and data: ones.
  const std::vector<std::string>& requests() const { return requests_; }

 private:
  nlohmann::json call(const std::string& method, nlohmann::json parameters = nullptr);
  /// Reads messages until `done` says true for one.
  nlohmann::json wait(const std::string& what,
                      const std::function<bool(const nlohmann::json&)>& done);
  nlohmann::json read_message(const std::string& what, double until);
  void note(const nlohmann::json& message);
  void launch(const std::string& program, const std::string& profile);

  pid_t process_ = -1;
  int to_ = -1, from_ = -1;
  std::string buffer_, session_, page_;
  int last_id_ = 0;
  std::vector<std::string> complaints_, requests_;
};

}  // namespace browser
