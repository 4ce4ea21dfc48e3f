#include "io/number_text.h"

#include <cstdio>

namespace deneb::detail {

std::string number_text(double value) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.7g", value);
  return text;
}

}  // namespace deneb::detail
