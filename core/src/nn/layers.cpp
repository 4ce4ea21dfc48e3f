#include <deneb/nn/layers.h>

#include <algorithm>
#include <variant>

#include "nn/quantized_operators.h"

namespace deneb::nn {
namespace {

using ConvolutionOptions = decltype(torch::nn::Conv2dImpl::options);

std::vector<std::int64_t> list(const torch::ExpandingArray<2>& pair) {
  return {pair->begin(), pair->end()};
}

// The padding in numbers; nullptr where a word says it.
const torch::ExpandingArray<2>* padding_of(const ConvolutionOptions& options) {
  using std::get_if;  // with LibTorch 1.13 the argument brings its own
  return get_if<torch::ExpandingArray<2>>(&options.padding());
}

// The numbers of a convolution that pads with zeros; nothing where it pads in another way.
std::optional<detail::ConvolutionArguments> arguments_of(const ConvolutionOptions& options) {
  using std::get_if;
  const auto* padding = padding_of(options);
  const bool zeros = get_if<torch::enumtype::kZeros>(&options.padding_mode()) != nullptr;
  if (!padding || !zeros) return std::nullopt;
  return detail::ConvolutionArguments{list(options.stride()), list(*padding),
                                      list(options.dilation()), options.groups()};
}

}  // namespace

Conv2dImpl::Conv2dImpl(torch::nn::Conv2dOptions options) : torch::nn::Conv2dImpl(options) {}
Conv2dImpl::~Conv2dImpl() = default;

QuantLayer::Geometry Conv2dImpl::geometry() const {
  using std::get_if;
  Geometry geometry{list(options.stride()), {0, 0}, list(options.dilation())};
  if (const auto* padding = padding_of(options)) {
    geometry.padding = list(*padding);
  } else if (get_if<torch::enumtype::kSame>(&options.padding())) {
    for (std::size_t i = 0; i < 2; ++i) {
      geometry.padding[i] = geometry.dilation[i] * ((*options.kernel_size())[i] - 1) / 2;
    }
  }
  return geometry;
}

torch::Tensor Conv2dImpl::forward(torch::Tensor input) {
  const Parameters used = parameters_in_use();
  const auto arguments = arguments_of(options);
  torch::Tensor y;
  if (!arguments) {
    y = pad_and_convolve(quantized_input(input), used);
  } else if (keeps_input(input)) {
    y = detail::conv2d(input, input_quantizer(), used.weight, used.bias, *arguments);
  } else {
    y = at::conv2d(quantized_input(input), used.weight, used.bias, arguments->stride,
                   arguments->padding, arguments->dilation, arguments->groups);
  }
  tap(input, weight, y);
  return y;
}

torch::Tensor Conv2dImpl::pad_and_convolve(const torch::Tensor& x, const Parameters& used) {
  // LibTorch's layer takes its member.
  struct Exchange {
    torch::Tensor &member, kept;
    ~Exchange() { member = kept; }
  } exchange{bias, bias};
  bias = used.bias;
  return _conv_forward(x, used.weight);
}

LinearImpl::LinearImpl(torch::nn::LinearOptions options) : torch::nn::LinearImpl(options) {}
LinearImpl::~LinearImpl() = default;

torch::Tensor LinearImpl::forward(torch::Tensor input) {
  const Parameters used = parameters_in_use();
  torch::Tensor y = keeps_input(input)
                        ? detail::linear(input, input_quantizer(), used.weight, used.bias)
                        : at::linear(quantized_input(input), used.weight, used.bias);
  tap(input, weight, y);
  return y;
}

BatchNorm2dImpl::BatchNorm2dImpl(std::int64_t features, BatchNorm2dOptions o) : options(o) {
  weight = register_parameter("weight", torch::ones({features}));
  bias = register_parameter("bias", torch::zeros({features}));
  running_mean = register_buffer("running_mean", torch::zeros({features}));
  running_var = register_buffer("running_var", torch::ones({features}));
  num_batches_tracked = register_buffer("num_batches_tracked", torch::zeros({}, torch::kInt64));
}
BatchNorm2dImpl::BatchNorm2dImpl(const Conv2d& before, BatchNorm2dOptions o)
    : BatchNorm2dImpl(before->options.out_channels(), o) {
  before_ = before.ptr();
}
BatchNorm2dImpl::~BatchNorm2dImpl() = default;

torch::Tensor BatchNorm2dImpl::forward(const torch::Tensor& input) {
  if (input.size(0) > 0) last_elements_ = input.numel() / input.size(0);
  if (folding_ != Folding::kNone) return input;
  double momentum = options.momentum;
  if (is_training()) {
    // As torch::nn does: the variance of one value would make running_var NaN for good.
    TORCH_CHECK(input.numel() != input.size(1),
                "batch norm needs more than one value per channel in training, got ", input.sizes(),
                "; choose another batch_size, so that no last batch of one sample remains");
    num_batches_tracked.add_(1);
    if (momentum < 0) momentum = 1.0 / double(num_batches_tracked.item<std::int64_t>());
  }
  return at::batch_norm(input, weight, bias, running_mean, running_var, is_training(),
                        std::max(momentum, 0.0), options.eps,
                        at::globalContext().userEnabledCuDNN());
}

void BatchNorm2dImpl::reset_running_stats() {
  if (folding_ == Folding::kForGood) return;
  torch::NoGradGuard no_grad;
  running_mean.zero_();
  running_var.fill_(1);
  num_batches_tracked.zero_();
}

GlobalAvgPool2dImpl::~GlobalAvgPool2dImpl() = default;

torch::Tensor GlobalAvgPool2dImpl::forward(const torch::Tensor& input) {
  // One addition per element and one division per output.
  last_ops_ = input.size(1) * (input.size(2) * input.size(3) + 1);
  return input.mean({2, 3});
}

}  // namespace deneb::nn
