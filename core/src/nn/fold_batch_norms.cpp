#include <deneb/nn/fold_batch_norms.h>
#include <torch/utils.h>

#include "nn/folded_parameters.h"

namespace deneb {
namespace {

using Folding = nn::BatchNorm2dImpl::Folding;

void fold(nn::BatchNorm2dImpl& norm, nn::Conv2dImpl& conv) {
  const auto [weight, bias] = detail::folded_parameters(norm, conv.weight, conv.bias);
  conv.weight.copy_(weight);
  if (conv.bias.defined()) {
    conv.bias.copy_(bias);
    norm.bias.zero_();
  } else {
    norm.bias.copy_(bias);
    conv.bias = norm.bias;
  }
  norm.weight.fill_(1);
  norm.running_mean.zero_();
  norm.running_var.fill_(1 - norm.options.eps);
  norm.set_folding(Folding::kForGood);
}

}  // namespace

void fold_batch_norms(Network& network) {
  torch::NoGradGuard no_grad;
  std::vector<std::pair<nn::BatchNorm2dImpl*, std::shared_ptr<nn::Conv2dImpl>>> pairs;
  for (const auto& item : network.named_modules("", /*include_self=*/false)) {
    auto* norm = dynamic_cast<nn::BatchNorm2dImpl*>(item.value().get());
    if (!norm || norm->folding() == Folding::kForGood) continue;
    const auto conv = norm->before();
    if (!conv) continue;
    if (conv->is_frozen() || conv->weight_quantizer()) {
      throw RunError("fold_batch_norms: the convolution before '" + item.key() + "' " +
                     (conv->is_frozen() ? "has frozen weights" : "has a weight quantizer") +
                     "; fold the float network, before its weights are " +
                     (conv->is_frozen() ? "frozen" : "quantized"));
    }
    pairs.emplace_back(norm, conv);
  }
  for (const auto& [norm, conv] : pairs) fold(*norm, *conv);
}

}  // namespace deneb
