#pragma once

#include <string>
#include <vector>

#include <deneb/options/options.h>

namespace deneb::emq {

/// Names of the proxies, as README.md lists them.
inline std::vector<std::string> proxy_names() {
  return {"snip",         "synflow", "synflow_bn",   "fisher",         "fisher_broadcast",
          "grad_norm",    "plain",   "hawqv1",       "hawqv1_density", "hawqv2_bits",
          "hawqv2_omega", "orm",     "qe",           "emq_published",  "bparams",
          "bops",         "bitsum",  "weight_error", "fisher_error"};
}

struct ProxyOptions {
  std::string proxy = "hawqv2_omega";
  int batch_size = 64, batches = 1;
  std::string weights = "given";
  std::string layers = "all";
  double beta = 1;
  int hessian_draws = 100;
  double hessian_tolerance = 1e-3;
  std::string cost;
  template <class V>
  void visit(V& v) {
    v("proxy", proxy, "which proxy; plugins/search/emq/README.md has their formulas",
      proxy_names());
    v("batch_size", batch_size, "training samples of a batch", {2, 100000});
    v("batches", batches, "batches that a layer's value is averaged over", {1, 100000});
    v("weights", weights,
      "given: those that the step starts from; random: drawn anew, normally distributed with "
      "variance 2 / inputs (He et al. 2015), batch norms reset",
      {"given", "random"});
    v("layers", layers,
      "all: linear layers too; conv: convolutions only, as EMQ's code; what is searched must be "
      "among them",
      {"all", "conv"});
    v("beta", beta, "orm: how much redundancy counts against a layer", {0, 1e6});
    v("hessian_draws", hessian_draws,
      "proxies of the Hessian: most products with a vector per layer and batch", {1, 1e6});
    v("hessian_tolerance", hessian_tolerance,
      "they end when the estimate changes by less than this share; 0 = never", {0, 1});
    v("cost", cost,
      "bparams, bops: cost model whose shares are the scores, in its own unit; empty = size in "
      "MiB, "
      "bitops in 1e9");
  }
  void check(OptionErrors& errors) const {
    if (!cost.empty() && proxy != "bparams" && proxy != "bops") {
      errors.add("cost", "has no effect on the proxy " + proxy + "; remove it, or take bparams");
    }
  }
};

}  // namespace deneb::emq
