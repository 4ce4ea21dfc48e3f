#pragma once

#include <map>
#include <string>
#include <vector>

#include <deneb/search/search_algorithm.h>

#include "hessian.h"
#include "score_table.h"
#include "statistics.h"

/// What a network shows to evolved proxies.
namespace deneb::emq {

/// An input of genotypes.
struct InputKind {
  std::string name;
  bool in_paper = false;  ///< one of the four that the authors' code draws
  const char* help;
};
/// All that there are.
const std::vector<InputKind>& input_kinds();
std::vector<std::string> input_names();
/// The paper's: act, grad, virtual_grad, weight.
std::vector<std::string> paper_inputs();

struct InputsRequest {
  std::vector<std::string> inputs;  ///< of input_names()
  std::vector<int> widths;          ///< of weights, for inputs that know widths
  int samples = 64;
  HessianOptions hessian;
};

/// Statistics of one batch of training samples, of every layer of the network that the step starts
/// from, and the errors that the step's weight quantizer makes in each at every width.
class NetworkInputs {
 public:
  /// Resumable where the Hessian is asked for. Errors: those of collect_statistics() and
  /// quantizers; ConfigError for an input that is not known.
  NetworkInputs(SearchContext& context, const InputsRequest& request);

  /// For tables over these layers and widths, which were requested. clean: statistics go by the
  /// names of layers. compat: layer i gets the statistics of the i-th convolution of the network,
  /// whatever it is called, and the gradients of the last convolution but i. ConfigError that
  /// begins with `where` for a layer that the forward pass does not meet, or fewer convolutions
  /// than layers.
  Inputs of(const std::vector<std::string>& layers, const std::vector<int>& widths,
            Semantics semantics, const std::string& where) const;

  const StatisticsWork& work() const { return work_; }

 private:
  struct Layer {
    LayerStatistics statistics;
    bool is_convolution = false;
    /// By width: W - Q(W), and the squared error of the output, [1, ...], a mean over samples.
    std::map<int, at::Tensor> weight_error, output_error;
  };
  at::Tensor plain(const Layer& layer, const std::string& input) const;
  at::Tensor error(const Layer& layer, const std::string& input, int width) const;

  std::vector<std::string> inputs_;
  std::vector<Layer> layers_;  // in forward order
  StatisticsWork work_;
};

}  // namespace deneb::emq
