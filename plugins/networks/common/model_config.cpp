#include "model_config.h"

#include <deneb/io/files.h>
#include <deneb/io/json.h>

#include <cmath>
#include <filesystem>
#include <map>

namespace deneb::networks {
namespace {

using nlohmann::json;

/// The network that reads a config.json of that architecture.
std::string network_of(const std::string& architecture) {
  static const std::map<std::string, std::string> known = {
      {"bert", "Bert"}, {"roberta", "Roberta"}, {"gpt2", "Gpt2"}, {"vit", "DeiT"}};
  const auto found = known.find(architecture);
  return found == known.end() ? "no network here does" : "the network " + found->second + " does";
}

}  // namespace

ModelConfig::ModelConfig(const std::string& path, const std::string& architecture)
    : file_(std::filesystem::is_directory(path) ? path + "/config.json" : path) {
  value_ = parse_json(read_file(file_));
  if (value_.is_discarded()) {
    throw ConfigError("network.config: " + file_ + " is no JSON; get the file again");
  }
  if (!value_.is_object()) {
    throw ConfigError("network.config: " + file_ +
                      " holds no JSON object; name the config.json of a model");
  }
  // Files of the first years do not say what they are.
  if (!has("model_type") || value_["model_type"] == architecture) return;
  const json& found = value_["model_type"];
  throw ConfigError("network.config: " + file_ + " is of the architecture " + found.dump() +
                    ", this network reads \"" + architecture + "\"; " +
                    network_of(found.is_string() ? found.get<std::string>() : "") +
                    " read that one");
}

bool ModelConfig::has(const char* key) const {
  const auto found = value_.find(key);
  return found != value_.end() && !found->is_null();
}

std::int64_t ModelConfig::integer(const char* key, std::int64_t otherwise, std::int64_t low,
                                  std::int64_t high) const {
  if (!has(key)) return otherwise;
  const json& value = value_[key];
  const bool fits = value.is_number_integer() && value >= low && value <= high;
  if (!fits) {
    refuse(key, "an integer from " + std::to_string(low) + " to " + std::to_string(high));
  }
  return value.get<std::int64_t>();
}

std::int64_t ModelConfig::divisor(const char* key, std::int64_t otherwise, const char* of,
                                  std::int64_t whole) const {
  const std::int64_t value = integer(key, otherwise, 1, whole);
  if (whole % value == 0) return value;
  throw ConfigError("network.config: " + file_ + ": " + of + " " + std::to_string(whole) +
                    " is no multiple of " + key + " " + std::to_string(value));
}

double ModelConfig::number(const char* key, double otherwise, double low, double high) const {
  if (!has(key)) return otherwise;
  const json& value = value_[key];
  const bool fits = value.is_number() && value >= low && value <= high;
  if (!fits) refuse(key, "a number from " + json(low).dump() + " to " + json(high).dump());
  return value.get<double>();
}

Activation ModelConfig::activation(const char* key, const char* otherwise) const {
  static const std::map<std::string, Activation> known = {
      {"gelu", Activation::kGelu},
      {"gelu_new", Activation::kGeluTanh},
      {"gelu_pytorch_tanh", Activation::kGeluTanh},
      {"relu", Activation::kRelu},
      {"silu", Activation::kSilu},
      {"swish", Activation::kSilu}};
  if (!has(key)) return known.at(otherwise);
  const json& value = value_[key];
  const auto found = value.is_string() ? known.find(value.get<std::string>()) : known.end();
  if (found == known.end()) {
    refuse(key, "gelu, gelu_new, gelu_pytorch_tanh, relu, silu or swish");
  }
  return found->second;
}

void ModelConfig::demand(const char* key, const json& value) const {
  if (has(key) && value_[key] != value) {
    refuse(key, value.dump() + "; the network has no other kind");
  }
}

void ModelConfig::refuse(const char* key, const std::string& expected) const {
  throw ConfigError("network.config: " + file_ + ": " + key + " is " + value_[key].dump() +
                    ", expected " + expected);
}

}  // namespace deneb::networks
