#include <deneb/quant/format.h>

#include <optional>

namespace deneb {
namespace {

// One or two digits without a leading zero ("0" itself is one); nothing else, so that every format
// has one spelling only.
std::optional<int> small_number(const std::string& digits) {
  if (digits.empty() || digits.size() > 2 || (digits.size() == 2 && digits[0] == '0')) return {};
  int number = 0;
  for (const char c : digits) {
    if (c < '0' || c > '9') return {};
    number = 10 * number + (c - '0');
  }
  return number;
}

}  // namespace

Format Format::integer(int bits, bool is_signed) {
  if (bits < 1 || bits > 16) {
    throw ConfigError("integer format: got " + std::to_string(bits) +
                      " bits, expected 1 .. 16; for no quantization write float32");
  }
  Format format;
  format.kind = is_signed ? Kind::kInt : Kind::kUint;
  format.bits = bits;
  return format;
}

Format Format::small_float(int exponent, int mantissa) {
  if (exponent < 1 || exponent > 8 || mantissa < 0 || mantissa > 10) {
    throw ConfigError("small float format: got e" + std::to_string(exponent) + "m" +
                      std::to_string(mantissa) +
                      ", expected 1 .. 8 exponent bits and 0 .. 10 mantissa bits");
  }
  Format format;
  format.kind = Kind::kSmallFloat;
  format.bits = 1 + exponent + mantissa;
  format.exponent_bits = exponent;
  format.mantissa_bits = mantissa;
  return format;
}

Format Format::parse(const std::string& word) {
  if (word == "float32") return float32();
  if (word == "bfloat16") return small_float(8, 7);
  if (word.rfind("int", 0) == 0) {
    if (const auto bits = small_number(word.substr(3))) return integer(*bits, true);
  } else if (word.rfind("uint", 0) == 0) {
    if (const auto bits = small_number(word.substr(4))) return integer(*bits, false);
  } else if (const auto m = word.find('m'); word.rfind('e', 0) == 0 && m != std::string::npos) {
    const auto exponent = small_number(word.substr(1, m - 1));
    const auto mantissa = small_number(word.substr(m + 1));
    if (exponent && mantissa) return small_float(*exponent, *mantissa);
  }
  throw ConfigError("number format: got '" + word +
                    "', expected float32, bfloat16 (e8m7), int1 .. int16, uint1 .. uint16 or "
                    "e<1-8>m<0-10> such as e4m3");
}

std::string Format::text() const {
  switch (kind) {
    case Kind::kFloat32:
      return "float32";
    case Kind::kInt:
      return "int" + std::to_string(bits);
    case Kind::kUint:
      return "uint" + std::to_string(bits);
    case Kind::kSmallFloat:
      break;
  }
  return "e" + std::to_string(exponent_bits) + "m" + std::to_string(mantissa_bits);
}

}  // namespace deneb
