#include <filesystem>

#include "plugins/datasets/dataset_fixture.h"

namespace dataset_test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::string tokenizer_of(const std::string& name) {
  return std::string(DENEB_GOLDEN_DIR) + "/tokenizers/" + name + ".json";
}

class TextTable : public ::testing::Test {
 protected:
  void write(const std::string& name, const std::string& text) {
    deneb::write_file_atomically(folder_ / name, text);
  }
  /// Options for the files of the folder.
  nlohmann::json options(nlohmann::json more = nlohmann::json::object()) {
    nlohmann::json all = {{"data_path", folder_.path()},
                          {"tokenizer", tokenizer_of("bert_uncased")},
                          {"max_length", 16}};
    all.update(more);
    return all;
  }
  nlohmann::json plain(const std::string& train, nlohmann::json more = nlohmann::json::object()) {
    nlohmann::json all = options(
        {{"train_file", train}, {"test_file", train}, {"text", "text"}, {"label", "label"}});
    all.update(more);
    return all;
  }
  std::vector<std::int64_t> row(const Batch& batch, std::int64_t index) {
    return numbers(batch.input()[index]);
  }
  ScratchFolder folder_;
};

TEST_F(TextTable, Sst2) {
  write("train.tsv", "sentence\tlabel\na \"fine\" film .\t1\r\n\tdull\xC3\xA9\t0\n");
  write("dev.tsv", "\xEF\xBB\xBFsentence\tlabel\n\nbad\t0\n");
  EXPECT_THAT(
      open_error("TextTable", options({{"preset", "sst2"}})),
      HasSubstr("train.tsv:3: 3 fields, expected 2 as there are columns ('sentence', 'label')"));
  write("train.tsv", "sentence\tlabel\na \"fine\" film .\t1\r\n\t0\ndull\xC3\xA9\t0\n");
  const auto table = open("TextTable", options({{"preset", "sst2"}}));
  EXPECT_EQ(table->size(DataPart::kTrain), 3);
  EXPECT_EQ(table->size(DataPart::kTest), 1);
  const Batch batch = table->gather(DataPart::kTrain, {1, 0});
  EXPECT_THAT(numbers(batch.target()), ElementsAre(0, 1));
  EXPECT_EQ(batch.input().size(1), table->length(DataPart::kTrain, 0));
  EXPECT_EQ(table->length(DataPart::kTrain, 1), 2);
  EXPECT_THAT(numbers(batch.input()[0].slice(0, 0, 3)), ElementsAre(2, 3, 0));
  EXPECT_THAT(numbers(batch.at("attention_mask")[0].slice(0, 0, 3)), ElementsAre(1, 1, 0));
  EXPECT_EQ(batch.at("attention_mask")[1].sum().item<std::int64_t>(), batch.input().size(1));
  EXPECT_EQ(batch.at("token_type").sum().item<std::int64_t>(), 0);
  // One length, no padding, no mask.
  EXPECT_EQ(table->gather(DataPart::kTrain, {1, 1}).tensors.count("attention_mask"), 0u);
}

TEST_F(TextTable, MrpcHasPairs) {
  const std::string head = "\xEF\xBB\xBFQuality\t#1 ID\t#2 ID\t#1 String\t#2 String\n";
  write("train.tsv", head + "1\t7\t8\tHe said \"so.\tShe said so.\n0\t9\t10\ta\tb\n");
  write("dev.tsv", head + "0\t9\t10\ta\tb\n");
  const auto table = open("TextTable", options({{"preset", "mrpc"}}));
  const Batch batch = table->gather(DataPart::kTrain, {1, 0});
  EXPECT_THAT(numbers(batch.target()), ElementsAre(0, 1));
  EXPECT_EQ(table->length(DataPart::kTrain, 1), 5);
  const auto types = numbers(batch.at("token_type")[0].slice(0, 0, 6));
  EXPECT_THAT(types, ElementsAre(0, 0, 0, 1, 1, 0));
  EXPECT_EQ(batch.input()[0][2].item<std::int64_t>(), 3);
  EXPECT_EQ(batch.input()[0][4].item<std::int64_t>(), 3);
}

TEST_F(TextTable, Csv) {
  write("t.csv", "label,text\nno,\"a, \"\"b\"\"\n c\"\nyes,plain text\n\"no\",\"\"\n");
  const auto table = open("TextTable", plain("t.csv", {{"label_names", {"no", "yes"}}}));
  EXPECT_EQ(table->size(DataPart::kTrain), 3);
  write("u.tsv", "label\ttext\n1\ta, \"b\" c\n");
  const auto same = open("TextTable", plain("u.tsv"));
  const Batch a = table->gather(DataPart::kTrain, {0}), b = same->gather(DataPart::kTest, {0});
  EXPECT_TRUE(torch::equal(a.input(), b.input()));
  EXPECT_THAT(numbers(table->gather(DataPart::kTrain, {0, 1, 2}).target()), ElementsAre(0, 1, 0));
  EXPECT_EQ(table->length(DataPart::kTrain, 2), 2);
}

TEST_F(TextTable, JsonLinesAndColumns) {
  write("t.jsonl",
        "{\"text\": \"caf\\u00e9\", \"label\": 1, \"more\": [1]}\n\n{\"label\": \"0\", \"text\": "
        "\"a\xFF\"}");
  write("t.tsv", "1\tcafe\n0\ta\n");
  const auto lines = open("TextTable", plain("t.jsonl"));
  const auto columns = open("TextTable", plain("t.tsv", {{"columns", {"label", "text"}}}));
  const Batch a = everything(*lines, DataPart::kTrain), b = everything(*columns, DataPart::kTrain);
  EXPECT_TRUE(torch::equal(a.input(), b.input()));
  EXPECT_TRUE(torch::equal(a.target(), b.target()));
  EXPECT_THAT(numbers(a.target()), ElementsAre(1, 0));
}

TEST_F(TextTable, FixedWidth) {
  write("t.tsv", "label\ttext\n1\ta\n0\ta b c\n");
  const auto table = open("TextTable", plain("t.tsv", {{"padding", "max_length"}}));
  const Batch batch = table->gather(DataPart::kTrain, {0});
  EXPECT_THAT(batch.input().sizes(), ElementsAre(1, 16));
  EXPECT_EQ(batch.at("attention_mask").sum().item<std::int64_t>(), 3);
  EXPECT_EQ(table->length(DataPart::kTrain, 1), 0);
}

TEST_F(TextTable, LongAndEmptyTexts) {
  write("t.tsv",
        "label\ttext\n1\t" + std::string(100000, 'a') + " " + std::string(50000, '!') + "\n0\t\n");
  const auto bert = open("TextTable", plain("t.tsv"));
  EXPECT_EQ(bert->length(DataPart::kTrain, 0), 16);
  EXPECT_EQ(row(bert->gather(DataPart::kTrain, {0}), 0).back(), 3);
  EXPECT_EQ(bert->length(DataPart::kTrain, 1), 2);
  // GPT-2 has no special tokens: an empty text is one end-of-text token.
  const auto gpt2 = open("TextTable", plain("t.tsv", {{"tokenizer", tokenizer_of("gpt2")}}));
  EXPECT_EQ(gpt2->length(DataPart::kTrain, 0), 16);
  const Batch batch = gpt2->gather(DataPart::kTrain, {1, 0});
  EXPECT_THAT(numbers(batch.input()[0].slice(0, 0, 2)), ElementsAre(700, 700));
  EXPECT_THAT(numbers(batch.at("attention_mask")[0].slice(0, 0, 2)), ElementsAre(1, 0));
  EXPECT_EQ(batch.tensors.count("token_type"), 0u);
}

TEST_F(TextTable, Facts) {
  const auto table = make("TextTable", plain("t.tsv", {{"num_classes", 5}}));
  EXPECT_EQ(table->info().num_classes, 5);
  EXPECT_THAT(table->info().sample_shape, ElementsAre(16));
}

TEST_F(TextTable, ErrorsInFiles) {
  const auto error = [&](const std::string& file, const std::string& text,
                         nlohmann::json more = nlohmann::json::object()) {
    write(file, text);
    return open_error("TextTable", plain(file, more));
  };
  EXPECT_THAT(
      error("t.tsv", "label\ttext\n1\ta\n2\tb\n"),
      HasSubstr("t.tsv:3: the label '2' is none of 0 .. 1; set label_names or num_classes"));
  EXPECT_THAT(error("t.tsv", "label\ttext\nham\ta\n", {{"label_names", {"no", "yes"}}}),
              HasSubstr("t.tsv:2: the label 'ham' is none of no, yes"));
  EXPECT_THAT(error("t.tsv", "label\tsentence\n"),
              HasSubstr("t.tsv:1: no column 'text'; there are 'label', 'sentence'"));
  EXPECT_THAT(error("t.tsv", ""), HasSubstr("t.tsv: is empty, expected a first line"));
  EXPECT_THAT(error("t.tsv", "label\ttext\n"), HasSubstr("t.tsv: holds no samples"));
  EXPECT_THAT(error("t.csv", "label,text\n1,\"a\n\nb\n"),
              HasSubstr("t.csv:2: a quote that begins here is not closed"));
  EXPECT_THAT(error("t.csv", "label,text\n1,\"a\nb\"c\n"),
              HasSubstr("t.csv:3: text goes on behind a closing quote"));
  EXPECT_THAT(error("t.csv", "label,text\n1,\"a\n\nb\"\n1\n"),
              HasSubstr("t.csv:5: 1 fields, expected 2"));
  EXPECT_THAT(error("t.jsonl", "{\"text\": \"a\", \"label\": 1}\n[1]\n"),
              HasSubstr("t.jsonl:2: is no JSON object"));
  EXPECT_THAT(error("t.jsonl", "{\"text\": \"a\"}\n"), HasSubstr("t.jsonl:1: has no 'label'"));
  EXPECT_THAT(error("t.jsonl", "{\"text\": [], \"label\": 1}\n"),
              HasSubstr("t.jsonl:1: 'text' is neither text nor number"));
  EXPECT_THAT(error("t.dat", "x"), HasSubstr("the name does not tell the format"));
  EXPECT_EQ(error("t.dat", "label\ttext\n1\ta\n", {{"format", "tsv"}}), "");
  EXPECT_EQ(error("t.tsv", "label\ttext\n1\t\"a\tb\"\n", {{"quoting", "double"}}), "");
}

TEST_F(TextTable, ErrorsInOptions) {
  EXPECT_THAT(open_error("TextTable", plain("t.tsv")),
              HasSubstr("t.tsv: not found; correct data_path"));
  EXPECT_THAT(open_error("TextTable", options({{"preset", "sst2"}})),
              HasSubstr("train.tsv: not found; set data_path to the folder that has GLUE's files"));
  EXPECT_THAT(open_error("TextTable", options({{"preset", "spam"}})),
              HasSubstr("train.jsonl: not found; correct data_path, or leave it out and run "
                        "`scripts/fetch_data.sh spam`"));
  write("t.tsv", "label\ttext\n1\ta\n");
  EXPECT_THAT(open_error("TextTable", plain("t.tsv", {{"tokenizer", folder_ / "none"}})),
              HasSubstr("none: not found; correct the option tokenizer"));
  EXPECT_THAT(
      text_of<deneb::ConfigError>([&] {
        open("TextTable", plain("t.tsv", {{"max_length", 2}}));
      }),
      HasSubstr("dataset.max_length: 2 leaves no room for text beside the 2 special tokens"));
  const auto config_error = [](const nlohmann::json& options) {
    return text_of<deneb::ConfigError>([&] { make("TextTable", options); });
  };
  EXPECT_THAT(config_error({{"data_path", "/x"}}),
              HasSubstr("train_file: is needed where no preset"));
  EXPECT_THAT(config_error({{"preset", "sst2"}, {"label_names", {"a", "b", "c"}}}),
              HasSubstr("has 3 names, expected num_classes = 2"));
}

// Real sentences, in GLUE's layout, where the build knows a folder of them.
TEST_F(TextTable, RealSst2) {
  const std::string data = std::string(DENEB_EXTRA_TEST_DATA) + "/sst2";
  if (!std::filesystem::exists(data)) GTEST_SKIP() << "no sst2 in DENEB_EXTRA_TEST_DATA";
  const auto tokens_of = [&](const std::string& padding, int bucket_batches) {
    const auto table = open(
        "TextTable",
        options(
            {{"preset", "sst2"}, {"data_path", data}, {"padding", padding}, {"max_length", 128}}));
    EXPECT_EQ(table->size(DataPart::kTrain), 6920);
    EXPECT_EQ(table->size(DataPart::kTest), 872);
    EXPECT_THAT(numbers(everything(*table, DataPart::kTest).target().bincount()),
                ElementsAre(428, 444));
    deneb::DataLoaderOptions loading;
    loading.train_portion = 1;
    loading.batch_size = 32;
    loading.bucket_batches = bucket_batches;
    const auto pass = deneb::DataLoader(table, loading).train(1, 0);
    std::int64_t tokens = 0;
    for (Batch batch; pass->next(batch);) tokens += batch.input().numel();
    return double(tokens);
  };
  const double buckets = tokens_of("longest", 50);
  EXPECT_GT(tokens_of("longest", 1), 1.2 * buckets);
  EXPECT_GT(tokens_of("max_length", 50), 1.5 * buckets);
}

}  // namespace
}  // namespace dataset_test
