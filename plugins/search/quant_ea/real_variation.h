#pragma once

#include <utility>

namespace deneb::quant_ea {

/// Both children of simulated binary crossover in the bounds [lower, upper] for one uniform draw
/// u in [0, 1); the first is the one next to the smaller parent. Parents may be equal.
/// Source: Deb and Agrawal 1995, in the bounded form of Deb's NSGA-II code.
std::pair<double, double> sbx_children(double first, double second, double lower, double upper,
                                       double eta, double u);

/// Polynomial mutation of one gene for one uniform draw u in [0, 1).
/// Source: Deb and Agrawal 1999, bounded form.
double polynomial_mutation(double value, double lower, double upper, double eta, double u);

}  // namespace deneb::quant_ea
