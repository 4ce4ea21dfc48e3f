#include <deneb/plugin/plugin.h>
#include <deneb/train/evaluator.h>

#include <algorithm>
#include <cmath>

namespace {

struct LanguageModelOptions {
  std::vector<std::string> metrics = {"perplexity", "accuracy", "loss"};
  template <class V>
  void visit(V& v) {
    v("metrics", metrics, "what is measured; searches and checkpoints compare the first",
      {"perplexity", "accuracy", "loss"});
  }
  void check(deneb::OptionErrors& errors) const {
    if (metrics.empty()) errors.add("metrics", "is empty; name at least one");
    for (const std::string& name : metrics) {
      if (std::count(metrics.begin(), metrics.end(), name) > 1) {
        errors.add("metrics", "'" + name + "' is named twice");
        return;
      }
    }
  }
};

class LanguageModel final : public deneb::Evaluator {
 public:
  using Options = LanguageModelOptions;
  explicit LanguageModel(const Options& options) : names_(options.metrics) {}

  std::vector<deneb::Objective> metrics() const override {
    std::vector<deneb::Objective> list;
    for (const std::string& name : names_) list.push_back({name, direction_of(name)});
    return list;
  }

  deneb::Metrics evaluate(deneb::Network& network, deneb::BatchStream& stream,
                          const deneb::Criterion& criterion, torch::Device device) const override {
    deneb::EvaluationMode mode(network);
    torch::NoGradGuard no_grad;
    std::int64_t tokens = 0, hits = 0;
    deneb::LossSum loss;
    deneb::Batch batch;
    while (stream.next(batch)) {
      const deneb::Batch moved = device.is_cpu() ? batch : batch.to(device);
      const deneb::Output output = network.forward(moved);
      check(output.logits, moved.target());
      deneb::check_answers(output.logits);
      torch::Tensor hit = output.logits.argmax(-1).eq(moved.target());
      const torch::Tensor counted = criterion.counted(moved);
      if (counted.defined()) hit = hit.logical_and(counted);
      hits += hit.sum().item<std::int64_t>();
      tokens += counted.defined() ? counted.sum().item<std::int64_t>() : hit.numel();
      const deneb::LossSum of_batch = criterion.measure(output, moved);
      loss.sum += of_batch.sum;
      loss.count += of_batch.count;
    }
    if (tokens == 0) {
      throw deneb::RunError("evaluator: the split holds no tokens that count; lower train_portion");
    }
    const double mean = loss.sum / double(loss.count);
    deneb::Metrics metrics;
    for (const std::string& name : names_) {
      const double value = name == "perplexity" ? std::exp(mean)
                           : name == "accuracy" ? double(hits) / double(tokens)
                                                : mean;
      metrics.set(name, value, direction_of(name));
    }
    return metrics;
  }

 private:
  static deneb::Direction direction_of(const std::string& name) {
    return name == "accuracy" ? deneb::Direction::kMaximize : deneb::Direction::kMinimize;
  }

  static void check(const torch::Tensor& logits, const torch::Tensor& target) {
    if (logits.dim() == 3 && target.dim() == 2) return;
    throw deneb::RunError("evaluator LanguageModel: got answers of " +
                          std::to_string(logits.dim()) + " and targets of " +
                          std::to_string(target.dim()) +
                          " dimensions, expected [N, T, vocabulary] and [N, T]; for a classifier "
                          "name the evaluator Classification");
  }

  std::vector<std::string> names_;
};

void register_all(deneb::Registrar& r) {
  r.add<deneb::Evaluator, LanguageModel>("LanguageModel",
                                         "perplexity and accuracy of the next token");
}

}  // namespace

DENEB_PLUGIN("language_model_metrics", "0.1.0", "perplexity of language models", register_all);
