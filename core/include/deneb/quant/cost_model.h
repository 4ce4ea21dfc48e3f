#pragma once

#include <string>

#include <deneb/errors.h>
#include <deneb/quant/layer_info.h>
#include <deneb/quant/policy.h>

namespace deneb {

/// Price of a policy, from layer facts alone (no training, no tensors). Thread-safe.
class DENEB_API CostModel {
 public:
  static constexpr const char* kKind = "cost_model";
  virtual ~CostModel();

  /// Additive share of one layer: what integer programs and expectations need.
  virtual double layer(const LayerInfo& info, const LayerChoice& choice) const = 0;
  /// Part that no choice changes (batch norms, pooling). Default 0.
  virtual double constant(const NetworkInfo& network) const;
  /// constant + sum of layer(); layers that the policy does not list count as float32.
  virtual double total(const NetworkInfo& network, const BitPolicy& policy) const;
  /// "bit operations", "bits", "FLOPs", "parameters".
  virtual std::string unit() const = 0;
  /// Place among the costs that tables of trained models always show: 1 for the first, which also
  /// says how models are ordered, 2 for the next one; costs of equal rank go by name. 0, the
  /// default: only where it is asked for.
  virtual int table_rank() const;
};

}  // namespace deneb
