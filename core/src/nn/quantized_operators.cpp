#include "nn/quantized_operators.h"

#include <torch/csrc/autograd/custom_function.h>
#include <torch/utils.h>

#include <deneb/quant/buffer_handover.h>

namespace deneb::detail {
namespace {

using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::Function;
using torch::autograd::variable_list;
using OptionalTensor = c10::optional<Tensor>;  // a Function takes no undefined tensors

OptionalTensor given(const Tensor& tensor) {
  return tensor.defined() ? OptionalTensor(tensor) : OptionalTensor();
}

struct Source {
  Tensor input;
  std::shared_ptr<Quantizer> quantizer;
};

// Keeps a quantizer in the context of a Function, which takes plain values and this.
struct Holder final : torch::CustomClassHolder {
  explicit Holder(std::shared_ptr<Quantizer> q)
      : quantizer(std::move(q)), format(quantizer->format()) {}
  std::shared_ptr<Quantizer> quantizer;
  Format format;
};

// Parameters and buffers of the quantizer are saved too: autograd then notices when they change.
void save(AutogradContext* ctx, const Source& source, const Tensor& weight) {
  variable_list kept = {source.input, weight};
  for (const Tensor& p : source.quantizer->parameters()) kept.push_back(p);
  for (const Tensor& b : source.quantizer->buffers()) kept.push_back(b);
  ctx->save_for_backward(std::move(kept));
  ctx->saved_data["quantizer"] =
      c10::IValue::make_capsule(c10::make_intrusive<Holder>(source.quantizer));
}

c10::intrusive_ptr<Holder> holder_of(AutogradContext* ctx) {
  return c10::static_intrusive_pointer_cast<Holder>(ctx->saved_data["quantizer"].toCapsule());
}

void refuse_second_derivative() {
  TORCH_CHECK(!at::GradMode::is_enabled(),
              "a layer with quantized input has no second derivative; take it from the float "
              "network");
}

bool writes_over(AutogradContext* ctx) { return holder_of(ctx)->quantizer->traits().writes_over; }

// The quantized input once more, in the type that the operator computed in.
Tensor quantize_again(AutogradContext* ctx, const Tensor& input, torch::ScalarType type) {
  const auto holder = holder_of(ctx);
  TORCH_CHECK(holder->quantizer->format() == holder->format,
              "the format of a quantizer changed from ", holder->format.text(), " to ",
              holder->quantizer->format().text(),
              " between forward and backward pass; change it after the backward pass");
  return quantize(*holder->quantizer, input.detach()).to(type);
}

// `quantized` carries the gradient on to the quantizer, which is the only one to see it; it is not
// kept.
class Convolution final : public Function<Convolution> {
 public:
  static Tensor forward(AutogradContext* ctx, const Tensor& quantized, const Source& source,
                        const Tensor& weight, const OptionalTensor& bias,
                        const ConvolutionArguments& arguments) {
    const Tensor y = at::conv2d(quantized, weight, bias, arguments.stride, arguments.padding,
                                arguments.dilation, arguments.groups);
    save(ctx, source, weight.to(y.scalar_type()));  // autocast may have computed in bfloat16
    ctx->saved_data["stride"] = arguments.stride;
    ctx->saved_data["padding"] = arguments.padding;
    ctx->saved_data["dilation"] = arguments.dilation;
    ctx->saved_data["groups"] = arguments.groups;
    ctx->saved_data["bias"] = bias.has_value();
    return y;
  }

  static variable_list backward(AutogradContext* ctx, variable_list gradients) {
    refuse_second_derivative();
    const variable_list saved = ctx->get_saved_variables();
    const Tensor &g = gradients[0], &weight = saved[1];
    const bool for_weight = ctx->needs_input_grad(1);
    // Without a gradient for the weight the values of the input do not matter, only its shape.
    const Tensor x =
        for_weight ? quantize_again(ctx, saved[0], g.scalar_type()) : saved[0].to(g.scalar_type());
    const std::vector<std::int64_t> channels = {weight.size(0)};
    const auto list = [ctx](const char* name) { return ctx->saved_data[name].toIntVector(); };
    const auto all =
        at::convolution_backward(g, x, weight, at::OptionalIntArrayRef(channels), list("stride"),
                                 list("padding"), list("dilation"), /*transposed=*/false,
                                 /*output_padding=*/{0, 0}, ctx->saved_data["groups"].toInt(),
                                 {ctx->needs_input_grad(0), for_weight,
                                  ctx->saved_data["bias"].toBool() && ctx->needs_input_grad(2)});
    if (writes_over(ctx)) hand_over(std::get<0>(all));
    return {std::get<0>(all), Tensor(), std::get<1>(all), std::get<2>(all), Tensor()};
  }
};

class Product final : public Function<Product> {
 public:
  static Tensor forward(AutogradContext* ctx, const Tensor& quantized, const Source& source,
                        const Tensor& weight, const OptionalTensor& bias) {
    Tensor y;
    {
      // With three dimensions LibTorch returns a view, which nobody could write over.
      const at::AutoDispatchBelowADInplaceOrView untracked;
      y = at::linear(quantized, weight, bias);
    }
    save(ctx, source, weight.to(y.scalar_type()));
    ctx->saved_data["bias"] = bias.has_value();
    return y;
  }

  static variable_list backward(AutogradContext* ctx, variable_list gradients) {
    refuse_second_derivative();
    const variable_list saved = ctx->get_saved_variables();
    const Tensor &g = gradients[0], &weight = saved[1];
    const Tensor rows = g.reshape({-1, weight.size(0)});
    Tensor dx, dweight, dbias;
    if (ctx->needs_input_grad(0)) dx = rows.mm(weight).view(saved[0].sizes());
    if (ctx->needs_input_grad(1)) {
      const Tensor x = quantize_again(ctx, saved[0], g.scalar_type());
      dweight = rows.t().mm(x.reshape({-1, weight.size(1)}));
    }
    if (ctx->saved_data["bias"].toBool() && ctx->needs_input_grad(2)) dbias = rows.sum(0);
    if (writes_over(ctx)) hand_over(dx);
    return {dx, Tensor(), dweight, dbias};
  }
};

}  // namespace

Tensor quantize(Quantizer& quantizer, const Tensor& x) {
  const bool reduced = x.scalar_type() == torch::kBFloat16 || x.scalar_type() == torch::kHalf;
  const bool takes =
      !reduced || (x.scalar_type() == torch::kBFloat16 && quantizer.traits().takes_bfloat16);
  if (takes || quantizer.format().is_float32()) return quantizer.quantize(x);
  return quantizer.quantize(x.to(torch::kFloat32)).to(x.scalar_type());
}

Tensor conv2d(const Tensor& input, const std::shared_ptr<Quantizer>& quantizer,
              const Tensor& weight, const Tensor& bias, const ConvolutionArguments& arguments) {
  return Convolution::apply(quantize(*quantizer, input), Source{input, quantizer}, weight,
                            given(bias), arguments);
}

Tensor linear(const Tensor& input, const std::shared_ptr<Quantizer>& quantizer,
              const Tensor& weight, const Tensor& bias) {
  return Product::apply(quantize(*quantizer, input), Source{input, quantizer}, weight, given(bias));
}

}  // namespace deneb::detail
