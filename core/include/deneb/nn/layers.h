#pragma once

#include <torch/nn/modules/conv.h>
#include <torch/nn/modules/linear.h>

#include <deneb/nn/quant_layer.h>

/// Layers that networks are written with. Names, options and parameters are LibTorch's. Linear and
/// convolution begin with LibTorch's initial values, or without any: see nn/initialization.h.
namespace deneb::nn {

class DENEB_API Conv2dImpl : public torch::nn::Conv2dImpl, public QuantLayer {
 public:
  explicit Conv2dImpl(torch::nn::Conv2dOptions options);
  ~Conv2dImpl() override;
  /// Evaluation spares memory where the caller gives its tensor away: conv(std::move(x)).
  torch::Tensor forward(torch::Tensor input);

  std::string op() const override { return "conv2d"; }
  torch::Tensor& float_weight() override { return weight; }
  const torch::Tensor& float_bias() const override { return bias; }
  std::int64_t groups() const override { return options.groups(); }
  Geometry geometry() const override;
  std::vector<std::int64_t> output_shape(const torch::Tensor& input) const override;

 protected:
  torch::nn::Module& module() override { return *this; }

 private:
  torch::Tensor pad_and_convolve(const torch::Tensor& x, const Parameters& used);
};
TORCH_MODULE(Conv2d);

class DENEB_API LinearImpl : public torch::nn::LinearImpl, public QuantLayer {
 public:
  explicit LinearImpl(torch::nn::LinearOptions options);
  LinearImpl(std::int64_t in, std::int64_t out) : LinearImpl(torch::nn::LinearOptions(in, out)) {}
  ~LinearImpl() override;
  torch::Tensor forward(torch::Tensor input);

  std::string op() const override { return "linear"; }
  torch::Tensor& float_weight() override { return weight; }
  const torch::Tensor& float_bias() const override { return bias; }
  std::int64_t groups() const override { return 1; }
  std::vector<std::int64_t> output_shape(const torch::Tensor& input) const override;

 protected:
  torch::nn::Module& module() override { return *this; }
};
TORCH_MODULE(Linear);

struct BatchNorm2dOptions {
  double eps = 1e-5;
  double momentum = 0.1;  ///< weight of the newest batch; < 0 = cumulative average
};

/// Batch norm over [N, C, H, W] with LibTorch's arithmetic and names (weight, bias, running_mean,
/// running_var, num_batches_tracked). A class of its own, because LibTorch does not export what a
/// subclass of its class needs, and because searches recalibrate or switch the statistics.
class DENEB_API BatchNorm2dImpl : public torch::nn::Module {
 public:
  explicit BatchNorm2dImpl(std::int64_t features, BatchNorm2dOptions options = {});
  /// For the output of `before`, which nothing else uses: the two can be folded into one.
  explicit BatchNorm2dImpl(const Conv2d& before, BatchNorm2dOptions options = {});
  ~BatchNorm2dImpl() override;
  torch::Tensor forward(const torch::Tensor& input);
  /// Does nothing to a norm that is folded for good.
  void reset_running_stats();
  /// Elements of the last output for one sample (0 before the first forward pass).
  std::int64_t last_elements() const { return last_elements_; }
  /// The convolution that it was made for, or nullptr.
  std::shared_ptr<Conv2dImpl> before() const { return before_.lock(); }
  /// A folded norm returns its input: the convolution before it does its work. For a time (see
  /// nn/frozen_weights.h) or for good (see nn/fold_batch_norms.h).
  enum class Folding { kNone, kForATime, kForGood };
  void set_folding(Folding folding) { folding_ = folding; }
  Folding folding() const { return folding_; }

  BatchNorm2dOptions options;
  torch::Tensor weight, bias, running_mean, running_var, num_batches_tracked;

 private:
  std::weak_ptr<Conv2dImpl> before_;
  std::int64_t last_elements_ = 0;
  Folding folding_ = Folding::kNone;
};
TORCH_MODULE(BatchNorm2d);

/// Mean over the spatial dimensions: [N, C, H, W] -> [N, C].
class DENEB_API GlobalAvgPool2dImpl : public torch::nn::Module {
 public:
  ~GlobalAvgPool2dImpl() override;
  torch::Tensor forward(const torch::Tensor& input);
  /// Additions and divisions of the last pass for one sample.
  std::int64_t last_ops() const { return last_ops_; }

 private:
  std::int64_t last_ops_ = 0;
};
TORCH_MODULE(GlobalAvgPool2d);

}  // namespace deneb::nn
