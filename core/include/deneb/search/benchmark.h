#pragma once

#include <cmath>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include <deneb/errors.h>

namespace deneb {

/// A layer whose weight width the policies of a benchmark choose.
struct BenchmarkLayer {
  std::string name;         ///< dotted, as in LayerInfo
  std::int64_t params = 0;  ///< elements of the weight; 0 = not known
  std::int64_t macs = 0;    ///< per sample; 0 = not known
};

/// A policy and what became of the network with it.
struct BenchmarkEntry {
  std::int64_t id = 0;    ///< its place in Benchmark::entries
  std::vector<int> bits;  ///< weight width of every one of Benchmark::layers
  double accuracy = 0;    ///< percent
  double size_bytes = NAN, bitops = NAN, seconds = NAN;  ///< NaN = not known
  std::string split = "test";                            ///< one of benchmark_splits()
};

/// Policies of one network with the accuracies that they really have: what proxies are found by
/// and judged by, without a single training. Weight widths alone differ; activations have the
/// format that `ptq` says. Accuracies are those of the samples that `evaluated_on` names; it is the
/// policies that are split, so that what is chosen by some is judged by others.
struct DENEB_API Benchmark {
  std::string name, license, network, dataset;
  std::string metric = "top1_percent";  ///< what BenchmarkEntry::accuracy is
  std::string evaluated_on;             ///< split of the dataset; may be empty
  std::int64_t num_eval_images = 0;     ///< 0 = not known
  double fp32_accuracy = NAN;           ///< percent, of the float network; NaN = not known
  std::string weights_sha256;           ///< of the float network's file; may be empty
  nlohmann::ordered_json ptq;           ///< how policies were realized: an object for readers
  std::vector<int> candidate_bits;      ///< ascending
  std::string sampler;                  ///< how policies were drawn
  std::uint64_t seed = 0;               ///< of the sampler
  std::vector<BenchmarkLayer> layers;   ///< in forward order
  std::vector<BenchmarkEntry> entries;  ///< by id

  /// RunError when there is no such entry.
  const BenchmarkEntry& at(std::int64_t id) const;
  /// The last entry of those widths; nullptr when there is none.
  const BenchmarkEntry* find(const std::vector<int>& bits) const;
  /// Ids of a split's entries, ascending.
  std::vector<std::int64_t> ids(const std::string& split) const;
};

/// "evolve" (proxies are found by them), "valid" (and chosen), "test" (and judged).
DENEB_API const std::vector<std::string>& benchmark_splits();

/// Widths as text: "4,2,3", "[4, 2, 3]", "(4, 2, 3)". ConfigError for anything else.
DENEB_API std::vector<int> parse_widths(const std::string& text);

/// {"format": "deneb-mqbench", "version": 1, "name", ..., "layers": [{"name", "params", "macs"}],
/// "entries": [{"id", "bits": [...], "accuracy", "size_bytes", "bitops", "seconds", "split"}]},
/// keys as the members above, and those but format, version, candidate_bits, layers, entries and an
/// entry's id, bits, accuracy and split may be missing; unknown keys are for readers. DataError
/// `file: where: what` unless ids are 0, 1, 2, ..., every entry has a width of candidate_bits for
/// every layer, no two have the same, accuracies are percentages, and the splits known.
///
/// Also reads the text that the published MQ-Bench-101 was made of (EMQ, arXiv 2307.10554): a line
/// `[4, 4, 2, ...]:69.5` for every policy, 18 widths of ResNet-18, ids from 0. Its first 50
/// policies are "evolve", as there, the next 100 "valid", the others "test". Widths may be there
/// twice in it.
DENEB_API Benchmark read_benchmark(const std::string& path);
/// Atomic; numbers read back exactly; what is not known is left out. RunError `benchmark: where:
/// what` for one that read_benchmark() would refuse.
DENEB_API void write_benchmark(const std::string& path, const Benchmark& benchmark);

}  // namespace deneb
