#pragma once

#include <torch/types.h>

#include <vector>

/// Orthogonality of layers and what Ma et al. 2023 (OMPQ, AAAI, arXiv 2109.07865) make of it.
namespace deneb::emq {

/// K = F F' of features F [samples, ...], centered over rows and columns: [samples, samples],
/// float64.
torch::Tensor centered_gram(const torch::Tensor& features);

/// <A, B> / (|A| |B|) of two such matrices: 0 = orthogonal, 1 = alike up to rotation and scale
/// (linear CKA). 0 where one of them is all zeros.
double orthogonality(const torch::Tensor& gram_a, const torch::Tensor& gram_b);

/// By layer: the sum of its orthogonality() with all others. The larger, the more it repeats them.
std::vector<double> redundancies(const std::vector<torch::Tensor>& grams);

/// exp(-beta redundancy): what a bit is worth in each layer.
std::vector<double> orthogonal_worths(const std::vector<double>& redundancies, double beta);

/// Minimize sum c_i x_i with sum u_i x_i <= budget and least_i <= x_i <= most_i; uses u_i > 0.
struct BoxProgram {
  std::vector<double> costs, uses, least, most;
  double budget = 0;
};

/// The optimum of that linear program: what gains most per use is raised first (Dantzig 1957), so
/// that one x at most lies between its bounds. Of equal gains the earlier goes first. RunError when
/// the least values do not fit the budget.
std::vector<double> solve_box_program(const BoxProgram& program);

/// Costs of OMPQ's linear program, as its code has them: for layer i minus the mean worth of layers
/// i, i + 1, ...
std::vector<double> suffix_mean_costs(const std::vector<double>& worths);

/// Every value rounded up or down, so that sum u_i x_i is as large as can be without going above
/// that of the given values; of equal sums the one that the search from the last value on, down
/// before up, meets first.
std::vector<int> round_within(const std::vector<double>& values, const std::vector<double>& uses);

/// Every value to the nearest, halves to even.
std::vector<int> round_to_nearest(const std::vector<double>& values);

}  // namespace deneb::emq
