#pragma once

#include <torch/nn/module.h>
#include <torch/types.h>

#include <deneb/errors.h>
#include <deneb/nn/batch.h>
#include <deneb/nn/block.h>

namespace deneb {

/// A neural network. Written with deneb::nn layers, whose quantizers searches swap; parameter names
/// follow torchvision or Hugging Face. Implement one of the two forward functions.
class DENEB_API Network : public torch::nn::Module {
 public:
  static constexpr const char* kKind = "network";
  ~Network() override;

  /// Image networks: float32 [N, C, H, W] -> logits [N, classes].
  virtual torch::Tensor forward(torch::Tensor input);
  /// Everything else; by default forward(batch.input()) as logits.
  virtual Output forward(const Batch& batch);
  /// Sample shape that the network was made for, without the batch dimension.
  virtual std::vector<std::int64_t> input_shape() const = 0;
  virtual std::int64_t num_classes() const = 0;
  /// A batch of one sample for probe(), which runs it through the network to see its layers. By
  /// default "input" is normally distributed, float32 [1, input_shape...]; networks that take other
  /// inputs (token ids) give their own. The same on every call; on the CPU.
  virtual Batch example_batch() const;
  /// The network as a chain of reconstruction units in forward order, for methods that tune one at
  /// a time. The first takes batch.input(), each other one what the one before it returned, the
  /// last returns the logits. Run in a row they give what forward(batch) gives, bit for bit, with
  /// the same gradients. Every quantizable layer lies in exactly one unit; names are unique. The
  /// functions live as long as the network. By default none: the network cannot be taken apart.
  virtual std::vector<Block> blocks();
  /// Tensors of a file as this network names and lays them out, for files that follow another
  /// library: names are translated, matrices turned, stacked ones split. Called before names and
  /// shapes are compared with the network's own. What it does not know it passes on, to be reported
  /// as left over. DataError for a tensor that it knows and cannot take. By default unchanged.
  using NamedTensors = std::vector<std::pair<std::string, torch::Tensor>>;
  virtual NamedTensors import_state(NamedTensors tensors) const;
};

}  // namespace deneb
