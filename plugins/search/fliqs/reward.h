#pragma once

#include <string>
#include <vector>

namespace deneb::fliqs {

/// What a sampled policy earns, from its quality q (a loss with its sign turned, or an accuracy)
/// and its cost C beside the target C0, rho = C / C0.
/// - `tunas_abs`: q - beta |1 - rho| (Bender et al. 2020): cheaper than the target is punished too
/// - `one_sided_tunas_abs`: q - beta (max(1, rho) - 1)
/// - `soft_exponential`: q rho^beta (Tan et al. 2019)
/// - `hard_exponential`: q max(1, rho)^beta
/// The exponential forms punish cost with a positive beta where q is negative, and with a negative
/// one where q is positive.
double reward(const std::string& form, double quality, double cost_ratio, double beta);

/// Names of the forms, the default first.
std::vector<std::string> reward_forms();

/// beta with the sign that makes cost a loss: positive in the two differences, the sign of -q in
/// the exponential forms. `quality` is any value that the quality takes.
double punishing_beta(const std::string& form, double beta, double quality);

}  // namespace deneb::fliqs
