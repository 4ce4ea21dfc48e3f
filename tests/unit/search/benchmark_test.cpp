#include <gmock/gmock.h>

#include <deneb/io/files.h>
#include <deneb/search/benchmark.h>

#include "scratch_folder.h"

namespace deneb {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

const char* const kBenchmark = R"({"format": "deneb-mqbench", "version": 1,
  "name": "two layers", "license": "Apache-2.0", "network": "Net", "dataset": "images",
  "num_eval_images": 10, "fp32_accuracy": 91.9, "weights_sha256": "ab", "remark": [1],
  "ptq": {"method": "rtn", "activation_bits": 8}, "candidate_bits": [2, 3, 4],
  "sampler": "uniform", "seed": 18446744073709551615,
  "layers": [{"name": "a", "params": 10, "macs": 100, "more": 0}, {"name": "b"}],
  "entries": [
    {"id": 0, "bits": [4, 3], "accuracy": 88.31, "size_bytes": 9, "bitops": 1e9, "seconds": 5.1,
     "split": "evolve", "more": 0},
    {"id": 1, "bits": [2, 2], "accuracy": 0, "split": "test"},
    {"id": 2, "bits": [3, 4], "accuracy": 100, "split": "valid"},
    {"id": 3, "bits": [2, 4], "accuracy": 33.3, "split": "test"}]})";

class BenchmarkFile : public ::testing::Test {
 protected:
  std::string write(const std::string& text) {
    const std::string path = folder_ / "benchmark.json";
    write_file_atomically(path, text);
    return path;
  }
  Benchmark read(const std::string& text) { return read_benchmark(write(text)); }
  std::string error_of_text(const std::string& text) {
    try {
      read(text);
    } catch (const DataError& e) {
      return e.what();
    }
    return "no error";
  }
  std::string error_of(const std::string& from, const std::string& to) {
    std::string text = kBenchmark;
    const auto at = text.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    return error_of_text(text.replace(at, from.size(), to));
  }
  ScratchFolder folder_;
};

TEST_F(BenchmarkFile, IsRead) {
  const Benchmark benchmark = read(kBenchmark);
  EXPECT_EQ(benchmark.name, "two layers");
  EXPECT_EQ(benchmark.metric, "top1_percent");
  EXPECT_EQ(benchmark.num_eval_images, 10);
  EXPECT_EQ(benchmark.fp32_accuracy, 91.9);
  EXPECT_EQ(benchmark.ptq["activation_bits"], 8);
  EXPECT_THAT(benchmark.candidate_bits, ElementsAre(2, 3, 4));
  EXPECT_EQ(benchmark.seed, 18446744073709551615u);
  ASSERT_EQ(benchmark.layers.size(), 2u);
  EXPECT_EQ(benchmark.layers[0].macs, 100);
  EXPECT_EQ(benchmark.layers[1].name, "b");
  ASSERT_EQ(benchmark.entries.size(), 4u);
  EXPECT_EQ(benchmark.entries[0].size_bytes, 9);
  EXPECT_EQ(benchmark.entries[0].bitops, 1e9);
  EXPECT_EQ(benchmark.entries[0].seconds, 5.1);
  EXPECT_TRUE(std::isnan(benchmark.entries[1].size_bytes));
}

TEST_F(BenchmarkFile, FindsEntriesByIdWidthsAndSplit) {
  const Benchmark benchmark = read(kBenchmark);
  EXPECT_THAT(benchmark.at(2).bits, ElementsAre(3, 4));
  EXPECT_THROW(benchmark.at(4), RunError);
  EXPECT_THROW(benchmark.at(-1), RunError);
  ASSERT_NE(benchmark.find({3, 4}), nullptr);
  EXPECT_EQ(benchmark.find({3, 4})->accuracy, 100);
  EXPECT_EQ(benchmark.find(parse_widths("2,4"))->id, 3);
  EXPECT_EQ(benchmark.find({4, 4}), nullptr);
  EXPECT_THAT(benchmark.ids("test"), ElementsAre(1, 3));
  EXPECT_THAT(benchmark.ids("evolve"), ElementsAre(0));
}

TEST_F(BenchmarkFile, IsWrittenExactly) {
  Benchmark benchmark = read(kBenchmark);
  benchmark.entries[1].accuracy = 100.0 / 3;
  benchmark.evaluated_on = "test";
  const std::string path = folder_ / "copy.json";
  write_benchmark(path, benchmark);
  const Benchmark again = read_benchmark(path);
  EXPECT_EQ(again.name, benchmark.name);
  EXPECT_EQ(again.license, benchmark.license);
  EXPECT_EQ(again.network, benchmark.network);
  EXPECT_EQ(again.dataset, benchmark.dataset);
  EXPECT_EQ(again.metric, benchmark.metric);
  EXPECT_EQ(again.evaluated_on, "test");
  EXPECT_EQ(again.num_eval_images, benchmark.num_eval_images);
  EXPECT_EQ(again.fp32_accuracy, benchmark.fp32_accuracy);
  EXPECT_EQ(again.weights_sha256, benchmark.weights_sha256);
  EXPECT_EQ(again.ptq, benchmark.ptq);
  EXPECT_EQ(again.candidate_bits, benchmark.candidate_bits);
  EXPECT_EQ(again.sampler, benchmark.sampler);
  EXPECT_EQ(again.seed, benchmark.seed);
  ASSERT_EQ(again.layers.size(), 2u);
  EXPECT_EQ(again.layers[0].params, 10);
  ASSERT_EQ(again.entries.size(), 4u);
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(again.entries[i].bits, benchmark.entries[i].bits);
    EXPECT_EQ(again.entries[i].accuracy, benchmark.entries[i].accuracy);
    EXPECT_EQ(again.entries[i].split, benchmark.entries[i].split);
    EXPECT_EQ(std::isnan(again.entries[i].seconds), i > 0);
  }
  write_benchmark(folder_ / "third.json", again);
  EXPECT_EQ(read_file(folder_ / "third.json"), read_file(path));
}

TEST_F(BenchmarkFile, WhatCouldNotBeReadIsNotWritten) {
  Benchmark benchmark = read(kBenchmark);
  const std::string path = folder_ / "copy.json";
  benchmark.entries[3].bits = {4, 3};
  EXPECT_THROW(write_benchmark(path, benchmark), RunError);
  benchmark.entries[3].bits = {4, 4};
  benchmark.entries[3].accuracy = NAN;
  EXPECT_THROW(write_benchmark(path, benchmark), RunError);
  benchmark.entries[3].accuracy = 50;
  write_benchmark(path, benchmark);
}

TEST_F(BenchmarkFile, SaysWhatIsWrong) {
  EXPECT_THAT(error_of("deneb-mqbench", "other"), HasSubstr("benchmark.json: is no benchmark"));
  EXPECT_THAT(error_of("\"version\": 1", "\"version\": 2"), HasSubstr("is no benchmark"));
  EXPECT_THAT(error_of("\"id\": 2", "\"id\": 3"),
              HasSubstr("entries[2]: \"id\" is 3, expected 2: ids count from 0"));
  EXPECT_THAT(error_of("[3, 4], \"acc", "[3, 4, 2], \"acc"),
              HasSubstr("entries[2]: has 3 widths, expected one for each of 2 layers"));
  EXPECT_THAT(error_of("[2, 2]", "[4, 3]"),
              HasSubstr("entries[1]: has the widths of entry 0; leave one of them out"));
  EXPECT_THAT(error_of("[2, 2]", "[2, 8]"),
              HasSubstr("entries[1]: has the width 8, expected one of 2,3,4"));
  EXPECT_THAT(error_of("[2, 2]", "[2, 2.5]"), HasSubstr("\"bits\" holds 2.5"));
  EXPECT_THAT(error_of("\"valid\"", "\"validation\""),
              HasSubstr("\"split\" is 'validation', expected evolve, valid or test"));
  EXPECT_THAT(error_of("33.3", "100.5"), HasSubstr("\"accuracy\" is 100.5, expected percent"));
  EXPECT_THAT(error_of("33.3", "\"high\""), HasSubstr("accuracy: is \"high\", expected a finite"));
  EXPECT_THAT(error_of("91.9", "-1"), HasSubstr("\"fp32_accuracy\" is -1"));
  EXPECT_THAT(error_of("[2, 3, 4]", "[4, 3, 2]"), HasSubstr("\"candidate_bits\" is [4,3,2]"));
  EXPECT_THAT(error_of("\"name\": \"b\"", "\"name\": \"a\""), HasSubstr("'a' is there twice"));
  EXPECT_THAT(error_of("\"entries\"", "\"rows\""), HasSubstr("has no \"entries\""));
  EXPECT_THAT(error_of_text("{\"format\": "), HasSubstr("is neither a JSON object nor lines"));
  EXPECT_THAT(error_of_text(" \n"), HasSubstr("is neither a JSON object nor lines"));
}

// What stands there for readers is copied, by recursion.
TEST_F(BenchmarkFile, DeepNestingIsAnError) {
  const std::string deep = std::string(100000, '[') + std::string(100000, ']');
  EXPECT_THAT(error_of("\"rtn\"", deep), HasSubstr("is neither a JSON object nor lines"));
  EXPECT_THAT(error_of_text("[4, 4]:" + deep), HasSubstr("line 1"));
  EXPECT_THAT(error_of_text(deep + ":1"), HasSubstr("line 1"));
}

TEST_F(BenchmarkFile, ReadsThePublishedText) {
  const std::string widths = "[4, 4, 2, 2, 4, 2, 3, 3, 3, 3, 2, 2, 3, 3, 3, 3, 4, ";
  std::string text;
  for (int i = 0; i < 151; ++i) text += widths + std::to_string(2 + i % 3) + "]:" + "60.5\n";
  const Benchmark benchmark = read(text + "\r\n(" + widths.substr(1) + "3): 61.25\r\n");
  ASSERT_EQ(benchmark.entries.size(), 152u);
  EXPECT_EQ(benchmark.layers.size(), 18u);
  EXPECT_EQ(benchmark.layers[5].name, "layer2.0.conv1");
  EXPECT_EQ(benchmark.layers[5].params, 73728);
  EXPECT_EQ(benchmark.layers[5].macs, 57802752);
  EXPECT_EQ(benchmark.layers[17].name, "fc");
  const BenchmarkEntry* last = benchmark.find(parse_widths(widths + "3]"));
  ASSERT_NE(last, nullptr);
  EXPECT_EQ(last->id, 151);
  EXPECT_EQ(last->accuracy, 61.25);
  EXPECT_EQ(benchmark.ids("evolve").size(), 50u);
  EXPECT_EQ(benchmark.ids("valid").size(), 100u);
  EXPECT_THAT(benchmark.ids("test"), ElementsAre(150, 151));
  EXPECT_THAT(error_of_text(widths + "3]:60\n" + widths + "3] 61\n"), HasSubstr("line 2: is '[4,"));
  EXPECT_THAT(error_of_text("[4, 4]:60\n"), HasSubstr("line 1: has 2 widths, expected one for"));
  EXPECT_THAT(error_of_text(widths + "8]:60\n"), HasSubstr("line 1: has the width 8"));
  EXPECT_THAT(error_of_text(widths + "4]:high\n"), HasSubstr("line 1: accuracy: is null"));
}

TEST(ParseWidths, TakesTheFormsOfThePublishedReader) {
  EXPECT_THAT(parse_widths("[4, 2,3]"), ElementsAre(4, 2, 3));
  EXPECT_THAT(parse_widths(" (4,2, 3) "), ElementsAre(4, 2, 3));
  EXPECT_THAT(parse_widths("16"), ElementsAre(16));
  for (const char* text : {"", "[]", "[4", "4;2", "[4, x]", "0", "17", "[[4]]", "4,"}) {
    EXPECT_THROW(parse_widths(text), ConfigError) << text;
  }
}

}  // namespace
}  // namespace deneb
