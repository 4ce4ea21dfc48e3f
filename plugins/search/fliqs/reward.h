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

/// Advantages of the decisions of a policy that earned `earned`, each over a baseline of its own:
/// the reward for the usual quality at `cost_ratios[i]`, the ratio of the policy's cost to the
/// target with decision i averaged out. Since that does not depend on what decision i took, the
/// gradient of REINFORCE stays unbiased, and what the others cost is no noise in it
/// (action-dependent factorized baselines, Wu et al., ICLR 2018, arXiv 1803.07246; the cost is
/// known, so that no baseline has to be learned).
std::vector<double> advantages_by_decision(const std::string& form, double earned,
                                           double usual_quality,
                                           const std::vector<double>& cost_ratios, double beta);

/// Names of the forms, the default first.
std::vector<std::string> reward_forms();

/// beta with the sign that makes cost a loss: positive in the two differences, the sign of -q in
/// the exponential forms. `quality` is any value that the quality takes.
double punishing_beta(const std::string& form, double beta, double quality);

}  // namespace deneb::fliqs
