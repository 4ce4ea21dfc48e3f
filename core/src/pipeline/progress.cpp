#include <deneb/pipeline/progress.h>

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <mutex>

#include "pipeline/text_width.h"

namespace deneb {
namespace {

constexpr double kRedrawSeconds = 0.1;  // on a terminal
constexpr double kLineSeconds = 30;     // elsewhere
constexpr int kParts = 10;              // ... or after each of so many parts
constexpr std::size_t kMaxBar = 30;
constexpr const char* kEraseLine = "\r\x1b[2K";

double steady_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

bool is_set(const char* variable) {
  const char* value = std::getenv(variable);
  return value && *value;
}

bool is_terminal(std::FILE* stream) {
  const char* term = std::getenv("TERM");
  return ::isatty(::fileno(stream)) == 1 && !(term && std::string(term) == "dumb");
}

std::size_t terminal_width(std::FILE* stream) {
  winsize size{};
  if (::ioctl(::fileno(stream), TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
  return 80;
}

}  // namespace

std::string duration_text(double seconds) {
  const long long s = std::llround(std::max(0.0, seconds));
  char text[48];
  if (s >= 3600) {
    std::snprintf(text, sizeof(text), "%lld:%02lld:%02lld", s / 3600, s / 60 % 60, s % 60);
  } else {
    std::snprintf(text, sizeof(text), "%lld:%02lld", s / 60, s % 60);
  }
  return text;
}

struct Progress::Impl {
  std::mutex mutex;
  std::string title;
  std::int64_t total;
  std::FILE* stream;
  bool terminal, color;
  std::function<double()> clock;

  std::int64_t done = 0;
  std::string text;
  bool started = false, finished = false, drawn = false;
  // The rate is measured from here on.
  std::int64_t base_done = 0;
  double base_time = 0;
  double last_output = 0;
  std::int64_t last_part = 0;   // tenths that a plain line has told
  std::int64_t last_told = -1;  // `done` of the last plain line

  void start(std::int64_t first, double now) {
    // A first call with more than one is a resumed loop, or a loop that starts over.
    base_done = first > 1 ? first : 0;
    if (started || first > 1) base_time = now;
    started = true;
    last_part = part_of(first);
    last_told = -1;
    last_output = -1e30;
  }

  std::int64_t part_of(std::int64_t count) const { return total > 0 ? kParts * count / total : 0; }

  /// Time left, "" while unknown.
  std::string left(double now) const {
    const double elapsed = now - base_time;
    if (total <= 0 || done <= base_done || done >= total || elapsed <= 0) return "";
    return duration_text(elapsed / double(done - base_done) * double(total - done));
  }

  std::string counts() const {
    return std::to_string(done) + (total > 0 ? "/" + std::to_string(total) : "");
  }

  void draw(double now) {
    const std::size_t width = terminal_width(stream) - 1;  // the last column may wrap
    const double share = total > 0 ? std::clamp(double(done) / double(total), 0.0, 1.0) : 0;
    std::string tail = " " + counts();
    if (total > 0) {
      char percent[16];
      std::snprintf(percent, sizeof(percent), " %3d %%", int(100 * share));
      tail = percent + tail;
    }
    const std::string time = left(now);
    tail += time.empty() ? ", " + duration_text(now - base_time) : ", " + time + " left";
    const std::string head = title + " ";
    std::string line = detail::text_prefix(head, width);
    std::size_t used = detail::text_width(line);
    std::string plain_tail = text.empty() ? tail : tail + "  " + text;
    const std::size_t tail_width = detail::text_width(tail);
    if (total > 0 && width > used + tail_width + 6) {
      const std::size_t bar = std::min(kMaxBar, width - used - tail_width - 2);
      const auto full = static_cast<std::size_t>(share * double(bar));
      const std::string filled(full, '='), rest(bar - full, ' ');
      line += color ? "[\x1b[36m" + filled + "\x1b[0m" + rest + "]" : "[" + filled + rest + "]";
      used += bar + 2;
    }
    line += detail::text_prefix(plain_tail, width - std::min(width, used));
    std::fputs((kEraseLine + line).c_str(), stream);
    std::fflush(stream);
    drawn = true;
    last_output = now;
  }

  void write_plain(double now) {
    std::string line = title + ": " + counts();
    const std::string time = left(now);
    if (!time.empty()) line += ", " + time + " left";
    if (!text.empty()) line += ", " + text;
    std::fputs((line + "\n").c_str(), stream);
    std::fflush(stream);
    last_output = now;
    last_part = part_of(done);
    last_told = done;
  }

  void show(bool force) {
    const double now = clock();
    if (terminal) {
      if (force || now - last_output >= kRedrawSeconds) draw(now);
    } else if (force || part_of(done) > last_part || now - last_output >= kLineSeconds) {
      if (done != last_told) write_plain(now);
    }
  }
};

Progress::Progress(std::string title, std::int64_t total, std::FILE* stream,
                   ProgressSettings settings)
    : impl_(std::make_unique<Impl>()) {
  impl_->title = std::move(title);
  impl_->total = total;
  impl_->stream = stream;
  impl_->terminal = settings.terminal.value_or(is_terminal(stream));
  impl_->color = settings.color.value_or(impl_->terminal && !is_set("NO_COLOR"));
  impl_->clock = settings.clock ? std::move(settings.clock) : steady_seconds;
  impl_->base_time = impl_->clock();
}

Progress::~Progress() { finish(); }

void Progress::advance(std::int64_t done, const std::string& text) {
  const std::lock_guard<std::mutex> lock(impl_->mutex);
  if (impl_->finished) return;
  if (!impl_->started || done < impl_->done) impl_->start(done, impl_->clock());
  impl_->done = done;
  impl_->text = text;
  for (char& c : impl_->text) {
    if (static_cast<unsigned char>(c) < 0x20) c = ' ';
  }
  impl_->show(impl_->total > 0 && done >= impl_->total);
}

void Progress::print(const std::string& line) {
  const std::lock_guard<std::mutex> lock(impl_->mutex);
  const bool redraw = impl_->terminal && impl_->drawn && !impl_->finished;
  std::fputs(((redraw ? kEraseLine : "") + line + "\n").c_str(), impl_->stream);
  if (redraw) impl_->draw(impl_->clock());
  std::fflush(impl_->stream);
}

void Progress::finish() {
  const std::lock_guard<std::mutex> lock(impl_->mutex);
  if (impl_->finished) return;
  if (impl_->started) impl_->show(true);
  impl_->finished = true;
  if (impl_->terminal && impl_->drawn) std::fputs("\n", impl_->stream);
  std::fflush(impl_->stream);
}

}  // namespace deneb
