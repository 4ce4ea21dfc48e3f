#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <filesystem>
#include <fstream>
#include <random>

#include <deneb/io/files.h>
#include <deneb/io/weight_file.h>
#include <deneb/random.h>

#include "scratch_folder.h"
#include "support/pytorch_file.h"

namespace deneb::weight_file {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

const std::string kGolden = DENEB_GOLDEN "/weights/";

/// As tests/golden/weights/make_weights.py.
torch::Tensor values(std::int64_t n, double scale) {
  return torch::arange(n, torch::kFloat32) * scale - 1;
}

std::string raw(const torch::Tensor& tensor) {
  const torch::Tensor stored = tensor.contiguous();
  return {static_cast<const char*>(stored.data_ptr()), stored.nbytes()};
}

void expect_golden_state(const TensorFile& file) {
  const auto expect = [&](const std::string& name, const torch::Tensor& value) {
    const torch::Tensor found = file.find(name);
    ASSERT_TRUE(found.defined()) << name;
    EXPECT_EQ(found.scalar_type(), value.scalar_type()) << name;
    EXPECT_TRUE(torch::equal(found, value)) << name;
  };
  expect("conv.weight", values(24, 0.125).view({2, 3, 2, 2}));
  expect("turned", values(24, 0.25).view({4, 6}).t());
  expect("part", values(10, 0.5).slice(0, 2, 9, 3));
  expect("whole", values(10, 0.5));
  expect("half", values(3, 0.5).to(torch::kFloat16));
  expect("brain", values(3, 0.5).to(torch::kBFloat16));
  expect("double", values(2, 0.5).to(torch::kFloat64));
  expect("long", torch::tensor({{std::int64_t{1}, -(std::int64_t{1} << 40)}}));
  expect("int", torch::tensor({-5}, torch::kInt32));
  expect("short", torch::tensor({-300, 300}, torch::kInt16));
  expect("char", torch::tensor({-128, 127}, torch::kInt8));
  expect("byte", torch::tensor({0, 255}, torch::kUInt8));
  expect("flags", torch::tensor({true, false, true}));
  expect("scalar", torch::tensor(2.5f));
  expect("empty", torch::zeros({0, 3}));
  EXPECT_EQ(file.tensors.size(), 15u);
  EXPECT_EQ(file.tensors.front().first, "conv.weight");
  EXPECT_TRUE(file.unreadable.empty());
}

// Files of Python's PyTorch 1.13: a state_dict and checkpoints with an optimizer's state.
TEST(PytorchFiles, WrittenByPython) {
  for (const char* name :
       {"state.pth", "checkpoint.pth", "checkpoint_protocol4.pth", "checkpoint_legacy.pth"}) {
    SCOPED_TRACE(name);
    expect_golden_state(read_weights(kGolden + name));
    EXPECT_EQ(read_weights(kGolden + name, WeightCheck::kHeaders).tensors.size(), 15u);
  }
}

TEST(PytorchFiles, ModulesAndScriptsAreRefused) {
  EXPECT_THAT(text_of<DataError>([] { read_weights(kGolden + "module.pth"); }),
              AllOf(HasSubstr("module.pth: holds an object of 'torch.nn.modules.linear.Linear'"),
                    HasSubstr("torch.save(model.state_dict(), file)")));
  EXPECT_THAT(text_of<DataError>([] { read_weights(kGolden + "script.pt"); }),
              HasSubstr("is a TorchScript archive"));
}

class WeightFileTest : public ::testing::Test {
 protected:
  std::string write(const std::string& name, const std::string& bytes) const {
    std::filesystem::remove(folder_ / name);
    write_file_atomically(folder_ / name, bytes);
    return folder_ / name;
  }
  std::string refusal(const std::string& path) const {
    return text_of<DataError>([&] { read_weights(path); });
  }
  /// A file of a dict of that content with two storages of ones, eight floats and eight bytes.
  std::string pickled(const std::string& items) const {
    const std::string path = folder_ / "p.pth";
    std::filesystem::remove(path);
    pytorch_file::write(path, pytorch_file::dict_pickle(items),
                        {raw(torch::ones({8})), std::string(8, '\1')});
    return path;
  }
  std::string tensor_refusal(std::int64_t offset, std::vector<std::int64_t> sizes,
                             std::vector<std::int64_t> strides) const {
    return refusal(pickled(pytorch_file::text("w") +
                           pytorch_file::tensor(pytorch_file::storage("FloatStorage", "0", 8),
                                                offset, sizes, strides)));
  }

  ScratchFolder folder_;
};

TEST_F(WeightFileTest, CheckpointKeys) {
  const auto w = torch::tensor({1.0f, 2.0f});
  for (const char* key : {"", "state_dict", "model_state_dict", "model", "net", "module"}) {
    const std::string path = folder_ / "c.bin";
    std::filesystem::remove(path);
    pytorch_file::write_state(path, {{"w", w}}, key);
    EXPECT_TRUE(torch::equal(read_weights(path).find("w"), w)) << key;
  }
  pytorch_file::write_state(folder_ / "other.bin", {{"w", w}}, "head");
  EXPECT_THAT(refusal(folder_ / "other.bin"),
              AllOf(HasSubstr("holds no tensors by name, neither at its top (epoch, head)"),
                    HasSubstr("state_dict, model_state_dict")));
}

TEST_F(WeightFileTest, FunctionsAreNotCalled) {
  const std::string marker = folder_ / "called";
  const std::string call = pytorch_file::global("os", "system") +
                           pytorch_file::tuple(pytorch_file::text("touch " + marker)) + "R";
  EXPECT_THAT(refusal(pickled(pytorch_file::text("w") + call)),
              HasSubstr("p.pth: holds an object of 'os.system'"));
  const std::string stacked = pytorch_file::text("posix") + pytorch_file::text("system") + "\x93" +
                              pytorch_file::tuple(pytorch_file::text("touch " + marker)) + "R";
  EXPECT_THAT(refusal(pickled(pytorch_file::text("w") + stacked)), HasSubstr("'posix.system'"));
  EXPECT_FALSE(std::filesystem::exists(marker));
}

TEST_F(WeightFileTest, TensorsStayWithinTheirStorages) {
  EXPECT_EQ(tensor_refusal(0, {8}, {1}), "");
  EXPECT_EQ(tensor_refusal(2, {2, 3}, {3, 1}), "");
  EXPECT_EQ(tensor_refusal(7, {3}, {0}), "");
  EXPECT_EQ(tensor_refusal(8, {0, 5}, {1, 1}), "");
  EXPECT_EQ(tensor_refusal(7, {1}, {std::int64_t{1} << 62}), "");
  for (const auto& [offset, sizes, strides] :
       std::vector<std::tuple<std::int64_t, std::vector<std::int64_t>, std::vector<std::int64_t>>>{
           {1, {8}, {1}},
           {0, {3}, {4}},
           {8, {1}, {1}},
           {9, {0}, {1}},
           {-1, {1}, {1}},
           {0, {2, 2}, {std::int64_t{1} << 62, std::int64_t{1} << 62}},
           {0, {3}, {std::int64_t{1} << 62}}}) {
    EXPECT_THAT(tensor_refusal(offset, sizes, strides), HasSubstr("reaches beyond its storage"));
  }
  EXPECT_THAT(tensor_refusal(0, {-1}, {1}), HasSubstr("no counts"));
  EXPECT_THAT(tensor_refusal(0, {2}, {-1}), HasSubstr("no counts"));
  EXPECT_THAT(tensor_refusal(0, {2}, {1, 1}), HasSubstr("other numbers of sizes and strides"));
  EXPECT_THAT(tensor_refusal(0, {std::int64_t{1} << 40}, {0}), HasSubstr("is larger than"));
  EXPECT_THAT(tensor_refusal(0, {0, std::int64_t{1} << 62, 4}, {0, 0, 0}),
              HasSubstr("is larger than"));
}

TEST_F(WeightFileTest, StoragesMustBeThereAndOfTheSizeThatIsSaid) {
  const auto error = [&](const std::string& storage) {
    return refusal(pickled(pytorch_file::text("w") + pytorch_file::tensor(storage, 0, {1}, {1})));
  };
  EXPECT_EQ(error(pytorch_file::storage("FloatStorage", "0", 8)), "");
  EXPECT_THAT(error(pytorch_file::storage("FloatStorage", "0", 7)),
              HasSubstr("has a storage of 32 bytes, expected 28"));
  EXPECT_THAT(error(pytorch_file::storage("FloatStorage", "7", 8)), HasSubstr("no record"));
  EXPECT_THAT(error(pytorch_file::storage("FloatStorage", "0", std::int64_t{1} << 62)),
              HasSubstr("larger than the file"));
  EXPECT_THAT(error(pytorch_file::storage("FloatStorage", "0", -1)), HasSubstr("no storage"));
}

// Newer PyTorch stores types that have no storage class of their own by their dtype.
TEST_F(WeightFileTest, NewerTypes) {
  const auto rebuilt = [](const std::string& dtype, std::int64_t size) {
    return pytorch_file::global("torch._utils", "_rebuild_tensor_v3") +
           pytorch_file::tuple(
               pytorch_file::tuple(pytorch_file::text("storage") +
                                   pytorch_file::global("torch.storage", "UntypedStorage") +
                                   pytorch_file::text("1") + pytorch_file::text("cpu") +
                                   pytorch_file::integer(8)) +
               "Q" + pytorch_file::integer(0) + pytorch_file::integers({size}) +
               pytorch_file::integers({1}) + "\x89" + pytorch_file::empty_dict() +
               pytorch_file::global("torch", dtype)) +
           "R";
  };
  const TensorFile file = read_weights(
      pickled(pytorch_file::text("f8") + rebuilt("float8_e5m2", 8) + pytorch_file::text("u16") +
              rebuilt("uint16", 4) + pytorch_file::text("complex") + rebuilt("complex64", 1)));
  EXPECT_EQ(file.find("f8")[0].item<float>(), 0x1p-16f);
  EXPECT_EQ(file.find("u16")[3].item<int>(), 0x101);
  EXPECT_TRUE(file.find("complex").is_meta());
  EXPECT_EQ(file.unreadable.at("complex"),
            "has elements of torch.complex64, which is not supported");
}

TEST_F(WeightFileTest, DeepAndCyclicPicklesDoNoHarm) {
  std::string deep;
  for (int i = 0; i < 1000000; ++i) deep += "]";
  EXPECT_THAT(refusal(pickled(pytorch_file::text("w") + deep + std::string(999999, 'a'))),
              HasSubstr("holds no tensors by name"));
  EXPECT_THAT(refusal(pickled(pytorch_file::text("w") + "]q\x01h\x01"
                                                        "a")),
              HasSubstr("holds no tensors by name"));
  EXPECT_THAT(refusal(pickled(pytorch_file::text("state_dict") + "}q\x01(" +
                              pytorch_file::text("state_dict") + "h\x01u")),
              HasSubstr("holds no tensors by name"));
}

// What is stored once may be recalled for a few bytes, as often as one likes.
TEST_F(WeightFileTest, SmallPicklesStaySmall) {
  const std::string od = pytorch_file::global("collections", "OrderedDict");
  std::string pairs;
  for (int i = 0; i < 1000; ++i) pairs += "h\x01";
  const std::string list = "]q\x02(" + pytorch_file::tuple("NN") + "q\x01" + pairs + "e\x85q\x03";
  std::string calls = od + "q\x04h\x03R";
  EXPECT_THAT(refusal(pickled(pytorch_file::text("w") + list + "0" + calls)),
              HasSubstr("holds no tensors by name"));
  for (int i = 0; i < 1000; ++i) calls += "0h\x04h\x03R";
  EXPECT_THAT(refusal(pickled(pytorch_file::text("w") + list + "0" + calls)),
              HasSubstr("repeats its pairs too often"));
  EXPECT_THAT(refusal(pickled(pytorch_file::text("w") +
                              pytorch_file::tensor(
                                  pytorch_file::storage("FloatStorage", std::string(300, '0'), 8),
                                  0, {8}, {1}))),
              HasSubstr("refers to something that is no storage"));
}

// All entries of a directory may name the same bytes.
TEST_F(WeightFileTest, RecordsMayNotOverlap) {
  const std::string path =
      pickled(pytorch_file::text("w") +
              pytorch_file::tensor(pytorch_file::storage("FloatStorage", "0", 8), 0, {8}, {1}));
  std::string bytes = read_file(path);
  std::vector<std::size_t> entries;
  for (std::size_t at = bytes.find("PK\x01\x02"); at != std::string::npos;
       at = bytes.find("PK\x01\x02", at + 1)) {
    entries.push_back(at);
  }
  ASSERT_GE(entries.size(), 3u);
  // Each has half of the archive, from the same place on.
  const std::uint64_t half = bytes.size() / 2;
  for (const std::size_t at : entries) {
    for (const std::size_t field : {at + 20, at + 24}) {
      for (int i = 0; i < 4; ++i) bytes[field + std::size_t(i)] = char(half >> (8 * i));
    }
    bytes.replace(at + 42, 4, bytes.substr(entries[0] + 42, 4));
  }
  EXPECT_THAT(refusal(write("p.pth", bytes)), HasSubstr("has files that overlap"));
}

TEST_F(WeightFileTest, KnownFormatsAreNamed) {
  std::string tar(600, '\0');
  tar.replace(257, 5, "ustar");
  EXPECT_THAT(refusal(write("old.pth", tar)),
              AllOf(HasSubstr("tar archive"), HasSubstr("torch.save(tensors, file)")));
  EXPECT_THAT(refusal(write("w.h5", "\x89HDF\r\n\x1a\nxxxxxxxx")), HasSubstr("HDF5"));
  EXPECT_THAT(refusal(write("w.gguf", "GGUF\3\0\0\0")), HasSubstr("GGUF"));
  EXPECT_THAT(refusal(write("w.pkl", "\x80\x04K\x05.")), HasSubstr("is a pickle"));
  EXPECT_THAT(refusal(write("w.safetensors", "version https://git-lfs.github.com/spec/v1\n")),
              HasSubstr("git lfs pull"));
  EXPECT_THAT(refusal(write("w.pth", "<!DOCTYPE html>")), HasSubstr("web page"));
  EXPECT_THAT(refusal(write("config.json", "{\"a\": 1}")), HasSubstr("is a JSON file"));
  EXPECT_THAT(refusal(write("w.bin", "12345")), HasSubstr("too few for a safetensors file"));
  EXPECT_THAT(refusal(folder_ / "absent.pth"), HasSubstr("absent.pth: cannot be read"));
  caffe2::serialize::PyTorchStreamWriter archive(folder_ / "a.npz");
  archive.writeRecord("x.npy", "xx", 2);
  archive.writeEndOfFile();
  EXPECT_THAT(refusal(folder_ / "a.npz"), HasSubstr("torch.save() did not write"));
}

TEST_F(WeightFileTest, SizesOfHeadersLookLikeNoOtherFormat) {
  // 0x80 begins pickles, 0x3c pages, 0x7b JSON; "PK" and "GGUF" are larger than any header here.
  for (std::size_t size = 100; size < 100 + 256; ++size) {
    std::string header = R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}})";
    header.resize(size, ' ');
    std::string bytes(8, '\0');
    bytes[0] = char(size & 0xff);
    bytes[1] = char(size >> 8);
    const TensorFile file = read_weights(write("w.safetensors", bytes + header + "xy"));
    ASSERT_EQ(file.tensors.size(), 1u) << size;
    EXPECT_EQ(file.tensors[0].second[1].item<int>(), 'y') << size;
  }
}

TEST_F(WeightFileTest, CompressedRecordsAreRefused) {
  caffe2::serialize::PyTorchStreamWriter archive(folder_ / "c.pth");
  const std::string pickle = pytorch_file::dict_pickle(std::string()) + std::string(500, 'x');
  archive.writeRecord("data.pkl", pickle.data(), pickle.size(), /*compress=*/true);
  archive.writeEndOfFile();
  EXPECT_THAT(refusal(folder_ / "c.pth"), HasSubstr("is compressed, which is not supported"));
}

TEST_F(WeightFileTest, FoldersOfHuggingFace) {
  const auto a = torch::ones({2}), b = torch::zeros({3});
  const std::string folder = folder_ / "net";
  EXPECT_THAT(refusal(folder_.path()), HasSubstr("is a folder without model.safetensors"));
  std::filesystem::create_directories(folder);
  pytorch_file::write_state(folder + "/pytorch_model.bin", {{"a", a}});
  EXPECT_EQ(read_weights(folder).tensors.size(), 1u);

  write_safetensors(folder + "/model-00001-of-00002.safetensors", {{{"a", a}}, {}});
  write_safetensors(folder + "/model-00002-of-00002.safetensors", {{{"b", b}}, {}});
  const std::string index = folder + "/model.safetensors.index.json";
  const std::string map = R"("a": "model-00001-of-00002.safetensors", "b": "model-0000)";
  const auto write_index = [&](const std::string& text) {
    write_file_atomically(index, R"({"metadata": {}, "weight_map": {)" + text + "}}");
  };
  write_index(map + "2-of-00002.safetensors\"");
  for (const std::string& path : {folder, index}) {
    const TensorFile file = read_weights(path);
    EXPECT_EQ(file.tensors.size(), 2u);
    EXPECT_TRUE(torch::equal(file.find("b"), b));
  }
  write_index(map + "3-of-00002.safetensors\"");
  EXPECT_THAT(refusal(folder), AllOf(HasSubstr("model-00003-of-00002.safetensors: not found"),
                                     HasSubstr("index.json names it")));
  write_index(map + "1-of-00002.safetensors\"");
  EXPECT_THAT(refusal(folder), HasSubstr("00001-of-00002.safetensors: has no tensor 'b'"));
  write_index(R"("a": "../net/model-00001-of-00002.safetensors")");
  EXPECT_THAT(refusal(folder), HasSubstr("weight_map 'a' is no plain file name"));
  write_safetensors(folder + "/model-00002-of-00002.safetensors", {{{"a", a}, {"b", b}}, {}});
  write_index(map + "2-of-00002.safetensors\"");
  EXPECT_THAT(refusal(folder), HasSubstr("tensor 'a' is in"));
  write_file_atomically(index, "{\"weight_map\": [");
  EXPECT_THAT(refusal(folder), HasSubstr("needs an object weight_map"));

  write_safetensors(folder + "/model.safetensors", {{{"c", a}}, {}});
  EXPECT_TRUE(read_weights(folder).find("c").defined());
}

// A type that nobody needs to know hurts nobody.
TEST_F(WeightFileTest, UnreadableTensorsAreListed) {
  const std::string header = R"({"a":{"dtype":"F4","shape":[4],"data_offsets":[0,2]},)"
                             R"("b":{"dtype":"BOOL","shape":[2],"data_offsets":[2,4]},)"
                             R"("c":{"dtype":"I8","shape":[2],"data_offsets":[4,6]}})";
  const std::string path = write("w.safetensors", pytorch_file::number(header.size(), 8) + header +
                                                      std::string("\0\0\1\2\3\4", 6));
  const TensorFile file = read_weights(path);
  EXPECT_EQ(file.unreadable.size(), 2u);
  EXPECT_EQ(file.unreadable.at("a"), "has dtype 'F4', which is not supported");
  EXPECT_THAT(file.unreadable.at("b"), HasSubstr("no bool"));
  EXPECT_EQ(file.find("a").sizes(), torch::IntArrayRef({4}));
  EXPECT_EQ(file.find("c")[1].item<int>(), 4);
  EXPECT_THROW(read_safetensors(path), DataError);
}

/// Whatever bytes come: a DataError, or the file's own tensors.
void survives_damage(const std::string& whole, const std::string& path, bool has_checksums,
                     int rounds) {
  write_file_atomically(path, whole);
  const TensorFile good = read_weights(path);
  std::mt19937_64 rng(11);
  int refused = 0;
  for (int round = 0; round < rounds; ++round) {
    std::string bytes = whole;
    if (uniform_index(rng, 8) == 0) {
      bytes.resize(uniform_index(rng, bytes.size()));
    } else {
      for (std::uint64_t i = 0, n = 1 + uniform_index(rng, 3); i < n; ++i) {
        const std::uint64_t at = uniform_index(rng, bytes.size());
        bytes[at] = static_cast<char>(uniform_index(rng, 2) ? bytes[at] ^ 1 << uniform_index(rng, 8)
                                                            : uniform_index(rng, 256));
      }
    }
    std::filesystem::remove(path);
    std::ofstream(path, std::ios::binary) << bytes;
    try {
      const TensorFile file = read_weights(path);
      for (const auto& [name, tensor] : file.tensors) {
        if (tensor.is_meta()) continue;
        tensor.to(torch::kFloat64).sum();
        if (!has_checksums) continue;
        EXPECT_TRUE(torch::equal(tensor, good.find(name))) << round << " " << name;
      }
    } catch (const DataError& e) {
      ++refused;
      EXPECT_THAT(e.what(), StartsWith(path)) << round;
    } catch (const std::exception& e) {
      FAIL() << "round " << round << ": " << e.what();
    }
  }
  EXPECT_GT(refused, rounds / 10);
}

TEST_F(WeightFileTest, RandomDamageThrowsDataErrorsOnly) {
  survives_damage(read_file(kGolden + "checkpoint.pth"), folder_ / "w.pth", true, 3000);
  survives_damage(read_file(kGolden + "checkpoint_legacy.pth"), folder_ / "w.pth", false, 3000);
}

// With the checksum made right again, damage reaches the reader of pickles.
TEST_F(WeightFileTest, DamagedPicklesThrowDataErrorsOnly) {
  const std::string items =
      pytorch_file::text("epoch") + pytorch_file::integer(3) + pytorch_file::text("w") +
      pytorch_file::tensor(pytorch_file::storage("FloatStorage", "0", 8), 1, {2, 3}, {3, 1}) +
      pytorch_file::text("b") +
      pytorch_file::tensor(pytorch_file::storage("ByteStorage", "1", 8), 0, {8}, {1});
  const std::string pickle = pytorch_file::dict_pickle(items);
  std::mt19937_64 rng(5);
  int refused = 0;
  for (int round = 0; round < 4000; ++round) {
    std::string bytes = pickle;
    for (std::uint64_t i = 0, n = 1 + uniform_index(rng, 3); i < n; ++i) {
      const std::uint64_t at = uniform_index(rng, bytes.size());
      switch (uniform_index(rng, 4)) {
        case 0:
          bytes[at] = static_cast<char>(uniform_index(rng, 256));
          break;
        case 1:
          bytes.erase(at, uniform_index(rng, 9));
          break;
        case 2:
          bytes.insert(at, bytes.substr(uniform_index(rng, bytes.size()), uniform_index(rng, 20)));
          break;
        default:
          bytes[at] = static_cast<char>(bytes[at] ^ 1 << uniform_index(rng, 8));
      }
    }
    const std::string path = folder_ / "w.pth";
    std::filesystem::remove(path);
    pytorch_file::write(path, bytes, {raw(torch::ones({8})), std::string(8, '\1')});
    try {
      const TensorFile file = read_weights(path);
      for (const auto& entry : file.tensors) {
        if (!entry.second.is_meta()) entry.second.to(torch::kFloat64).sum();
      }
    } catch (const DataError&) {
      ++refused;
    } catch (const std::exception& e) {
      FAIL() << "round " << round << ": " << e.what();
    }
  }
  EXPECT_GT(refused, 1000);
}

}  // namespace
}  // namespace deneb::weight_file
