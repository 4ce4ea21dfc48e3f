#include "e2e/browser/chromium.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <fstream>
#include <stdexcept>

namespace browser {
namespace {

using nlohmann::json;

constexpr double kAnswerSeconds = 60;  // a busy machine starts a browser slowly

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

[[noreturn]] void fail(const std::string& what) { throw std::runtime_error("Chromium: " + what); }

std::string file_address(const std::string& path) {
  static const char* const kDigits = "0123456789ABCDEF";
  std::string address = "file://";
  for (const unsigned char c : path) {
    if (std::isalnum(c) || std::strchr("/._-~", c)) {
      address += static_cast<char>(c);
    } else {
      address += {'%', kDigits[c >> 4], kDigits[c & 15]};
    }
  }
  return address;
}

std::string decode_base64(const std::string& text) {
  static const std::string kAlphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string bytes;
  unsigned bits = 0;
  int count = 0;
  for (const char c : text) {
    const auto value = kAlphabet.find(c);
    if (value == std::string::npos) break;
    bits = bits << 6 | static_cast<unsigned>(value);
    count += 6;
    if (count >= 8) bytes += static_cast<char>(bits >> (count -= 8) & 0xff);
  }
  return bytes;
}

}  // namespace

Chromium::Chromium(const std::string& program, const std::string& profile) {
  launch(program, profile);
  const json target = call("Target.createTarget", {{"url", "about:blank"}});
  const json attached =
      call("Target.attachToTarget", {{"targetId", target.at("targetId")}, {"flatten", true}});
  session_ = attached.at("sessionId").get<std::string>();
  for (const char* domain : {"Page", "Runtime", "Log", "Network"}) {
    call(std::string(domain) + ".enable");
  }
}

Chromium::~Chromium() {
  ::close(to_);
  ::close(from_);
  // Renderer and helper processes are in the group of the process that was started.
  ::kill(-process_, SIGKILL);
  ::waitpid(process_, nullptr, 0);
}

void Chromium::launch(const std::string& program, const std::string& profile) {
  int in[2], out[2];
  if (::pipe2(in, O_CLOEXEC) != 0 || ::pipe2(out, O_CLOEXEC) != 0) fail("no pipe");
  const pid_t parent = ::getpid();
  process_ = ::fork();
  if (process_ < 0) fail("cannot fork");
  if (process_ == 0) {
    ::setpgid(0, 0);
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) _exit(127);
    // The protocol wants descriptors 3 and 4. First out of their way, then to them.
    const int commands = ::fcntl(in[0], F_DUPFD, 10), answers = ::fcntl(out[1], F_DUPFD, 10);
    ::dup2(commands, 3);
    ::dup2(answers, 4);
    ::close(commands);
    ::close(answers);
    const int null = ::open("/dev/null", O_RDWR);
    for (const int fd : {0, 1, 2}) ::dup2(null, fd);
    const std::string data = "--user-data-dir=" + profile;
    ::execl(program.c_str(), program.c_str(), "--headless", "--no-sandbox", "--disable-gpu",
            "--disable-quic", "--no-first-run", "--disable-background-networking",
            "--disable-component-update", "--disable-sync", "--hide-scrollbars",
            "--remote-debugging-pipe", data.c_str(), static_cast<char*>(nullptr));
    _exit(127);
  }
  ::setpgid(process_, process_);
  ::close(in[0]);
  ::close(out[1]);
  to_ = in[1];
  from_ = out[0];
}

json Chromium::call(const std::string& method, json parameters) {
  const int id = ++last_id_;
  json message = {{"id", id}, {"method", method}};
  if (!parameters.is_null()) message["params"] = std::move(parameters);
  if (!session_.empty()) message["sessionId"] = session_;
  std::string text = message.dump();
  text += '\0';
  for (std::size_t done = 0; done < text.size();) {
    const ssize_t n = ::write(to_, text.data() + done, text.size() - done);
    if (n < 0 && errno != EINTR) fail("does not take commands: " + std::string(strerror(errno)));
    if (n > 0) done += static_cast<std::size_t>(n);
  }
  const json answer = wait(method, [&](const json& m) { return m.value("id", 0) == id; });
  if (answer.contains("error")) fail(method + ": " + answer["error"].dump());
  return answer.at("result");
}

json Chromium::wait(const std::string& what, const std::function<bool(const json&)>& done) {
  const double until = now() + kAnswerSeconds;
  for (;;) {
    const json message = read_message(what, until);
    note(message);
    if (done(message)) return message;
  }
}

json Chromium::read_message(const std::string& what, double until) {
  for (;;) {
    const std::size_t end = buffer_.find('\0');
    if (end != std::string::npos) {
      json message = json::parse(buffer_.substr(0, end));
      buffer_.erase(0, end + 1);
      return message;
    }
    pollfd waiting{from_, POLLIN, 0};
    const double left = until - now();
    if (left <= 0) fail("no answer to " + what + " in time");
    if (::poll(&waiting, 1, static_cast<int>(1000 * left) + 1) <= 0) continue;
    char bytes[65536];
    const ssize_t n = ::read(from_, bytes, sizeof(bytes));
    if (n == 0) fail("ended before it answered " + what + "; does it start by hand?");
    if (n > 0) buffer_.append(bytes, static_cast<std::size_t>(n));
  }
}

void Chromium::note(const json& message) {
  const std::string method = message.value("method", "");
  if (method.empty() || !message.contains("params")) return;
  const json& p = message["params"];
  if (method == "Runtime.consoleAPICalled") {
    const std::string type = p.value("type", "");
    if (type == "error" || type == "warning" || type == "assert") {
      complaints_.push_back("console " + type + ": " + p["args"].dump());
    }
  } else if (method == "Runtime.exceptionThrown") {
    complaints_.push_back("exception: " + p["exceptionDetails"].dump());
  } else if (method == "Log.entryAdded") {
    complaints_.push_back("log: " + p["entry"].dump());
  } else if (method == "Network.requestWillBeSent") {
    const std::string address = p["request"].value("url", "");
    if (address != page_ && address.rfind("data:", 0) != 0) requests_.push_back(address);
  }
}

void Chromium::resize(int width, int height) {
  call("Emulation.setDeviceMetricsOverride",
       {{"width", width}, {"height", height}, {"deviceScaleFactor", 1}, {"mobile", false}});
}

void Chromium::emulate(const std::string& media, const std::string& scheme) {
  const json feature = {{"name", "prefers-color-scheme"}, {"value", scheme}};
  call("Emulation.setEmulatedMedia", {{"media", media}, {"features", json::array({feature})}});
}

void Chromium::open(const std::string& path) {
  page_ = file_address(path);
  call("Page.navigate", {{"url", "about:blank"}});
  complaints_.clear();
  requests_.clear();
  const json navigation = call("Page.navigate", {{"url", page_}});
  if (navigation.contains("errorText")) fail(page_ + ": " + navigation["errorText"].dump());
  evaluate(
      "new Promise(function (done) {"
      "  function frames() {"
      "    requestAnimationFrame(function () { requestAnimationFrame(done); });"
      "  }"
      "  if (document.readyState === 'complete') { frames(); }"
      "  else { addEventListener('load', frames); }"
      "})");
}

json Chromium::evaluate(const std::string& expression) {
  const json answer =
      call("Runtime.evaluate",
           {{"expression", expression}, {"awaitPromise", true}, {"returnByValue", true}});
  if (answer.contains("exceptionDetails")) fail(answer["exceptionDetails"].dump());
  return answer["result"].value("value", json());
}

void Chromium::screenshot(const std::string& path) {
  const json picture =
      call("Page.captureScreenshot", {{"format", "png"}, {"captureBeyondViewport", true}});
  std::ofstream out(path, std::ios::binary);
  out << decode_base64(picture.at("data").get<std::string>());
  if (!out.flush()) fail("cannot write " + path);
}

}  // namespace browser
