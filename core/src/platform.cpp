#include <ATen/Parallel.h>
#include <deneb/config.h>
#include <deneb/platform.h>
#include <malloc.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <torch/cuda.h>
#include <torch/version.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <vector>

namespace deneb {
namespace {

constexpr int kMmapThreshold = 1 << 30;
#if defined(__SANITIZE_ADDRESS__)
constexpr bool kHasHeap = false;  // the sanitizer has an allocator of its own
#else
constexpr bool kHasHeap = true;
#endif
bool g_tuned = false, g_huge_pages = false;

std::string first_line(const char* path) {
  std::string line;
  std::getline(std::ifstream(path), line);
  return line;
}

bool is_unlimited(__rlimit_resource resource) {
  rlimit limit{};
  return getrlimit(resource, &limit) == 0 && limit.rlim_cur == RLIM_INFINITY;
}

// Does the kernel give large pages to who asks, and address space to who does not use it?
bool huge_pages_are_free() {
  const std::string offered = first_line("/sys/kernel/mm/transparent_hugepage/enabled");
  return !offered.empty() && offered.find("[never]") == std::string::npos &&
         first_line("/proc/sys/vm/overcommit_memory") != "2" && is_unlimited(RLIMIT_AS) &&
         is_unlimited(RLIMIT_DATA);
}

// Tensors span thousands of 4 KiB pages, and looking those up slows every pass over memory. Glibc
// takes no address range from outside, so the heap is grown once by half of the machine's memory
// (address space only, nothing is touched), marked, and given back to the heap.
bool use_huge_pages() {
  if (!kHasHeap || !huge_pages_are_free()) return false;
  const std::size_t block = kMmapThreshold - 4096, page = sysconf(_SC_PAGESIZE);
  const std::size_t memory = page * static_cast<std::size_t>(sysconf(_SC_PHYS_PAGES));
  std::vector<void*> blocks;
  bool marked = true;
  for (std::size_t sum = 0; marked && sum < memory / 2; sum += block) {
    void* const p = std::malloc(block);
    if (p == nullptr) break;
    blocks.push_back(p);
    const auto begin = (reinterpret_cast<std::uintptr_t>(p) + page - 1) / page * page;
    const auto end = (reinterpret_cast<std::uintptr_t>(p) + block) / page * page;
    marked &= madvise(reinterpret_cast<void*>(begin), end - begin, MADV_HUGEPAGE) == 0;
  }
  for (void* const p : blocks) std::free(p);
  return marked && !blocks.empty();
}

}  // namespace

void tune_allocator() {
  g_tuned = mallopt(M_MMAP_THRESHOLD, kMmapThreshold) == 1 && mallopt(M_TRIM_THRESHOLD, -1) == 1;
  g_huge_pages = g_tuned && use_huge_pages();
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
         (g_tuned ? "glibc with mmap threshold 1 GiB" : "untuned") +
         (g_huge_pages ? " and huge pages" : "");
}

}  // namespace deneb
