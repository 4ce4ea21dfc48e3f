#pragma once

#include <torch/types.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <random>
#include <vector>

/// Second derivatives of a loss along the weights of one layer, as products with vectors: nothing
/// of the size of the Hessian is ever made.
namespace deneb::emq {

struct HessianOptions {
  int draws = 100;          ///< most vectors, or steps of the power iteration; 1 or more
  double tolerance = 1e-3;  ///< ends when the estimate changes by less than this share; 0 = never
};

/// The blocks of the Hessian on its diagonal, one for each weight tensor. Keeps the graph of the
/// loss and of its gradient alive.
class BlockHessian {
 public:
  /// `loss`: a scalar with graph. `weights`: leaves that require gradients; one that the loss does
  /// not depend on has a Hessian of zeros. Nothing where LibTorch cannot take derivatives along
  /// these weights alone (transformers, 1.13): see difference_product().
  static std::optional<BlockHessian> of(const torch::Tensor& loss,
                                        std::vector<torch::Tensor> weights);

  std::size_t size() const { return weights_.size(); }
  /// H_i v for the block of weight i; v has its shape. No graph.
  torch::Tensor product(std::size_t i, const torch::Tensor& v) const;

 private:
  BlockHessian(std::vector<torch::Tensor> weights, std::vector<torch::Tensor> gradients)
      : weights_(std::move(weights)), gradients_(std::move(gradients)) {}

  std::vector<torch::Tensor> weights_, gradients_;
};

/// H v without second derivatives, from the gradients at weight + e v and weight - e v, where e v
/// is a thousandth of the weight in norm. `gradient`: by the weight, at its present values, which
/// are put back afterwards, also when it throws. Errors are of the order of e^2, and of the
/// gradient's rounding over e.
torch::Tensor difference_product(const torch::Tensor& weight, const torch::Tensor& v,
                                 const std::function<torch::Tensor()>& gradient);

/// What an iteration arrived at.
struct HessianEstimate {
  double value = 0;
  int products = 0;        ///< of the Hessian with a vector
  bool converged = false;  ///< the tolerance was met within the draws
};

using HessianProduct = std::function<torch::Tensor(const torch::Tensor&)>;

/// Hutchinson's estimator (1990): the mean of v'Hv over vectors of -1 and 1, which is the trace in
/// expectation. `like`: a tensor with the shape, type and device of v.
HessianEstimate hutchinson_trace(const HessianProduct& product, const torch::Tensor& like,
                                 const HessianOptions& options, std::mt19937_64& rng);

/// The eigenvalue of largest magnitude, with its sign, by power iteration from a normally
/// distributed vector.
HessianEstimate top_eigenvalue(const HessianProduct& product, const torch::Tensor& like,
                               const HessianOptions& options, std::mt19937_64& rng);

}  // namespace deneb::emq
