#include <algorithm>
#include <filesystem>
#include <vector>

#include <deneb/data/dataset.h>
#include <deneb/io/files.h>
#include <deneb/plugin/plugin.h>

#include "../common/tokenizer_folder.h"

namespace deneb::language_model {
namespace {

constexpr std::int64_t kIgnored = -100;  // the criterion's ignore_index

struct LanguageModelOptions {
  std::string data_path;
  std::string train_file = "train.txt", test_file = "test.txt";
  std::string tokenizer;
  int vocabulary_size = 50257;
  int max_length = 128;

  template <class V>
  void visit(V& v) {
    v.file("data_path", data_path, "", "folder of the two files", /*must_exist=*/false);
    v("train_file", train_file, "training part, a UTF-8 text in data_path");
    v("test_file", test_file, "test part, likewise");
    v.file("tokenizer", tokenizer, "",
           "folder with tokenizer.json, or vocab.json and merges.txt, or vocab.txt",
           /*must_exist=*/false);
    v("vocabulary_size", vocabulary_size,
      "outputs of the network for a token; the tokenizer's ids must be below it", {2, 1e7});
    v("max_length", max_length, "tokens of a sample", {1, 1e6});
  }
  void check(OptionErrors& errors) const {
    if (data_path.empty()) errors.add("data_path", "is needed; name the folder of the texts");
    if (tokenizer.empty()) {
      errors.add("tokenizer", "is needed; name the folder of the network's weights");
    }
  }
};

using Ids = std::vector<std::int32_t>;

class LanguageModel final : public Dataset {
 public:
  using Options = LanguageModelOptions;
  explicit LanguageModel(const Options& o) : options_(o) {}

  void check_files() const override {
    path_of(options_.train_file);
    path_of(options_.test_file);
    open_tokenizer();
  }

  void open() override {
    const std::string train = path_of(options_.train_file), test = path_of(options_.test_file);
    const text::Tokenizer tokenizer = open_tokenizer();
    padding_id_ = tokenizer.padding_id();
    train_ = read(train, tokenizer);
    test_ = read(test, tokenizer);
  }

  DatasetInfo info() const override {
    return {options_.vocabulary_size, {options_.max_length}, {}, {}};
  }

  std::int64_t size(DataPart part) const override {
    return (predicted(part) + options_.max_length - 1) / options_.max_length;
  }

  std::int64_t length(DataPart part, std::int64_t index) const override {
    return std::min<std::int64_t>(options_.max_length,
                                  predicted(part) - index * options_.max_length);
  }

  Batch gather(DataPart part, const std::vector<std::int64_t>& indices) const override {
    const Ids& ids = of(part);
    const auto n = static_cast<std::int64_t>(indices.size());
    std::int64_t longest = 0, shortest = options_.max_length;
    for (const std::int64_t index : indices) {
      longest = std::max(longest, length(part, index));
      shortest = std::min(shortest, length(part, index));
    }
    Batch batch;
    auto input = torch::full({n, longest}, padding_id_, torch::kInt64);
    auto target = torch::full({n, longest}, kIgnored, torch::kInt64);
    auto mask = torch::zeros({n, longest}, torch::kInt64);
    for (std::int64_t row = 0; row < n; ++row) {
      const std::int64_t index = indices[std::size_t(row)];
      const std::int64_t tokens = length(part, index), offset = row * longest;
      const auto first = ids.begin() + index * options_.max_length;
      std::copy(first, first + tokens, input.data_ptr<std::int64_t>() + offset);
      std::copy(first + 1, first + 1 + tokens, target.data_ptr<std::int64_t>() + offset);
      std::fill_n(mask.data_ptr<std::int64_t>() + offset, tokens, 1);
    }
    batch["input"] = input;
    batch["target"] = target;
    if (shortest < longest) batch["attention_mask"] = mask;
    return batch;
  }

 private:
  const Ids& of(DataPart part) const { return part == DataPart::kTrain ? train_ : test_; }
  // All tokens but the first.
  std::int64_t predicted(DataPart part) const {
    return std::max<std::int64_t>(0, static_cast<std::int64_t>(of(part).size()) - 1);
  }

  text::Tokenizer open_tokenizer() const {
    text::Tokenizer tokenizer =
        text::open_tokenizer(options_.tokenizer, options_.max_length, /*pair=*/false);
    if (tokenizer.id_limit() > options_.vocabulary_size) {
      throw ConfigError(
          "dataset.vocabulary_size: is " + std::to_string(options_.vocabulary_size) +
          ", but ids of " + options_.tokenizer + " reach " +
          std::to_string(tokenizer.id_limit() - 1) +
          "; name the tokenizer that belongs to the network, or set the size in both");
    }
    return tokenizer;
  }

  std::string path_of(const std::string& file) const {
    const std::string path = (std::filesystem::path(options_.data_path) / file).string();
    if (std::filesystem::exists(path)) return path;
    throw DataError(path + ": not found; correct data_path or the name of the file");
  }

  static Ids read(const std::string& file, const text::Tokenizer& tokenizer) {
    const std::string bytes = read_file(file);
    Ids ids;
    try {
      ids = tokenizer.ids(bytes);
    } catch (const DataError& e) {
      throw DataError(file + ": " + e.what());
    }
    if (ids.size() < 2) {
      throw DataError(file + ": holds " + std::to_string(ids.size()) +
                      " tokens, expected at least 2");
    }
    return ids;
  }

  LanguageModelOptions options_;
  std::int32_t padding_id_ = 0;
  Ids train_, test_;
};

void register_all(Registrar& r) {
  r.add<Dataset, LanguageModel>("LanguageModel",
                                "plain text in windows, to predict the next token");
}

}  // namespace
}  // namespace deneb::language_model

DENEB_PLUGIN("language_model_data", "0.1.0", "plain text for language models",
             deneb::language_model::register_all);
