#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <utility>
#include <vector>

#include <deneb/errors.h>
#include <deneb/quant/format.h>
#include <deneb/quant/layer_info.h>

namespace deneb {

/// What one layer computes with.
struct LayerChoice {
  Format weight, activation;
  friend bool operator==(const LayerChoice& a, const LayerChoice& b) {
    return a.weight == b.weight && a.activation == b.activation;
  }
  bool is_float32() const { return weight.is_float32() && activation.is_float32(); }
};

/// The result of a search and the input of training: layer name -> formats, in forward order.
class DENEB_API BitPolicy {
 public:
  using Entry = std::pair<std::string, LayerChoice>;

  /// Adds or replaces.
  void set(const std::string& layer, const LayerChoice& choice);
  /// nullptr when the layer is not listed (it stays float32).
  const LayerChoice* find(const std::string& layer) const;
  const std::vector<Entry>& layers() const { return layers_; }
  bool empty() const { return layers_.empty(); }

  /// Same for every policy with the same entries: 16 hexadecimal digits.
  std::string fingerprint() const;
  /// The widths of a policy on one line: "w4a4 w8a4 ..." (float32 = 32, small floats as words).
  std::string text() const;

  /// Array of {"name","weight","activation"}.
  nlohmann::ordered_json to_json() const;
  /// ConfigError with `where` and the index for a malformed entry, an unknown key or a name given
  /// twice.
  static BitPolicy from_json(const nlohmann::ordered_json& layers, const std::string& where);
  /// One entry of that array; `place` begins the messages.
  static Entry entry_from_json(const nlohmann::ordered_json& item, const std::string& place);

  /// ConfigError when the policy names a layer that the network lacks (the nearest name is
  /// suggested), or an unsigned format for weights or for inputs that have both signs,
  /// data that the first layer reads excepted.
  void check_against(const NetworkInfo& network, const std::string& where) const;

  friend bool operator==(const BitPolicy& a, const BitPolicy& b) { return a.layers_ == b.layers_; }

 private:
  std::vector<Entry> layers_;
};

/// `*` matches any run of characters, `?` one.
DENEB_API bool glob_match(const std::string& pattern, const std::string& text);

/// Every layer of the network with the same widths (Format::of_width); activations signed where the
/// layer needs it.
DENEB_API BitPolicy uniform_policy(const NetworkInfo& network, int weight_bits,
                                   int activation_bits);

}  // namespace deneb
