#pragma once

#include <torch/nn/module.h>

#include <string>

namespace deneb::networks {

/// The module of that dotted name below `parent`, made where it is missing.
torch::nn::Module& below(torch::nn::Module& parent, const std::string& name);

}  // namespace deneb::networks
