#pragma once

#include <deneb/errors.h>
#include <deneb/nn/network.h>

namespace deneb {

/// Folds batch norms that were made for a convolution (nn::BatchNorm2d(conv)) into its weight and
/// bias for good, as reconstruction wants it. In evaluation mode outputs differ by rounding only.
/// The norms then pass their inputs on in training too, and their statistics stay; norms made for
/// no convolution stay as they are. Folded norms are skipped.
///
/// The names of the state do not change, and it stays loadable by a network that is not folded,
/// where it gives the same outputs up to rounding: a folded norm holds weight 1, running_mean 0 and
/// running_var 1 - eps, which do nothing. Where the convolution has a bias, that holds the shift,
/// and the norm's bias is 0. Where it has none, it adds the norm's bias, which is trained with it.
/// load_state() refuses weights that are not folded for a network that is.
///
/// RunError, before any change, when a convolution to be folded has a weight quantizer or its
/// weights are frozen (nn/frozen_weights.h).
DENEB_API void fold_batch_norms(Network& network);

}  // namespace deneb
