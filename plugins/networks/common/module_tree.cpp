#include "module_tree.h"

namespace deneb::networks {

torch::nn::Module& below(torch::nn::Module& parent, const std::string& name) {
  const std::size_t dot = name.find('.');
  const std::string first = name.substr(0, dot);
  const auto children = parent.named_children();
  const auto* found = children.find(first);
  const auto child =
      found ? *found : parent.register_module(first, std::make_shared<torch::nn::Module>());
  return dot == std::string::npos ? *child : below(*child, name.substr(dot + 1));
}

}  // namespace deneb::networks
