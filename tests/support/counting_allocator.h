#pragma once

#include <c10/core/Allocator.h>
#include <c10/core/CPUAllocator.h>
#include <torch/version.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <mutex>
#include <unordered_map>

/// Counts the bytes of CPU tensors that are alive. Installed once, for the whole process.
class CountingAllocator final : public c10::Allocator {
 public:
  static CountingAllocator& install() {
    static auto* const counting = [] {
      next();
      auto* made = new CountingAllocator;
      c10::SetCPUAllocator(made, /*priority=*/100);
      return made;
    }();
    return *counting;
  }

  /// Largest number of bytes alive at once while `fn` runs, of those that were allocated since
  /// install(); beyond those alive now.
  template <class Fn>
  std::int64_t peak_of(const Fn& fn) {
    Books& b = books();
    const std::int64_t before = b.peak = b.alive;
    fn();
    return b.peak - before;
  }

#if TORCH_VERSION_MAJOR > 2 || (TORCH_VERSION_MAJOR == 2 && TORCH_VERSION_MINOR >= 3)
  c10::DataPtr allocate(std::size_t bytes) override { return counted(bytes); }
  void copy_data(void* to, const void* from, std::size_t bytes) const override {
    std::memcpy(to, from, bytes);
  }
#else
  c10::DataPtr allocate(std::size_t bytes) const override { return counted(bytes); }
#endif

  c10::DeleterFnPtr raw_deleter() const override { return &free; }

 private:
  struct Books {
    std::mutex mutex;
    std::unordered_map<void*, std::int64_t> bytes;
    std::int64_t alive = 0, peak = 0;
  };
  static Books& books() {
    static auto* const kept = new Books;  // tensors may outlive everything else
    return *kept;
  }

  CountingAllocator() = default;

  static c10::DataPtr counted(std::size_t bytes) {
    void* const memory = next()->raw_allocate(bytes);
    Books& b = books();
    const std::lock_guard<std::mutex> lock(b.mutex);
    b.bytes[memory] = static_cast<std::int64_t>(bytes);
    b.alive += static_cast<std::int64_t>(bytes);
    b.peak = std::max(b.peak, b.alive);
    return {memory, memory, &free, c10::Device(c10::kCPU)};
  }

  static void free(void* memory) {
    Books& b = books();
    {
      const std::lock_guard<std::mutex> lock(b.mutex);
      const auto found = b.bytes.find(memory);
      if (found != b.bytes.end()) {  // not of the time before install(), as oneDNN's buffers may be
        b.alive -= found->second;
        b.bytes.erase(found);
      }
    }
    next()->raw_deallocate(memory);
  }

  static c10::Allocator* next() {
    static auto* const allocator = c10::GetDefaultCPUAllocator();
    return allocator;
  }
};
