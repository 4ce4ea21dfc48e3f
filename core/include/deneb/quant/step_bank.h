#pragma once

#include <torch/types.h>

#include <vector>

#include <deneb/errors.h>

namespace deneb {

/// A quantizer that learns a step size for every width that its layer may take, and keeps all of
/// them when the format changes. Found by dynamic_cast of a layer's Quantizer; everything here may
/// be called after Quantizer::attach().
class DENEB_API StepBank {
 public:
  virtual ~StepBank();

  /// The widths of the bank in the order of steps(); empty where the quantizer keeps one step size
  /// only, that of its present format.
  virtual std::vector<int> widths() const = 0;
  /// The learned parameter, registered with the quantizer: [widths], or [widths, output channels];
  /// without the first dimension where widths() is empty. Steps that no tensor has set yet are 1.
  virtual torch::Tensor steps() const = 0;
};

}  // namespace deneb
