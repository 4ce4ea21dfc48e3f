#pragma once

#include <ATen/Parallel.h>
#include <benchmark/benchmark.h>

#include <cstdlib>

#include <deneb/platform.h>

/// main() of the benchmarks: allocator as in `deneb`, DENEB_BENCH_THREADS threads (default 2).
#define DENEB_BENCH_MAIN()                                        \
  int main(int argc, char** argv) {                               \
    deneb::tune_allocator();                                      \
    const char* threads = std::getenv("DENEB_BENCH_THREADS");     \
    at::set_num_threads(threads ? std::atoi(threads) : 2);        \
    benchmark::AddCustomContext("deneb", deneb::platform_text()); \
    benchmark::Initialize(&argc, argv);                           \
    if (benchmark::ReportUnrecognizedArguments(argc, argv)) {     \
      return 1;                                                   \
    }                                                             \
    benchmark::RunSpecifiedBenchmarks();                          \
    return 0;                                                     \
  }
