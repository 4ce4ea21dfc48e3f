#include "pipeline/section_checks.h"

#include <deneb/options/config.h>

#include <filesystem>

namespace deneb::detail {
namespace {

void check_start_weights(const SectionParts& parts, const ValidationContext& context) {
  const std::string& weights = parts.section().weights;
  if (weights.empty() || std::filesystem::exists(weights)) {
    parts.check_weights();
    return;
  }
  const EarlierStep* maker = context.maker(weights, "weights");
  if (!maker || maker->outlook.network.type.empty()) return;
  parts.check_weights_of(maker->outlook.network, "those of step " + maker->name);
}

// A cost model may lack figures for some formats; those of files to come are not there yet.
void check_costs(const SectionParts& parts, const BitPolicy& policy) {
  for (const std::string& name : parts.cost_names()) {
    try {
      parts.cost_model(name).total(parts.network_info(), policy);
    } catch (const DataError&) {
      continue;
    }
  }
}

// Does the dataset's block say where files are?
bool names_files(const PluginSpec& dataset, const Registry& registry) {
  nlohmann::ordered_json options = dataset.options;
  bool named = false;
  visit_files(
      registry.at(Dataset::kKind, dataset.type).options, options, "dataset", registry,
      [&](const std::string&, const FileRef&, std::string& path) { named |= !path.empty(); });
  return named;
}

void check_data(const SectionParts& parts, const ValidationContext& context) {
  try {
    parts.dataset().check_files();
  } catch (const DataError& e) {
    context.add(names_files(parts.section().dataset, context.registry) ? Finding::Kind::kNoData
                                                                       : Finding::Kind::kNoDataHere,
                e.what());
  }
}

}  // namespace

void check_section(const SectionParts& parts, const std::vector<BitPolicy>& policies,
                   const ValidationContext& context) {
  for (const BitPolicy& policy : policies) {
    parts.check_formats(policy);
    check_costs(parts, policy);
  }
  parts.check_trainer(policies);
  check_start_weights(parts, context);
  check_data(parts, context);
}

}  // namespace deneb::detail
