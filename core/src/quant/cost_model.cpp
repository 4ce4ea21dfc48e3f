#include <deneb/quant/cost_model.h>

namespace deneb {

CostModel::~CostModel() = default;

double CostModel::constant(const NetworkInfo&) const { return 0; }

double CostModel::total(const NetworkInfo& network, const BitPolicy& policy) const {
  double sum = constant(network);
  for (const LayerInfo& info : network.layers) {
    const LayerChoice* choice = policy.find(info.name);
    sum += layer(info, choice ? *choice : LayerChoice{});
  }
  return sum;
}

int CostModel::table_rank() const { return 0; }

}  // namespace deneb
