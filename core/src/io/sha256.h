#pragma once

#include <string>

#include <deneb/errors.h>

namespace deneb::detail {

/// SHA-256 (FIPS 180-4) of bytes: 64 lower-case hexadecimal digits.
DENEB_API std::string sha256(const std::string& bytes);

}  // namespace deneb::detail
