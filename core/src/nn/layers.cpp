#include <deneb/nn/initialization.h>
#include <deneb/nn/layers.h>
#include <torch/utils.h>

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

// LibTorch's constructors draw initial weights: where none are wanted, those of the smallest layer
// of the kind, which is then given its real size.
torch::nn::Conv2dOptions as_made(torch::nn::Conv2dOptions options) {
  if (!SkipInitialization::is_active()) return options;
  const std::int64_t groups = options.groups();
  return options.in_channels(groups).out_channels(groups);
}
torch::nn::LinearOptions as_made(torch::nn::LinearOptions options) {
  return SkipInitialization::is_active() ? options.in_features(1).out_features(1) : options;
}

void set_size(torch::Tensor& weight, torch::Tensor& bias, const std::vector<std::int64_t>& shape) {
  if (weight.sizes() == shape) return;
  weight.set_data(torch::empty(shape));
  if (bias.defined()) bias.set_data(torch::empty({shape[0]}));
}

}  // namespace

Conv2dImpl::Conv2dImpl(torch::nn::Conv2dOptions wanted) : torch::nn::Conv2dImpl(as_made(wanted)) {
  options.in_channels(wanted.in_channels()).out_channels(wanted.out_channels());
  const auto& kernel = *wanted.kernel_size();
  set_size(weight, bias,
           {wanted.out_channels(), wanted.in_channels() / wanted.groups(), kernel[0], kernel[1]});
}
Conv2dImpl::~Conv2dImpl() = default;

std::vector<std::int64_t> Conv2dImpl::output_shape(const torch::Tensor& input) const {
  TORCH_CHECK(input.dim() == 4 && input.size(1) == options.in_channels(), "a convolution of ",
              options.in_channels(), " channels cannot take an input of shape ", input.sizes());
  const Geometry geometry = this->geometry();
  std::vector<std::int64_t> shape = {input.size(0), options.out_channels()};
  for (std::size_t i = 0; i < 2; ++i) {
    const std::int64_t reach = geometry.dilation[i] * ((*options.kernel_size())[i] - 1) + 1;
    const std::int64_t room = input.size(std::int64_t(i) + 2) + 2 * geometry.padding[i] - reach;
    using std::get_if;
    const bool same = get_if<torch::enumtype::kSame>(&options.padding()) != nullptr;
    TORCH_CHECK(same || room >= 0, "a convolution whose kernel reaches over ", reach,
                " pixels cannot take an input of shape ", input.sizes());
    shape.push_back(same ? input.size(std::int64_t(i) + 2) : room / geometry.stride[i] + 1);
  }
  return shape;
}

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
  if (stands_in()) return stand_in(input, 1);
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

LinearImpl::LinearImpl(torch::nn::LinearOptions wanted) : torch::nn::LinearImpl(as_made(wanted)) {
  options.in_features(wanted.in_features()).out_features(wanted.out_features());
  set_size(weight, bias, {wanted.out_features(), wanted.in_features()});
}
LinearImpl::~LinearImpl() = default;

std::vector<std::int64_t> LinearImpl::output_shape(const torch::Tensor& input) const {
  TORCH_CHECK(input.dim() > 0 && input.size(-1) == options.in_features(), "a linear layer of ",
              options.in_features(), " inputs cannot take an input of shape ", input.sizes());
  std::vector<std::int64_t> shape = input.sizes().vec();
  shape.back() = options.out_features();
  return shape;
}

torch::Tensor LinearImpl::forward(torch::Tensor input) {
  if (stands_in()) return stand_in(input, input.dim() - 1);
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
