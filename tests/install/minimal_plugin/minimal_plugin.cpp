#include "greeter.h"

#include <deneb/plugin/plugin.h>

namespace {

struct PoliteGreeterOptions {
  std::string word = "Hello";
  template <class V>
  void visit(V& v) {
    v("word", word, "what comes before the name");
  }
};

class PoliteGreeter final : public Greeter {
 public:
  using Options = PoliteGreeterOptions;
  explicit PoliteGreeter(const Options& options) : options_(options) {}
  std::string greet(const std::string& name) override { return options_.word + ", " + name + "!"; }

 private:
  Options options_;
};

void register_all(deneb::Registrar& registrar) {
  registrar.add<Greeter, PoliteGreeter>("PoliteGreeter", "greets by name");
}

}  // namespace

DENEB_PLUGIN("minimal_plugin", "1.0.0", "smallest plugin of the install test", register_all);
