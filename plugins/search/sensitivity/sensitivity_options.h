#pragma once

#include <string>

#include <deneb/options/options.h>

namespace deneb::sensitivity {

struct SensitivityOptions {
  std::string measure = "kl";
  bool monotone = true;
  template <class V>
  void visit(V& v) {
    v("measure", measure,
      "damage: kl = divergence of the answers from the float network's, which needs no labels; or "
      "by "
      "how much a metric of the evaluator gets worse: loss, accuracy, ...");
    v("monotone", monotone,
      "an integer width never gets a smaller score than the next larger one: what is below is "
      "noise");
  }
  void check(OptionErrors& errors) const {
    if (measure.empty()) errors.add("measure", "is empty; write kl, or the name of a metric");
  }
};

}  // namespace deneb::sensitivity
