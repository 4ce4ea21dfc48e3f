#pragma once

#include <deneb/io/safetensors.h>
#include <torch/types.h>

#include <map>
#include <string>

#include "program.h"

namespace cli_test {

/// Samples of the Digits test part, and how many of them are an eight: a fifth of the 1797 images,
/// class by class (174 eights).
constexpr int kTestDigits = 355, kTestEights = 34;

/// A linear classifier that answers eight to everything. `metadata` as in a safetensors header.
inline std::string eights_weights(const Folder& folder,
                                  const std::map<std::string, std::string>& metadata = {}) {
  deneb::TensorFile file;
  const torch::Tensor bias = torch::zeros({10});
  bias[8] = 1;
  file.tensors = {{"fc1.weight", torch::full({10, 64}, 1e-3)}, {"fc1.bias", bias}};
  file.metadata = metadata;
  const std::string path = folder.path() + "/eights.safetensors";
  deneb::write_safetensors(path, file);
  return path;
}

/// A pipeline with one EvaluatePipeStep "judge" for such weights.
inline std::string digits_pipeline(const std::string& weights = "") {
  return R"({
    "general": {"reports": ["html"]},
    "pipeline": ["judge"],
    "judge": {
      "pipe_step": {"type": "EvaluatePipeStep"},
      "network": {"type": "MLP", "hidden": []},
      "dataset": {"type": "Digits"},
      "weights": ")" +
         weights + "\"\n}}\n";
}

}  // namespace cli_test
