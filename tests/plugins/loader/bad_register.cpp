// Registration that fails; the definition selects how.
#include <c10/util/Exception.h>

#include <deneb/plugin/plugin.h>

#include "counter.h"

namespace {

class EmptyCounter final : public deneb_test::Counter {
 public:
  using Options = deneb::NoOptions;
  explicit EmptyCounter(const Options&) {}
  int count(int) override { return 0; }
  void fail(const std::string&) override {}
  void on_destroy(std::function<void()>) override {}
};

void register_all(deneb::Registrar& registrar) {
  registrar.add<deneb_test::Counter, EmptyCounter>("FirstOfTwo", "must not stay");
#if defined(THROWS_STD)
  throw std::runtime_error("the sky is falling");
#elif defined(THROWS_TORCH)
  TORCH_CHECK(false, "no such operator");
#elif defined(THROWS_CONFIG)
  throw deneb::ConfigError("a config error at the wrong place");
#elif defined(THROWS_INT)
  throw 7;
#elif defined(DUPLICATE)
  registrar.add<deneb_test::Counter, EmptyCounter>("PluginCounter", "good_plugin has it too");
#elif defined(TWICE)
  registrar.add<deneb_test::Counter, EmptyCounter>("FirstOfTwo", "the same name again");
#endif
}

}  // namespace

#ifndef PLUGIN_NAME
#define PLUGIN_NAME "bad_register"
#endif
DENEB_PLUGIN(PLUGIN_NAME, "1.0.0", "fails to register", register_all);
