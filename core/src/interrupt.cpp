#include <deneb/interrupt.h>

#include <atomic>
#include <csignal>

namespace deneb {
namespace {

std::atomic<int> g_signal{0};

extern "C" void on_signal(int number) {
  g_signal = number;
  for (const int each : {SIGINT, SIGTERM}) std::signal(each, SIG_DFL);  // the second one kills
}

}  // namespace

void install_signal_handlers() {
  struct sigaction action {};
  action.sa_handler = on_signal;
  sigemptyset(&action.sa_mask);
  for (const int number : {SIGINT, SIGTERM}) sigaction(number, &action, nullptr);
  std::signal(SIGPIPE, SIG_IGN);  // a worker that died is an error to handle, not to die of
}

int stop_signal() { return g_signal; }

void throw_if_stopping() {
  if (const int number = g_signal) throw Interrupted(number);
}

}  // namespace deneb
