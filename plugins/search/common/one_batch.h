#pragma once

#include <deneb/data/data_loader.h>

namespace deneb::searches {

/// A pass over one batch, which must live longer, for evaluators.
class OneBatch final : public BatchStream {
 public:
  explicit OneBatch(const Batch& batch) : batch_(&batch) {}
  bool next(Batch& batch) override {
    if (!batch_) return false;
    batch = *batch_;
    batch_ = nullptr;
    return true;
  }

 private:
  const Batch* batch_;
};

}  // namespace deneb::searches
