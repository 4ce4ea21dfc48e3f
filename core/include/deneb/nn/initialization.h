#pragma once

#include <deneb/errors.h>

namespace deneb::nn {

/// While alive, nn::Conv2d and nn::Linear that this thread makes get memory of undefined content
/// for weight and bias, and nothing is drawn for them: for networks with a rule of their own, which
/// ask is_active() before they follow it, and for networks of which nobody wants the values, such
/// as those that are only probed. Nests.
class DENEB_API SkipInitialization {
 public:
  SkipInitialization();
  ~SkipInitialization();
  SkipInitialization(const SkipInitialization&) = delete;
  SkipInitialization& operator=(const SkipInitialization&) = delete;
  static bool is_active();
};

}  // namespace deneb::nn
