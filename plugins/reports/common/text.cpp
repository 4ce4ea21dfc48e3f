#include "text.h"

#include <cmath>
#include <cstdio>
#include <ctime>

#include "words.h"

namespace deneb::reports {

std::string metric_label(const std::string& name, bool judged) {
  const std::string prefix = "validation_";
  std::string text = name, split;
  if (name.rfind(prefix, 0) == 0) {
    text = name.substr(prefix.size());
    split = "validation ";
  } else if (judged && (name.rfind("accuracy", 0) == 0 || name == "loss")) {
    split = "test ";
  }
  if (const Word* word = word_of(text)) return split + word->label;
  for (char& c : text) {
    if (c == '_') c = ' ';
  }
  return split + text;
}

bool is_fraction(const std::string& name) { return name.find("accuracy") != std::string::npos; }

std::string count_text(std::size_t count) {
  std::string text = std::to_string(count);
  if (text.size() < 5) return text;
  for (std::size_t end = text.size(); end > 3; end -= 3) text.insert(end - 3, " ");
  return text;
}

std::string fixed_text(double value, int digits) {
  char text[64];
  std::snprintf(text, sizeof(text), "%.*f", digits, value);
  return text;
}

std::string si_text(double value) {
  static const char* const kSuffixes[] = {"", " k", " M", " G", " T", " P"};
  double size = std::fabs(value);
  if (size >= 1e18 || (size > 0 && size < 1e-4)) {
    char text[32];
    std::snprintf(text, sizeof(text), "%.3e", value);
    return text;
  }
  int suffix = 0;
  // Numbers up to four digits stay as they are. 999.95 would be shown as 1000.
  while (size >= (suffix == 0 ? 10000 : 999.95) && suffix < 5) {
    size /= 1000;
    ++suffix;
  }
  char text[32];
  std::snprintf(text, sizeof(text), "%s%.4g%s", value < 0 ? "-" : "", size, kSuffixes[suffix]);
  return text;
}

std::string metric_text(const std::string& name, double value) {
  if (is_fraction(name) && value >= 0 && value <= 1) return fixed_text(100 * value, 2) + " %";
  return si_text(value);
}

std::string time_text(double seconds) {
  if (!std::isfinite(seconds) || seconds < 0) return "";
  char text[64];
  if (seconds < 10) {
    std::snprintf(text, sizeof(text), "%.1f s", seconds);
  } else if (seconds < 99.5) {
    std::snprintf(text, sizeof(text), "%.0f s", seconds);
  } else {
    const long long s = std::llround(seconds);
    if (s < 3600) {
      std::snprintf(text, sizeof(text), "%lld min %02lld s", s / 60, s % 60);
    } else {
      std::snprintf(text, sizeof(text), "%lld h %02lld min", s / 3600, s / 60 % 60);
    }
  }
  return text;
}

double seconds_between(const std::string& from, const std::string& to) {
  const auto parse = [](const std::string& text) -> std::time_t {
    std::tm parts{};
    if (!::strptime(text.c_str(), "%Y-%m-%dT%H:%M:%S", &parts)) return -1;
    return ::timegm(&parts);
  };
  const std::time_t a = parse(from), b = parse(to);
  return a < 0 || b < 0 ? -1 : double(b - a);
}

std::string date_text(const std::string& iso) {
  if (iso.size() < 19) return iso;
  return iso.substr(0, 10) + " " + iso.substr(11, 8) + " UTC";
}

}  // namespace deneb::reports
