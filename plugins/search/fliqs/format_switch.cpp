#include "format_switch.h"

#include <algorithm>

#include <deneb/errors.h>

namespace deneb::fliqs {

FormatSwitch::FormatSwitch(const std::vector<Format>& formats, const Factory& make) {
  for (const Format& format : formats) {
    Option option{format, format.is_float32() ? nullptr : make(format)};
    if (option.quantizer) register_module(format.text(), option.quantizer);
    options_.push_back(std::move(option));
  }
}

void FormatSwitch::attach(const QuantizerSite& site) {
  for (Option& option : options_) {
    if (!option.quantizer) continue;
    option.quantizer->attach(site);
    option.quantizer->set_format(option.format);
  }
}

bool FormatSwitch::accepts(const Format& format) const {
  return std::any_of(options_.begin(), options_.end(),
                     [&](const Option& option) { return option.format == format; });
}

void FormatSwitch::set_format(const Format& format) {
  const auto found = std::find_if(options_.begin(), options_.end(),
                                  [&](const Option& option) { return option.format == format; });
  if (found == options_.end()) {
    throw ConfigError("FLIQS: " + format.text() + " is no candidate of this tensor");
  }
  active_ = std::size_t(found - options_.begin());
}

QuantizerTraits FormatSwitch::traits() const {
  const auto& quantizer = options_[active_].quantizer;
  if (!calibrating_.empty()) return {};
  return quantizer ? quantizer->traits() : QuantizerTraits{};
}

bool FormatSwitch::needs_calibration() const {
  return std::any_of(options_.begin(), options_.end(), [](const Option& option) {
    return option.quantizer && option.quantizer->needs_calibration();
  });
}

void FormatSwitch::start_calibration() {
  calibrating_.clear();
  for (const Option& option : options_) {
    if (!option.quantizer || !option.quantizer->needs_calibration()) continue;
    option.quantizer->start_calibration();
    calibrating_.push_back(option.quantizer);
  }
}

void FormatSwitch::finish_calibration() {
  for (const auto& quantizer : calibrating_) quantizer->finish_calibration();
  calibrating_.clear();
}

torch::Tensor FormatSwitch::quantize(const torch::Tensor& x) {
  if (!calibrating_.empty()) {
    for (const auto& quantizer : calibrating_) quantizer->quantize(x);
    return x;
  }
  const auto& quantizer = options_[active_].quantizer;
  return quantizer ? quantizer->quantize(x) : x;
}

}  // namespace deneb::fliqs
