#pragma once

#include <cstdint>
#include <string>

#include <deneb/options/options.h>

namespace deneb::reconstruction {

/// The second pass: step sizes of activations, with the weights as the first pass left them.
struct ActivationOptions {
  std::int64_t iterations = 5000;
  double lr = 4e-4;
  double exponent = 2.4;
  std::string inputs = "float";

  template <class V>
  void visit(V& v) {
    v("iterations", iterations, "per unit; 0 = the ranges stay as calibration set them", {0, 1e9});
    v("lr", lr, "of Adam at the start; falls to 0 by a cosine", {0, 1e3});
    v("exponent", exponent, "power of the error of an output", {0.1, 100});
    v("inputs", inputs, "of a unit: what the float network gives it, or the quantized one",
      {"float", "quantized"});
  }
};

/// Defaults are those of BRECQ (Li et al. 2021).
struct BlockReconstructionOptions {
  std::int64_t iterations = 20000;
  std::int64_t batch_size = 32;
  std::int64_t samples = 1024;
  std::int64_t calibration_samples = 64;
  double lr = 1e-3;
  std::string loss = "mse";
  double exponent = 2;
  std::string inputs = "quantized";
  bool skip_first = true;
  double rounding_weight = 0.01;
  double temperature_start = 20;
  double temperature_end = 2;
  double warmup = 0.2;
  double drop_probability = 0;
  bool keep_better = true;
  ActivationOptions activation;

  template <class V>
  void visit(V& v) {
    v("iterations", iterations, "per unit, of the rounding of weights; 0 = round to the nearest",
      {0, 1e9});
    v("batch_size", batch_size, "samples per iteration", {1, 1e6});
    v("samples", samples, "training samples that it learns from, without their labels", {1, 1e9});
    v("calibration_samples", calibration_samples,
      "samples, the first of those, that set the ranges of activations", {1, 1e9});
    v("lr", lr, "of Adam, for the rounding", {0, 1e3});
    v("loss", loss,
      "mse: errors of all outputs of a unit count alike; fisher_diag: more where the answers of "
      "the "
      "network depend on them",
      {"mse", "fisher_diag"});
    v("exponent", exponent, "power of the error of an output", {0.1, 100});
    v("inputs", inputs, "of a unit: what the float network gives it, or the quantized one",
      {"float", "quantized"});
    v("skip_first", skip_first, "the weights of the first unit are rounded to the nearest");
    v("rounding_weight", rounding_weight,
      "of the regularizer that drives every weight up or down, in the loss", {0, 1e6});
    v("temperature_start", temperature_start, "exponent beta of the regularizer at the start",
      {0.01, 1e3});
    v("temperature_end", temperature_end, "and at the end", {0.01, 1e3});
    v("warmup", warmup, "share of the iterations without the regularizer", {0, 1});
    v("drop_probability", drop_probability,
      "QDrop: while weights are learned, activations are quantized but for this share of their "
      "values, drawn anew each time, and their steps learn too; 0 = activations have their own "
      "pass",
      {0, 1});
    v("keep_better", keep_better,
      "a unit that came out worse than it was goes back to what it was");
    v("activation", activation, "the pass over activations");
  }
  void check(OptionErrors& errors) const {
    if (temperature_end > temperature_start) {
      errors.add("temperature_end", "is above temperature_start; it falls from that to this");
    }
  }
};

}  // namespace deneb::reconstruction
