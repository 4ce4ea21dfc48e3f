#pragma once

#include <string>

#include <deneb/errors.h>

namespace deneb {

/// Number format of one tensor. As text: `float32`, `int4` (signed), `uint4` (unsigned), `e4m3`
/// (sign bit + exponent + mantissa); `bfloat16` is read as `e8m7`.
struct DENEB_API Format {
  enum class Kind { kFloat32, kInt, kUint, kSmallFloat };
  Kind kind = Kind::kFloat32;
  int bits = 32;  ///< all bits of one element: 1..16 for integers, 1 + e + m for small floats
  int exponent_bits = 0;  ///< small floats only, 1..8
  int mantissa_bits = 0;  ///< small floats only, 0..10

  static Format float32() { return {}; }
  /// ConfigError unless 1 <= bits <= 16.
  static Format integer(int bits, bool is_signed);
  /// What a number of bits stands for in uniform widths such as w4a32: 32 is float32, others are
  /// integers.
  static Format of_width(int bits, bool is_signed) {
    return bits == 32 ? float32() : integer(bits, is_signed);
  }
  /// ConfigError unless 1 <= exponent <= 8 and 0 <= mantissa <= 10.
  static Format small_float(int exponent, int mantissa);
  /// Parses a word; ConfigError lists the accepted forms.
  static Format parse(const std::string& word);

  std::string text() const;
  bool is_float32() const { return kind == Kind::kFloat32; }
  bool is_integer() const { return kind == Kind::kInt || kind == Kind::kUint; }
  bool is_signed() const { return kind != Kind::kUint; }

  friend bool operator==(const Format& a, const Format& b) {
    return a.kind == b.kind && a.bits == b.bits && a.exponent_bits == b.exponent_bits &&
           a.mantissa_bits == b.mantissa_bits;
  }
  friend bool operator!=(const Format& a, const Format& b) { return !(a == b); }
};

}  // namespace deneb
