#include "plugins/datasets/dataset_fixture.h"

namespace dataset_test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class LanguageModel : public ::testing::Test {
 protected:
  void write(const std::string& name, const std::string& text) {
    deneb::write_file_atomically(folder_ / name, text);
  }
  nlohmann::json options(nlohmann::json more = nlohmann::json::object()) {
    nlohmann::json all = {{"data_path", folder_.path()},
                          {"tokenizer", std::string(DENEB_GOLDEN_DIR) + "/tokenizers/gpt2.json"},
                          {"vocabulary_size", 701},
                          {"max_length", 4}};
    all.update(more);
    return all;
  }
  ScratchFolder folder_;
};

// Ten words of one letter with a space before them: one token each, but for the first letter.
TEST_F(LanguageModel, PredictsEveryTokenButTheFirstOnce) {
  write("train.txt", "q! q! q! q! q!");
  write("test.txt", "q!");
  const auto text = open("LanguageModel", options());
  const Batch all = everything(*text, DataPart::kTrain);
  std::vector<std::int64_t> inputs, targets;
  const auto mask = numbers(all.at("attention_mask"));
  for (std::size_t i = 0; i < mask.size(); ++i) {
    if (mask[i] == 0) {
      EXPECT_EQ(numbers(all.target())[i], -100);
      EXPECT_EQ(numbers(all.input())[i], 700);
      continue;
    }
    inputs.push_back(numbers(all.input())[i]);
    targets.push_back(numbers(all.target())[i]);
  }
  // The targets are the inputs, one further.
  ASSERT_GE(inputs.size(), 9u);
  EXPECT_TRUE(std::equal(inputs.begin() + 1, inputs.end(), targets.begin()));
  const auto n = static_cast<std::int64_t>(inputs.size());
  EXPECT_EQ(text->size(DataPart::kTrain), (n + 3) / 4);
  EXPECT_EQ(text->length(DataPart::kTrain, 0), 4);
  EXPECT_EQ(text->length(DataPart::kTrain, (n - 1) / 4), (n - 1) % 4 + 1);
  EXPECT_EQ(text->size(DataPart::kTest), 1);
  EXPECT_THAT(text->gather(DataPart::kTest, {0}).input().sizes(), ElementsAre(1, 1));
  EXPECT_EQ(text->gather(DataPart::kTrain, {0, 0}).tensors.count("attention_mask"), 0u);
}

TEST_F(LanguageModel, Facts) {
  const auto text = make("LanguageModel", options());
  EXPECT_EQ(text->info().num_classes, 701);
  EXPECT_THAT(text->info().sample_shape, ElementsAre(4));
}

TEST_F(LanguageModel, Errors) {
  EXPECT_THAT(open_error("LanguageModel", options()),
              HasSubstr("train.txt: not found; correct data_path"));
  write("train.txt", "");
  write("test.txt", "abc");
  EXPECT_THAT(open_error("LanguageModel", options()),
              HasSubstr("train.txt: holds 0 tokens, expected at least 2"));
  EXPECT_THAT(text_of<deneb::ConfigError>([&] {
                open("LanguageModel", options({{"vocabulary_size", 700}}));
              }),
              HasSubstr("dataset.vocabulary_size: is 700, but ids of"));
  EXPECT_THAT(text_of<deneb::ConfigError>([&] {
                make("LanguageModel", {{"tokenizer", "x"}});
              }),
              HasSubstr("data_path: is needed"));
}

}  // namespace
}  // namespace dataset_test
