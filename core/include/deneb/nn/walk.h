#pragma once

#include <functional>
#include <string>
#include <vector>

#include <deneb/nn/load_state.h>
#include <deneb/nn/network.h>
#include <deneb/nn/quant_layer.h>
#include <deneb/quant/layer_info.h>
#include <deneb/quant/policy.h>

namespace deneb {

/// All quantizable layers in registration order (pre-order, the order of named_modules()).
DENEB_API std::vector<NamedQuantLayer> quant_layers(Network& network);

/// One evaluation pass without gradient on example_batch(); fills shapes, MACs, signs, input groups
/// and the names of reconstruction units. The values of weights do not matter, they may be
/// uninitialized (nn/initialization.h): random values stand for what the layers compute, and an
/// input counts as unsigned when what lies before it leaves none of them negative. Layers come in
/// forward order. Leaves parameters,
/// buffers and RNG state as they were. ConfigError when the network cannot take its own
/// input_shape(), or when a layer is never used or used twice (a shared layer needs one policy
/// entry per use, which is not supported). PluginError when Network::blocks() breaks its contract:
/// names, or layers listed twice, not at all or not in forward order.
DENEB_API NetworkInfo probe(Network& network, const std::string& model);

/// Makes a quantizer for a format, never float32, that is not attached yet; the caller binds
/// plugins and options.
using QuantizerFactory = std::function<std::shared_ptr<Quantizer>(const Format& format)>;

/// Puts quantizers of the policy's formats into the layers: float32 means no quantizer. Layers that
/// the policy does not list lose theirs. A quantizer that a layer already holds (with learned
/// state) stays and gets the new format if it accepts that; else a new one of the factory takes its
/// place. ConfigError as BitPolicy::check_against, or of a quantizer that refuses its place.
DENEB_API void apply_policy(Network& network, const BitPolicy& policy,
                            const QuantizerFactory& weight_quantizer,
                            const QuantizerFactory& activation_quantizer);

/// Parameters and buffers by name, in registration order; quantizer state included.
DENEB_API std::vector<std::pair<std::string, torch::Tensor>> state_of(const Network& network);

}  // namespace deneb
