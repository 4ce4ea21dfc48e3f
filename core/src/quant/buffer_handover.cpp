#include <deneb/quant/buffer_handover.h>

#include <optional>

namespace deneb {
namespace {

// Weak: it keeps no memory alive, and no new tensor can come to stand at the same address.
using Offer = c10::weak_intrusive_ptr<c10::TensorImpl, c10::UndefinedTensorImpl>;
thread_local std::optional<Offer> offered;

}  // namespace

void hand_over(const torch::Tensor& buffer) {
  offered.reset();
  if (buffer.defined()) offered.emplace(buffer.getIntrusivePtr());
}

bool take_over(const torch::Tensor& buffer) {
  if (!offered || !buffer.defined()) return false;
  const bool same = offered->lock().get() == buffer.unsafeGetTensorImpl();
  if (same) offered.reset();
  return same;
}

}  // namespace deneb
