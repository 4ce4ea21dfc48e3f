#include <deneb/quant/policy.h>

#include <deneb/options/config.h>
#include <cinttypes>
#include <cstdio>
#include <nlohmann/json.hpp>

namespace deneb {
namespace {

std::string width_word(const Format& format) {
  return format.kind == Format::Kind::kSmallFloat ? format.text() : std::to_string(format.bits);
}

}  // namespace

void BitPolicy::set(const std::string& layer, const LayerChoice& choice) {
  for (Entry& entry : layers_) {
    if (entry.first == layer) {
      entry.second = choice;
      return;
    }
  }
  layers_.emplace_back(layer, choice);
}

const LayerChoice* BitPolicy::find(const std::string& layer) const {
  for (const Entry& entry : layers_) {
    if (entry.first == layer) return &entry.second;
  }
  return nullptr;
}

std::string BitPolicy::fingerprint() const {
  std::uint64_t hash = 14695981039346656037ull;  // FNV-1a
  const auto mix = [&hash](const std::string& text) {
    for (const unsigned char c : text) hash = (hash ^ c) * 1099511628211ull;
    hash = (hash ^ 0xffu) * 1099511628211ull;
  };
  for (const Entry& entry : layers_) {
    mix(entry.first);
    mix(entry.second.weight.text());
    mix(entry.second.activation.text());
  }
  char text[17];
  std::snprintf(text, sizeof(text), "%016" PRIx64, hash);
  return text;
}

std::string BitPolicy::text() const {
  std::string text;
  for (const Entry& entry : layers_) {
    if (!text.empty()) text += ' ';
    text += "w" + width_word(entry.second.weight) + "a" + width_word(entry.second.activation);
  }
  return text;
}

nlohmann::ordered_json BitPolicy::to_json() const {
  auto array = nlohmann::ordered_json::array();
  for (const Entry& entry : layers_) {
    array.push_back({{"name", entry.first},
                     {"weight", entry.second.weight.text()},
                     {"activation", entry.second.activation.text()}});
  }
  return array;
}

BitPolicy BitPolicy::from_json(const nlohmann::ordered_json& layers, const std::string& where) {
  if (!layers.is_array()) {
    throw ConfigError(where + ": got " + layers.type_name() +
                      ", expected a list of {\"name\", \"weight\", \"activation\"}");
  }
  BitPolicy policy;
  for (std::size_t i = 0; i < layers.size(); ++i) {
    const std::string place = where + "[" + std::to_string(i) + "]";
    const Entry entry = entry_from_json(layers[i], place);
    if (policy.find(entry.first)) {
      throw ConfigError(place + ": layer '" + entry.first + "' is listed twice; keep one entry");
    }
    policy.set(entry.first, entry.second);
  }
  return policy;
}

BitPolicy::Entry BitPolicy::entry_from_json(const nlohmann::ordered_json& item,
                                            const std::string& place) {
  const auto word = [&](const char* key) -> std::string {
    if (!item.is_object() || !item.contains(key) || !item[key].is_string()) {
      throw ConfigError(place + ": needs a string \"" + key +
                        "\"; an entry reads {\"name\": \"layer1.0.conv1\", \"weight\": \"int4\", "
                        "\"activation\": \"uint4\"}");
    }
    return item[key].get<std::string>();
  };
  const std::string name = word("name");
  for (const auto& part : item.items()) {
    if (part.key() == "name" || part.key() == "weight" || part.key() == "activation") continue;
    const std::string nearest = nearest_name(part.key(), {"name", "weight", "activation"});
    throw ConfigError(place + " (" + name + "): unknown key '" + part.key() + "'" +
                      (nearest.empty() ? "; an entry has name, weight and activation"
                                       : "; did you mean '" + nearest + "'?"));
  }
  const std::string weight = word("weight"), activation = word("activation");
  try {
    return {name, {Format::parse(weight), Format::parse(activation)}};
  } catch (const ConfigError& e) {
    throw ConfigError(place + " (" + name + "): " + e.what());
  }
}

void BitPolicy::check_against(const NetworkInfo& network, const std::string& where) const {
  std::vector<std::string> names;
  for (const LayerInfo& layer : network.layers) names.push_back(layer.name);
  const auto refuse_unsigned = [&](const Entry& entry, const char* what, const Format& format) {
    throw ConfigError(where + ": layer '" + entry.first + "': its " + what +
                      " have both signs, and " + format.text() + " has none; take " +
                      Format::integer(format.bits, true).text());
  };
  for (const Entry& entry : layers_) {
    if (const LayerInfo* layer = network.find(entry.first)) {
      const auto& [weight, activation] = entry.second;
      if (!weight.is_signed()) refuse_unsigned(entry, "weights", weight);
      // What the first layer reads is data, which the probe has not seen.
      const bool is_data = layer == &network.layers.front();
      if (!activation.is_signed() && layer->signed_input && !is_data) {
        refuse_unsigned(entry, "inputs", activation);
      }
      continue;
    }
    const std::string nearest = nearest_name(entry.first, names);
    throw ConfigError(where + ": network " + (network.model.empty() ? "" : network.model + " ") +
                      "has no layer '" + entry.first + "'" +
                      (nearest.empty() ? "" : "; did you mean '" + nearest + "'?") +
                      " (`deneb inspect` lists the layers)");
  }
}

bool glob_match(const std::string& pattern, const std::string& text) {
  std::size_t p = 0, t = 0, star = std::string::npos, mark = 0;
  while (t < text.size()) {
    if (p < pattern.size() && (pattern[p] == '?' || (pattern[p] != '*' && pattern[p] == text[t]))) {
      ++p, ++t;
    } else if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      mark = t;
    } else if (star != std::string::npos) {
      p = star + 1;
      t = ++mark;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

BitPolicy uniform_policy(const NetworkInfo& network, int weight_bits, int activation_bits) {
  BitPolicy policy;
  for (const LayerInfo& layer : network.layers) {
    policy.set(layer.name, {Format::of_width(weight_bits, true),
                            Format::of_width(activation_bits, layer.signed_input)});
  }
  return policy;
}

}  // namespace deneb
