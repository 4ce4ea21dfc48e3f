#pragma once

#include <torch/types.h>

#include <functional>
#include <memory>
#include <vector>

#include <deneb/quant/quantizer.h>

namespace deneb::fliqs {

/// The methods of all candidate formats of one tensor side by side, one of which works at a time.
/// set_format() picks it: no memory is allocated, nothing is calibrated anew, and what a format has
/// learned waits for its next turn. Submodules are named by format ("int4", "e2m1").
class FormatSwitch final : public Quantizer {
 public:
  using Factory = std::function<std::shared_ptr<Quantizer>(const Format&)>;
  /// `formats`: one or more, no two alike; float32 leaves the tensor as it is.
  FormatSwitch(const std::vector<Format>& formats, const Factory& make);

  void attach(const QuantizerSite& site) override;
  bool accepts(const Format& format) const override;
  void set_format(const Format& format) override;
  Format format() const override { return options_[active_].format; }
  QuantizerTraits traits() const override;
  bool needs_calibration() const override;
  void start_calibration() override;
  void finish_calibration() override;
  torch::Tensor quantize(const torch::Tensor& x) override;

 private:
  struct Option {
    Format format;
    std::shared_ptr<Quantizer> quantizer;  // nullptr for float32
  };
  std::vector<Option> options_;
  std::size_t active_ = 0;
  std::vector<std::shared_ptr<Quantizer>> calibrating_;
};

}  // namespace deneb::fliqs
