#include "reward.h"

#include <algorithm>
#include <cmath>

#include <deneb/errors.h>

namespace deneb::fliqs {
namespace {

bool is_exponential(const std::string& form) {
  return form == "soft_exponential" || form == "hard_exponential";
}

}  // namespace

double reward(const std::string& form, double quality, double cost_ratio, double beta) {
  if (form == "tunas_abs") return quality - beta * std::abs(1 - cost_ratio);
  if (form == "one_sided_tunas_abs") return quality - beta * (std::max(1.0, cost_ratio) - 1);
  if (form == "soft_exponential") return quality * std::pow(cost_ratio, beta);
  if (form == "hard_exponential") return quality * std::pow(std::max(1.0, cost_ratio), beta);
  throw ConfigError("reward: there is no form '" + form + "'");
}

std::vector<double> advantages_by_decision(const std::string& form, double earned,
                                           double usual_quality,
                                           const std::vector<double>& cost_ratios, double beta) {
  std::vector<double> advantages;
  for (const double ratio : cost_ratios) {
    advantages.push_back(earned - reward(form, usual_quality, ratio, beta));
  }
  return advantages;
}

std::vector<std::string> reward_forms() {
  return {"tunas_abs", "one_sided_tunas_abs", "soft_exponential", "hard_exponential"};
}

double punishing_beta(const std::string& form, double beta, double quality) {
  const double size = std::abs(beta);
  return is_exponential(form) && quality > 0 ? -size : size;
}

}  // namespace deneb::fliqs
