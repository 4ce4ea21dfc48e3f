#include <deneb/plugin/plugin.h>
#include <deneb/train/evaluator.h>

#include <algorithm>

namespace {

struct ClassificationOptions {
  template <class V>
  void visit(V&) {}
};

class Classification final : public deneb::Evaluator {
 public:
  using Options = ClassificationOptions;
  explicit Classification(const Options&) {}

  std::vector<deneb::Objective> metrics() const override {
    return {{"accuracy", deneb::Direction::kMaximize},
            {"accuracy_top5", deneb::Direction::kMaximize},
            {"loss", deneb::Direction::kMinimize}};
  }

  deneb::Metrics evaluate(deneb::Network& network, deneb::BatchStream& stream,
                          const deneb::Criterion& criterion, torch::Device device) const override {
    deneb::EvaluationMode mode(network);
    torch::NoGradGuard no_grad;
    std::int64_t samples = 0, top1 = 0, top5 = 0;
    deneb::LossSum loss;
    deneb::Batch batch;
    while (stream.next(batch)) {
      deneb::Batch moved = device.is_cpu() ? batch : batch.to(device);
      if (moved.input().dim() == 4) {
        moved["input"] = moved.input().contiguous(at::MemoryFormat::ChannelsLast);
      }
      const deneb::Output output = network.forward(moved);
      const torch::Tensor& logits = output.logits;
      const torch::Tensor target = moved.target();
      const auto k = std::min<std::int64_t>(5, logits.size(1));
      const torch::Tensor hits = std::get<1>(logits.topk(k, 1)).eq(target.unsqueeze(1));
      top1 += hits.select(1, 0).sum().item<std::int64_t>();
      top5 += hits.sum().item<std::int64_t>();
      const deneb::LossSum of_batch = criterion.measure(output, moved);
      loss.sum += of_batch.sum;
      loss.count += of_batch.count;
      samples += moved.size();
    }
    if (samples == 0) {
      throw deneb::RunError("evaluator: the split holds no samples; lower train_portion");
    }
    const double n = static_cast<double>(samples);
    deneb::Metrics metrics;
    metrics.set("accuracy", double(top1) / n, deneb::Direction::kMaximize);
    metrics.set("accuracy_top5", double(top5) / n, deneb::Direction::kMaximize);
    metrics.set("loss", loss.sum / static_cast<double>(loss.count), deneb::Direction::kMinimize);
    return metrics;
  }
};

void register_all(deneb::Registrar& r) {
  r.add<deneb::Evaluator, Classification>("Classification",
                                          "top-1 and top-5 accuracy and the loss");
}

}  // namespace

DENEB_PLUGIN("classification", "0.1.0", "accuracy of classifiers", register_all);
