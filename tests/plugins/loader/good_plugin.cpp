#include <c10/util/Exception.h>

#include <deneb/plugin/plugin.h>

#include "counter.h"

namespace {

struct CounterOptions {
  int factor = 1;
  std::string label = "unnamed";
  bool refuse = false;

  template <class V>
  void visit(V& v) {
    v("factor", factor, "what each step is multiplied by", {1, 100});
    v("label", label, "name of the counter");
    v("refuse", refuse, "let the constructor throw");
  }
};

struct PrivateConfigError : deneb::ConfigError {
  using deneb::ConfigError::ConfigError;
};

class PluginCounter final : public deneb_test::Counter, public deneb_test::Labeled {
 public:
  using Options = CounterOptions;

  explicit PluginCounter(const Options& options) : options_(options) {
    if (options.refuse) throw std::out_of_range("this counter was told to refuse");
  }
  ~PluginCounter() override {
    if (on_destroy_) on_destroy_();
  }

  int count(int step) override { return sum_ += step * options_.factor; }

  void fail(const std::string& how) override {
    if (how == "config") throw deneb::ConfigError("a config error of the plugin");
    if (how == "own config") throw PrivateConfigError("a private config error");
    if (how == "own") throw deneb_test::CounterError("a counter error");
    if (how == "std") throw std::invalid_argument("an invalid argument");
    if (how == "torch") TORCH_CHECK(false, "a LibTorch error");
    if (how == "int") throw 42;
  }

  void on_destroy(std::function<void()> call) override { on_destroy_ = std::move(call); }
  std::string label() const override { return options_.label; }

 private:
  Options options_;
  std::function<void()> on_destroy_;
  int sum_ = 0;
};

void register_all(deneb::Registrar& registrar) {
  registrar.add<deneb_test::Counter, PluginCounter>("PluginCounter", "counts for the loader test");
}

}  // namespace

DENEB_PLUGIN("good_plugin", "1.2.3", "a counter for the loader test", register_all);
