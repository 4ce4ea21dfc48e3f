#pragma once

#include <functional>
#include <stdexcept>
#include <string>

#include <deneb/errors.h>

/// Interfaces that the test program and the test plugins share; header-only, without key functions,
/// which is the hardest case for dynamic_cast and catch across a shared object's border.
namespace deneb_test {

class DENEB_API Counter {
 public:
  static constexpr const char* kKind = "test_kind";
  virtual ~Counter() = default;
  /// Adds `step` times the option `factor`; returns the sum so far.
  virtual int count(int step) = 0;
  /// Throws what `how` says: "config", "own config", "own", "std", "torch", "int".
  virtual void fail(const std::string& how) = 0;
  /// Runs `call` when the object is destroyed.
  virtual void on_destroy(std::function<void()> call) = 0;
};

/// Second base of the plugin's class, reached by dynamic_cast only.
class DENEB_API Labeled {
 public:
  virtual ~Labeled() = default;
  virtual std::string label() const = 0;
};

/// An exception type that both sides know from this header only.
struct DENEB_API CounterError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

}  // namespace deneb_test
