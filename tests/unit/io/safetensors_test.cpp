#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <random>

#include <deneb/io/files.h>
#include <deneb/io/safetensors.h>
#include <deneb/random.h>

#include "scratch_folder.h"

namespace deneb {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

const torch::ScalarType kAllTypes[] = {
    torch::kFloat64, torch::kFloat32, torch::kFloat16, torch::kBFloat16, torch::kInt64,
    torch::kInt32,   torch::kInt16,   torch::kInt8,    torch::kUInt8,    torch::kBool};

std::string little_endian(std::uint64_t value) {
  std::string bytes;
  for (int i = 0; i < 8; ++i) bytes.push_back(static_cast<char>(value >> (8 * i)));
  return bytes;
}

class SafetensorsTest : public testing::Test {
 protected:
  std::string path() const { return folder_ / "file.safetensors"; }
  TensorFile read_bytes(const std::string& bytes) const {
    // Thousands of files: some file systems flush a file that replaces another, so it goes first.
    std::filesystem::remove(path());
    std::ofstream(path(), std::ios::binary) << bytes;
    return read_safetensors(path());
  }
  TensorFile read_header(const std::string& header, const std::string& data = "") const {
    return read_bytes(little_endian(header.size()) + header + data);
  }
  std::string damage(const std::string& header, const std::string& data = "") const {
    return text_of<DataError>([&] { read_header(header, data); });
  }

  ScratchFolder folder_;
};

TEST_F(SafetensorsTest, RoundTripOfEveryTypeAndShape) {
  torch::manual_seed(1);
  TensorFile file;
  for (const torch::ScalarType type : kAllTypes) {
    for (const std::vector<std::int64_t>& shape :
         {std::vector<std::int64_t>{}, {0}, {3, 0}, {0, 1000000, 5}, {1}, {7}, {2, 3, 5}}) {
      const auto tensor = (torch::randn(shape) * 50).to(type);
      file.tensors.emplace_back("t" + std::to_string(file.tensors.size()), tensor);
    }
  }
  file.metadata = {{"empty", ""}, {"quote", "\"\\\n\xc3\xa4"}, {"json", R"({"a": [1, 2]})"}};
  write_safetensors(path(), file);
  const TensorFile back = read_safetensors(path());
  EXPECT_EQ(back.metadata, file.metadata);
  ASSERT_EQ(back.tensors.size(), file.tensors.size());
  for (std::size_t i = 0; i < file.tensors.size(); ++i) {
    const auto& [name, tensor] = file.tensors[i];
    EXPECT_EQ(back.tensors[i].first, name);
    EXPECT_EQ(back.tensors[i].second.scalar_type(), tensor.scalar_type());
    EXPECT_EQ(back.tensors[i].second.sizes(), tensor.sizes());
    EXPECT_TRUE(torch::equal(back.tensors[i].second, tensor)) << name;
  }
}

TEST_F(SafetensorsTest, KeepsNanInfinityAndSignedZero) {
  const auto odd =
      torch::tensor(std::vector<double>{NAN, INFINITY, -INFINITY, -0.0, 5e-324}, torch::kFloat64);
  write_safetensors(path(), {{{"odd", odd}}, {}});
  const auto back = read_safetensors(path()).find("odd");
  EXPECT_EQ(std::memcmp(back.data_ptr(), odd.data_ptr(), odd.nbytes()), 0);
}

TEST_F(SafetensorsTest, StoresViewsContiguousAndWithoutGradient) {
  const auto base = torch::arange(24.0, torch::requires_grad()).view({4, 6});
  const auto view = base.t().slice(0, 1, 6, 2);
  const auto image = torch::randn({2, 3, 4, 5}).contiguous(at::MemoryFormat::ChannelsLast);
  write_safetensors(path(), {{{"view", view}, {"image", image}}, {}});
  const TensorFile back = read_safetensors(path());
  EXPECT_TRUE(torch::equal(back.find("view"), view));
  EXPECT_TRUE(torch::equal(back.find("image"), image));
  EXPECT_TRUE(back.find("image").is_contiguous());
  EXPECT_FALSE(back.find("view").requires_grad());
}

// The bytes of the format's description: header length, JSON, then the data in order.
TEST_F(SafetensorsTest, BytesOnDisk) {
  const auto a = torch::tensor({1, 2}, torch::kInt16), b = torch::tensor({true}, torch::kBool);
  write_safetensors(path(), {{{"a", a}, {"b", b}}, {{"k", "v"}}});
  const std::string bytes = read_file(path());
  std::uint64_t size = 0;
  std::memcpy(&size, bytes.data(), 8);
  EXPECT_EQ(size % 8, 0u);
  const auto header = nlohmann::json::parse(bytes.substr(8, size));
  EXPECT_EQ(header, nlohmann::json::parse(R"({
    "__metadata__": {"k": "v"},
    "a": {"dtype": "I16", "shape": [2], "data_offsets": [0, 4]},
    "b": {"dtype": "BOOL", "shape": [1], "data_offsets": [4, 5]}})"));
  EXPECT_EQ(bytes.substr(8 + size), std::string("\1\0\2\0\1", 5));
}

TEST_F(SafetensorsTest, EmptyFileOfNoTensors) {
  write_safetensors(path(), {});
  EXPECT_TRUE(read_safetensors(path()).tensors.empty());
  EXPECT_FALSE(read_safetensors(path()).find("x").defined());
}

// As other writers lay files out: entries in another order than the data, padding, no metadata.
TEST_F(SafetensorsTest, ReadsForeignLayout) {
  const TensorFile file =
      read_header(R"(  {"b":{"shape":[],"dtype":"U8","data_offsets":[2,3]},)"
                  R"("a":{"dtype":"U8","shape":[2,1],"data_offsets":[0,2]}}     )",
                  "\x05\x06\x07");
  EXPECT_EQ(file.tensors[0].first, "b");
  EXPECT_EQ(file.find("b").item<int>(), 7);
  EXPECT_TRUE(torch::equal(file.find("a"), torch::tensor({{5}, {6}}, torch::kUInt8)));
}

// Values of the bytes 0 .. 7, and of the largest and odd ones, from the OCP specification of 8-bit
// floats, tables 1 and 2.
TEST_F(SafetensorsTest, SmallFloatsBecomeFloats) {
  const TensorFile file =
      read_header(R"({"a":{"dtype":"F8_E4M3","shape":[2,4],"data_offsets":[0,8]},)"
                  R"("b":{"dtype":"F8_E5M2","shape":[8],"data_offsets":[8,16]}})",
                  std::string("\x00\x01\x08\x38\x7e\xfe\x80\x7f"
                              "\x00\x01\x04\x3c\x7b\xfc\x80\x7d",
                              16));
  const auto a = file.find("a"), b = file.find("b");
  EXPECT_EQ(a.sizes(), torch::IntArrayRef({2, 4}));
  EXPECT_EQ(a.scalar_type(), torch::kFloat32);
  const std::vector<float> small = {0, 0x1p-9f, 0x1p-6f, 1, 448, -448, -0.0f};
  const std::vector<float> wide = {0, 0x1p-16f, 0x1p-14f, 1, 57344, -INFINITY, -0.0f};
  for (std::size_t i = 0; i < 7; ++i) {
    EXPECT_EQ(a.data_ptr<float>()[i], small[i]) << i;
    EXPECT_EQ(b.data_ptr<float>()[i], wide[i]) << i;
  }
  EXPECT_TRUE(std::signbit(a.data_ptr<float>()[6]));
  EXPECT_TRUE(std::isnan(a.data_ptr<float>()[7]));
  EXPECT_TRUE(std::isnan(b.data_ptr<float>()[7]));
}

TEST_F(SafetensorsTest, UnsignedNumbersAreHeldInWiderTypes) {
  const std::string header = R"({"a":{"dtype":"U64","shape":[1],"data_offsets":[0,8]},)"
                             R"("b":{"dtype":"U32","shape":[1],"data_offsets":[8,12]},)"
                             R"("c":{"dtype":"U16","shape":[2],"data_offsets":[12,16]}})";
  const std::string rest = "\xff\xff\xff\xff\xff\xff\x01\x80";
  const TensorFile file = read_header(header, std::string("\x05\0\0\0\0\0\0\x40", 8) + rest);
  EXPECT_EQ(file.find("a").item<std::int64_t>(), 0x4000000000000005);
  EXPECT_EQ(file.find("b").item<std::int64_t>(), 0xffffffff);
  EXPECT_TRUE(torch::equal(file.find("c"), torch::tensor({0xffff, 0x8001}, torch::kInt32)));
  EXPECT_THAT(damage(header, std::string("\0\0\0\0\0\0\0\x80", 8) + rest),
              HasSubstr("tensor 'a' has dtype 'U64' and values above 2^63 - 1"));
}

// Tensors are views of the file; they outlive its replacement and take writes of their own.
TEST_F(SafetensorsTest, TensorsOutliveTheFile) {
  const auto w = torch::arange(6.0);
  write_safetensors(path(), {{{"w", w}}, {}});
  TensorFile file = read_safetensors(path());
  write_safetensors(path(), {{{"w", w + 1}}, {}});
  EXPECT_TRUE(torch::equal(file.find("w"), w));
  file.find("w").mul_(2);
  EXPECT_TRUE(torch::equal(file.find("w"), w * 2));
  const auto view = file.find("w").slice(0, 2);
  file = {};
  std::filesystem::remove(path());
  EXPECT_TRUE(torch::equal(view, w.slice(0, 2) * 2));
}

// The header's length need not suit the types: such tensors are copied.
TEST_F(SafetensorsTest, OddAddresses) {
  for (int spaces = 0; spaces < 8; ++spaces) {
    const TensorFile file = read_header(R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},)"
                                        R"("b":{"dtype":"F32","shape":[2],"data_offsets":[1,9]}})" +
                                            std::string(std::size_t(spaces), ' '),
                                        std::string("\x07\0\0\x80\x3f\0\0\0\x40", 9));
    EXPECT_TRUE(torch::equal(file.find("b"), torch::tensor({1.0f, 2.0f}))) << spaces;
  }
}

TEST_F(SafetensorsTest, AFailedWriteKeepsTheOldFile) {
  write_safetensors(path(), {{{"w", torch::ones({3})}}, {}});
  const auto good = torch::ones({2}), bad = torch::zeros({2}, torch::kComplexFloat);
  EXPECT_THROW(write_safetensors(path(), {{{"a", good}, {"b", bad}}, {}}), RunError);
  EXPECT_EQ(read_safetensors(path()).find("w").numel(), 3);
  const std::filesystem::directory_iterator entries(folder_.path());
  EXPECT_EQ(std::distance(begin(entries), end(entries)), 1);
}

TEST_F(SafetensorsTest, WriteErrors) {
  const auto complex = torch::zeros({2}, torch::kComplexFloat);
  EXPECT_THAT(text_of<RunError>([&] {
                write_safetensors(path(), {{{"c", complex}}, {}});
              }),
              HasSubstr("tensor 'c' has dtype ComplexFloat"));
  const auto x = torch::zeros({1});
  EXPECT_THAT(text_of<RunError>([&] {
                write_safetensors(path(), {{{"x", x}, {"x", x}}, {}});
              }),
              HasSubstr("'x' is reserved or given twice"));
  EXPECT_THAT(text_of<RunError>([&] {
                write_safetensors(path(), {{{"__metadata__", x}}, {}});
              }),
              HasSubstr("reserved"));
  EXPECT_THAT(text_of<RunError>([&] {
                write_safetensors(path(), {{}, {{"k", "\xff"}}});
              }),
              HasSubstr("not UTF-8"));
  EXPECT_FALSE(std::filesystem::exists(path()));
}

TEST_F(SafetensorsTest, DamagedLengths) {
  EXPECT_THAT(text_of<DataError>([&] { read_bytes(""); }), HasSubstr("0 bytes are too few"));
  EXPECT_THAT(text_of<DataError>([&] { read_bytes("1234567"); }), HasSubstr("7 bytes are too few"));
  EXPECT_THAT(text_of<DataError>([&] { read_bytes(little_endian(3) + "{}"); }),
              AllOf(StartsWith(path()), HasSubstr("header of 3 bytes in a file of 10")));
  EXPECT_THAT(text_of<DataError>([&] { read_bytes(std::string(100, '\xff')); }),
              HasSubstr("header of 18446744073709551615 bytes"));
  EXPECT_THAT(text_of<DataError>([&] { read_bytes(little_endian(0)); }),
              HasSubstr("no JSON object"));
}

TEST_F(SafetensorsTest, DamagedHeaders) {
  for (const char* header : {"[]", "{", "{\"a\":}", "null", "\"x\"", "{\"\xff\":1}", "{}x"}) {
    EXPECT_THAT(damage(header), HasSubstr("no JSON object")) << header;
  }
  EXPECT_THAT(damage(std::string(5000000, '[')), HasSubstr("nested too deep"));
  EXPECT_THAT(damage(R"({"__metadata__":{"a":[[[[[1]]]]]}})"), HasSubstr("nested too deep"));
  EXPECT_THAT(damage(R"({"__metadata__":3})"), HasSubstr("__metadata__ is no object"));
  EXPECT_THAT(damage(R"({"__metadata__":{"a":3}})"), HasSubstr("'a' is no string"));
  // Brackets and quotes in texts do not count as nesting.
  EXPECT_EQ(read_header(R"({"__metadata__":{"a":"[[[[[[\"[[["}})").metadata.at("a"), "[[[[[[\"[[[");
}

TEST_F(SafetensorsTest, DamagedEntries) {
  const auto entry = [this](const std::string& text, const std::string& data) {
    return damage("{\"w\":" + text + "}", data);
  };
  const std::string four(4, '\0');
  EXPECT_THAT(entry("3", four), HasSubstr("tensor 'w': needs dtype, shape and two data_offsets"));
  EXPECT_THAT(entry(R"({"dtype":"F32","shape":[1]})", four), HasSubstr("needs dtype"));
  EXPECT_THAT(entry(R"({"dtype":5,"shape":[1],"data_offsets":[0,4]})", four),
              HasSubstr("needs dtype"));
  EXPECT_THAT(entry(R"({"dtype":"F32","shape":{},"data_offsets":[0,4]})", four),
              HasSubstr("needs dtype"));
  EXPECT_THAT(entry(R"({"dtype":"F32","shape":[1],"data_offsets":[0,4,4]})", four),
              HasSubstr("needs dtype"));
  EXPECT_THAT(entry(R"({"dtype":"F4","shape":[8],"data_offsets":[0,4]})", four),
              HasSubstr("tensor 'w' has dtype 'F4', which is not supported"));
  for (const char* shape : {"[-1]", "[1.5]", "[\"1\"]", "[null]", "[[1]]"}) {
    EXPECT_THAT(
        entry(std::string(R"({"dtype":"F32","data_offsets":[0,4],"shape":)") + shape + "}", four),
        HasSubstr("shape is no list of sizes"))
        << shape;
  }
  for (const char* offsets : {"[-4,0]", "[0,\"4\"]", "[0,4.0]"}) {
    EXPECT_THAT(
        entry(std::string(R"({"dtype":"F32","shape":[1],"data_offsets":)") + offsets + "}", four),
        HasSubstr("data_offsets are no offsets"))
        << offsets;
  }
  EXPECT_THAT(entry(R"({"dtype":"BOOL","shape":[4],"data_offsets":[0,4]})", "\1\1\2\1"),
              HasSubstr("no bool"));
}

TEST_F(SafetensorsTest, HugeShapes) {
  const auto with_shape = [this](const std::string& shape) {
    return damage(R"({"w":{"dtype":"F64","data_offsets":[0,8],"shape":)" + shape + "}}",
                  std::string(8, '\0'));
  };
  for (const char* shape :
       {"[18446744073709551615]", "[9223372036854775808]", "[4294967296,4294967296]",
        "[0,9223372036854775807,9223372036854775807]", "[2305843009213693953]",
        "[1152921504606846976,0]"}) {
    EXPECT_THAT(with_shape(shape), HasSubstr("too large")) << shape;
  }
  EXPECT_THAT(with_shape("[18446744073709551616]"), HasSubstr("shape is no list of sizes"));
  EXPECT_THAT(with_shape("[1000000]"), HasSubstr("shape needs 8000000 bytes, offsets span 8"));
  std::string ones = "[1";
  for (int i = 0; i < 100; ++i) ones += ",1";
  EXPECT_THAT(with_shape(ones + "]"), HasSubstr("too many dimensions"));
}

TEST_F(SafetensorsTest, OffsetsMustCoverTheData) {
  const auto two = [this](const std::string& a, const std::string& b, std::size_t size) {
    return damage(R"({"a":{"dtype":"U8","shape":[4],"data_offsets":)" + a +
                      R"(},"b":{"dtype":"U8","shape":[4],"data_offsets":)" + b + "}}",
                  std::string(size, '\0'));
  };
  EXPECT_EQ(two("[0,4]", "[4,8]", 8), "");
  EXPECT_EQ(two("[4,8]", "[0,4]", 8), "");
  EXPECT_THAT(two("[0,4]", "[2,6]", 6), HasSubstr("tensor 'b': data begin at byte 2, expected 4"));
  EXPECT_THAT(two("[0,4]", "[0,4]", 4), HasSubstr("begin at byte 0, expected 4"));
  EXPECT_THAT(two("[0,4]", "[5,9]", 9), HasSubstr("begin at byte 5, expected 4"));
  EXPECT_THAT(two("[1,5]", "[5,9]", 9), HasSubstr("begin at byte 1, expected 0"));
  EXPECT_THAT(two("[0,4]", "[4,8]", 9), HasSubstr("has 9 data bytes, its tensors take 8"));
  EXPECT_THAT(two("[0,4]", "[4,8]", 7), HasSubstr("lies outside of the 7 data bytes"));
  EXPECT_THAT(two("[4,0]", "[4,8]", 8), HasSubstr("[4, 0) lies outside"));
  EXPECT_THAT(two("[0,4]", "[18446744073709551614,2]", 8), HasSubstr("lies outside"));
  EXPECT_THAT(two("[0,3]", "[4,8]", 8), HasSubstr("shape needs 4 bytes, offsets span 3"));
  // The second of two entries with one name wins, which leaves a gap.
  EXPECT_THAT(damage(R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},)"
                     R"("a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}})",
                     "xy"),
              HasSubstr("expected 0"));
}

// Small floats become four times as large, so that their places are checked before.
TEST_F(SafetensorsTest, OverlapsAreSeenBeforeTensorsAreMade) {
  const std::string data(1 << 20, '\0');
  std::string header;
  for (int i = 0; i < 10000; ++i) {
    header += (i ? ",\"" : "{\"") + std::to_string(i) +
              R"(":{"dtype":"F8_E4M3","shape":[1048576],"data_offsets":[0,1048576]})";
  }
  EXPECT_THAT(damage(header + "}", data), HasSubstr("begin at byte 0, expected 1048576"));
}

/// A file as a network's checkpoint has it.
TensorFile sample_file() {
  torch::manual_seed(3);
  TensorFile file;
  for (std::size_t i = 0; i < std::size(kAllTypes); ++i) {
    file.tensors.emplace_back("layer" + std::to_string(i) + ".weight",
                              (torch::randn({3, static_cast<int>(i)}) * 9).to(kAllTypes[i]));
  }
  file.tensors.emplace_back("scalar", torch::tensor(2.5));
  file.metadata = {{"progress", R"({"step": 12, "epochs": [{"lr": 0.1}]})"}};
  return file;
}

// A file that was not written to its end is never taken for a whole one.
TEST_F(SafetensorsTest, EveryTruncationIsSeen) {
  write_safetensors(path(), sample_file());
  const std::string whole = read_file(path());
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_THAT(text_of<DataError>([&] { read_bytes(whole.substr(0, size)); }), StartsWith(path()))
        << size << " of " << whole.size();
  }
  EXPECT_THAT(text_of<DataError>([&] { read_bytes(whole + "x"); }), HasSubstr("data bytes"));
}

// Whatever bytes come: a tensor file or a DataError.
TEST_F(SafetensorsTest, RandomDamageThrowsDataErrorsOnly) {
  write_safetensors(path(), sample_file());
  const std::string whole = read_file(path());
  std::mt19937_64 rng(7);
  int refused = 0;
  for (int round = 0; round < 4000; ++round) {
    std::string bytes = whole;
    const std::uint64_t changes = 1 + uniform_index(rng, 4);
    for (std::uint64_t i = 0; i < changes; ++i) {
      // Half of the hits go to the header, where they matter.
      const std::uint64_t reach = uniform_index(rng, 2) ? bytes.size() : bytes.size() / 2;
      const std::uint64_t at = uniform_index(rng, reach);
      switch (uniform_index(rng, 5)) {
        case 0:
          bytes[at] = static_cast<char>(bytes[at] ^ 1 << uniform_index(rng, 8));
          break;
        case 1:
          bytes[at] = static_cast<char>(uniform_index(rng, 256));
          break;
        case 2:
          bytes[at] = static_cast<char>('0' + uniform_index(rng, 10));
          break;
        case 3:
          bytes.erase(at, uniform_index(rng, 8));
          break;
        default:
          bytes.insert(at, bytes.substr(uniform_index(rng, bytes.size()), uniform_index(rng, 20)));
      }
    }
    try {
      for (const auto& entry : read_bytes(bytes).tensors) entry.second.sum();
    } catch (const DataError&) {
      ++refused;
    } catch (const std::exception& e) {
      FAIL() << "round " << round << ": " << e.what();
    }
  }
  EXPECT_GT(refused, 1000);
}

}  // namespace
}  // namespace deneb
