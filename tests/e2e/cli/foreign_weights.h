#pragma once

#include <deneb/io/weight_file.h>
#include <deneb/nn/load_state.h>

#include <string>

#include "support/pytorch_file.h"

namespace cli_test {

/// The file as public ResNets for CIFAR-10 are: a checkpoint of PyTorch with the state_dict of a
/// wrapped model, whose last layer is called linear, without counters of batch norms.
inline void write_public_style(const std::string& path, const deneb::TensorFile& file) {
  deneb::TensorFile foreign;
  for (const auto& [name, tensor] : file.tensors) {
    if (name.find("num_batches_tracked") != std::string::npos) continue;
    foreign.tensors.emplace_back("module." + deneb::renamed(name, {{"fc.", "linear."}}), tensor);
  }
  pytorch_file::write_state(path, foreign.tensors, "state_dict");
}

}  // namespace cli_test
