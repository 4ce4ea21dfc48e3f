#include <ATen/Parallel.h>
#include <deneb/config.h>
#include <deneb/platform.h>
#include <malloc.h>
#include <sched.h>
#include <torch/cuda.h>
#include <torch/version.h>

#include <algorithm>

namespace deneb {
namespace {

bool g_tuned = false;

}  // namespace

void tune_allocator() {
  g_tuned = mallopt(M_MMAP_THRESHOLD, 1 << 30) == 1 && mallopt(M_TRIM_THRESHOLD, 2000000000) == 1;
}

int available_cores() {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof(set), &set) != 0) return 1;
  return std::max(1, CPU_COUNT(&set));
}

int cuda_devices() { return static_cast<int>(torch::cuda::device_count()); }

std::string platform_text() {
  return std::string("Deneb " DENEB_VERSION ", LibTorch " TORCH_VERSION ", ") +
         std::to_string(at::get_num_threads()) + " threads of " +
         std::to_string(available_cores()) + " cores, allocator " +
         (g_tuned ? "glibc with mmap threshold 1 GiB" : "untuned");
}

}  // namespace deneb
