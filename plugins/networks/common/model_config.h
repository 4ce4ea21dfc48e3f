#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include <deneb/errors.h>

#include "transformer.h"

namespace deneb::networks {

/// A config.json in Hugging Face's layout. Values that are missing are those of the library, which
/// the caller gives. ConfigError names the file and the key.
class ModelConfig {
 public:
  /// `path`: the file or the folder that holds it. `architecture`: "bert", "roberta", "gpt2".
  /// ConfigError when the file is of another one or no JSON object; DataError when it is missing.
  ModelConfig(const std::string& path, const std::string& architecture);

  bool has(const char* key) const;  ///< and not null
  std::int64_t integer(const char* key, std::int64_t otherwise, std::int64_t low,
                       std::int64_t high) const;
  /// An integer that divides `whole`, the value of the key `of`.
  std::int64_t divisor(const char* key, std::int64_t otherwise, const char* of,
                       std::int64_t whole) const;
  double number(const char* key, double otherwise, double low, double high) const;
  Activation activation(const char* key, const char* otherwise) const;
  /// ConfigError unless `key` is missing or has that value: what the network does not have.
  void demand(const char* key, const nlohmann::json& value) const;

 private:
  [[noreturn]] void refuse(const char* key, const std::string& expected) const;

  std::string file_;
  nlohmann::json value_;
};

}  // namespace deneb::networks
