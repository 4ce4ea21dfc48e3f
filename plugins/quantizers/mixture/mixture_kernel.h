#pragma once

#include <cstdint>
#include <vector>

/// The weighted sum of quantizers of several widths on float32 in host memory: one pass over memory
/// forward, one backward, whatever the number of candidates.
namespace deneb::quantizers {

enum class MixtureKind {
  kHalfWave,  ///< level(x) = round(clamp(x, low, high) / divisor)
  kMidRise,   ///< round(clamp(x / divisor + 1/2, low, high)) - 1/2
  kLearned    ///< round(clamp(x / divisor, low, high))
};

/// Its part of the sum is level(x) * scale * share. `divisor` > 0; `scale` is the divisor, or 0 for
/// weights without spread. Levels are below 2^22.
struct MixtureCandidate {
  float divisor, scale, share, low, high;
};
using MixtureCandidates = std::vector<MixtureCandidate>;

/// `count` values that all candidates read (stride 0), or `count` for each of them, `stride` apart.
struct MixtureInput {
  const float* values;
  std::int64_t count, stride;
};

/// y [count] = the sum. y may be the values that all candidates read.
void mixture_forward(MixtureKind kind, MixtureInput x, float* y,
                     const MixtureCandidates& candidates);

/// One for each candidate, with v = x / divisor.
struct MixtureSums {
  std::vector<double> level;     ///< of g level(x)
  std::vector<double> residual;  ///< of g (round(v) - v) inside and g level(x) outside; kLearned
};

/// Gradients of the forward pass for the upstream gradient g [count]. Writes to dx, unless that is
/// null, g times the sum of the shares of the candidates that x is inside of; where every candidate
/// has values of its own, a tensor like x with g times its share where inside. Inside is
/// low <= x <= high (kHalfWave), everywhere (kMidRise), low <= v <= high (kLearned). Where all
/// candidates read the same values dx may be g. Independent of the number of threads.
MixtureSums mixture_backward(MixtureKind kind, MixtureInput x, const float* g, float* dx,
                             const MixtureCandidates& candidates);

}  // namespace deneb::quantizers
