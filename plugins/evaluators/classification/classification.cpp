#include <deneb/plugin/plugin.h>
#include <deneb/train/evaluator.h>

#include <algorithm>
#include <cmath>
#include <functional>

namespace {

struct ClassificationOptions {
  std::vector<std::string> metrics = {"accuracy", "accuracy_top5", "loss"};
  template <class V>
  void visit(V& v) {
    v("metrics", metrics, "what is measured; searches and checkpoints compare the first",
      {"accuracy", "accuracy_top5", "f1", "matthews", "loss"});
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

// What a pass adds up.
struct Sums {
  std::int64_t samples = 0, top1 = 0, top5 = 0;
  deneb::LossSum loss;
  torch::Tensor confusion;  // int64 [target, answer]; undefined = not counted
};

// F1 of the second of two classes, as GLUE has it; of more classes the mean over all of them. A
// class that neither occurs nor is answered has 0.
double f1(const torch::Tensor& confusion) {
  const auto counts = confusion.to(torch::kFloat64);
  const auto found = counts.diagonal() * 2;
  const auto all = counts.sum(0) + counts.sum(1);
  const auto scores = torch::where(all > 0, found / all.clamp_min(1), torch::zeros_like(all));
  return (scores.size(0) == 2 ? scores[1] : scores.mean()).item<double>();
}

// Matthews' correlation, for any number of classes: Gorodkin, Computational Biology and Chemistry
// 28, 2004, eq. 8. 0 where all samples have one class or all answers are the same.
double matthews(const torch::Tensor& confusion) {
  const auto counts = confusion.to(torch::kFloat64);
  const auto answers = counts.sum(0), targets = counts.sum(1);
  const double n = counts.sum().item<double>();
  const double covariance =
      counts.diagonal().sum().item<double>() * n - answers.dot(targets).item<double>();
  const double spread =
      (n * n - answers.dot(answers).item<double>()) * (n * n - targets.dot(targets).item<double>());
  return spread > 0 ? covariance / std::sqrt(spread) : 0;
}

class Classification final : public deneb::Evaluator {
 public:
  using Options = ClassificationOptions;
  explicit Classification(const Options& options) : names_(options.metrics) {}

  std::vector<deneb::Objective> metrics() const override {
    std::vector<deneb::Objective> list;
    for (const std::string& name : names_) list.push_back({name, direction_of(name)});
    return list;
  }

  deneb::Metrics evaluate(deneb::Network& network, deneb::BatchStream& stream,
                          const deneb::Criterion& criterion, torch::Device device) const override {
    deneb::EvaluationMode mode(network);
    torch::NoGradGuard no_grad;
    Sums sums;
    deneb::Batch batch;
    while (stream.next(batch)) {
      deneb::Batch moved = device.is_cpu() ? batch : batch.to(device);
      if (moved.input().dim() == 4) {
        moved["input"] = moved.input().contiguous(at::MemoryFormat::ChannelsLast);
      }
      add(network.forward(moved), moved, criterion, sums);
    }
    if (sums.samples == 0) {
      throw deneb::RunError(
          "evaluator: the split holds no samples that count; lower train_portion");
    }
    deneb::Metrics metrics;
    for (const std::string& name : names_) metrics.set(name, value(name, sums), direction_of(name));
    return metrics;
  }

 private:
  static deneb::Direction direction_of(const std::string& name) {
    return name == "loss" ? deneb::Direction::kMinimize : deneb::Direction::kMaximize;
  }

  bool wants_confusion() const {
    return std::any_of(names_.begin(), names_.end(),
                       [](const std::string& name) { return name == "f1" || name == "matthews"; });
  }

  void add(const deneb::Output& output, const deneb::Batch& batch,
           const deneb::Criterion& criterion, Sums& sums) const {
    torch::Tensor logits = output.logits, target = batch.target();
    if (logits.dim() != 2 || target.dim() != 1) {
      throw deneb::RunError("evaluator Classification: got answers of " +
                            std::to_string(logits.dim()) +
                            " dimensions, expected [N, classes]; "
                            "for a language model name the evaluator LanguageModel");
    }
    deneb::check_answers(logits);
    const torch::Tensor counted = criterion.counted(batch);
    if (counted.defined() && !counted.all().item<bool>()) {
      const torch::Tensor rows = counted.nonzero().flatten();
      logits = logits.index_select(0, rows);
      target = target.index_select(0, rows);
    }
    const auto k = std::min<std::int64_t>(5, logits.size(1));
    const torch::Tensor best = std::get<1>(logits.topk(k, 1));
    const torch::Tensor hits = best.eq(target.unsqueeze(1));
    sums.top1 += hits.select(1, 0).sum().item<std::int64_t>();
    sums.top5 += hits.sum().item<std::int64_t>();
    if (wants_confusion()) {
      const std::int64_t classes = logits.size(1);
      const torch::Tensor cells = target * classes + best.select(1, 0);
      const torch::Tensor counts =
          cells.bincount({}, classes * classes).view({classes, classes}).cpu();
      sums.confusion = sums.confusion.defined() ? sums.confusion + counts : counts;
    }
    const deneb::LossSum loss = criterion.measure(output, batch);
    sums.loss.sum += loss.sum;
    sums.loss.count += loss.count;
    sums.samples += target.size(0);
  }

  static double value(const std::string& name, const Sums& sums) {
    if (name == "accuracy") return double(sums.top1) / double(sums.samples);
    if (name == "accuracy_top5") return double(sums.top5) / double(sums.samples);
    if (name == "f1") return f1(sums.confusion);
    if (name == "matthews") return matthews(sums.confusion);
    return sums.loss.sum / double(sums.loss.count);
  }

  std::vector<std::string> names_;
};

void register_all(deneb::Registrar& r) {
  r.add<deneb::Evaluator, Classification>(
      "Classification", "accuracy, F1 and Matthews' correlation of classifiers, and the loss");
}

}  // namespace

DENEB_PLUGIN("classification", "0.1.0", "accuracy of classifiers", register_all);
