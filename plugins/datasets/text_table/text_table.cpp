#include <algorithm>
#include <filesystem>
#include <vector>

#include <deneb/data/data_path.h>
#include <deneb/data/dataset.h>
#include <deneb/plugin/plugin.h>

#include "../common/tokenizer_folder.h"
#include "table_file.h"
#include "token_table.h"

namespace deneb::text_table {
namespace {

struct TextTableOptions {
  std::string preset = "none";
  std::string data_path;
  std::string train_file, test_file;
  std::string format = "auto";
  std::string quoting = "auto";
  std::vector<std::string> columns;
  std::string text, text_pair;
  std::string label;
  std::vector<std::string> label_names;
  int num_classes = 2;
  std::string tokenizer;
  int max_length = 128;
  std::string padding = "longest";

  template <class V>
  void visit(V& v) {
    v("preset", preset, "layout of a known data set, which the options below change",
      {"none", "sst2", "mrpc", "spam"});
    v.file("data_path", data_path, "",
           "folder of the files; empty = $DENEB_DATA/<preset> or ~/.cache/deneb/data/<preset>",
           /*must_exist=*/false);
    v("train_file", train_file, "training part, a file in data_path");
    v("test_file", test_file, "test part, likewise");
    v("format", format, "of the files; auto = by their names' ends",
      {"auto", "tsv", "csv", "jsonl"});
    v("quoting", quoting,
      "double = fields may stand in double quotes; auto = that for CSV, none for TSV",
      {"auto", "none", "double"});
    v("columns", columns,
      "names of the columns of TSV and CSV; empty = the first line of each file has them");
    v("text", text, "column of the text");
    v("text_pair", text_pair, "column of the second text of sentence pairs; empty = no pairs");
    v("label", label, "column of the label");
    v("label_names", label_names,
      "what stands in that column, in the order of the classes; empty = 0, 1, ...");
    v("num_classes", num_classes, "classes that there are", {2, 1e6});
    v.file("tokenizer", tokenizer, "",
           "folder with tokenizer.json, vocab.txt, or vocab.json and merges.txt; empty = where "
           "scripts/fetch_data.sh minilm puts its",
           /*must_exist=*/false);
    v("max_length", max_length, "most tokens of a sample; longer texts are cut", {1, 1e6});
    v("padding", padding,
      "longest = a batch is as wide as its longest sample; max_length = all batches are that wide",
      {"longest", "max_length"});
  }

  void check(OptionErrors& errors) const {
    if (preset == "none") {
      for (const auto& [key, value] :
           {std::pair{"data_path", &data_path}, std::pair{"train_file", &train_file},
            std::pair{"test_file", &test_file}, std::pair{"text", &text},
            std::pair{"label", &label}}) {
        if (value->empty()) errors.add(key, "is needed where no preset is named");
      }
    }
    if (!label_names.empty() && label_names.size() != std::size_t(num_classes)) {
      errors.add("label_names",
                 "has " + std::to_string(label_names.size()) +
                     " names, expected num_classes = " + std::to_string(num_classes));
    }
  }
};

// The options that are empty become the preset's.
TextTableOptions with_preset(TextTableOptions o) {
  const auto set = [](std::string& option, const char* value) {
    if (option.empty()) option = value;
  };
  if (o.preset == "sst2" || o.preset == "mrpc") {
    set(o.train_file, "train.tsv");
    set(o.test_file, "dev.tsv");  // the labels of GLUE's test parts are not public
    set(o.quoting, "none");
    set(o.text, o.preset == "sst2" ? "sentence" : "#1 String");
    if (o.preset == "mrpc") set(o.text_pair, "#2 String");
    set(o.label, o.preset == "sst2" ? "label" : "Quality");
  } else if (o.preset == "spam") {
    set(o.train_file, "train.jsonl");
    set(o.test_file, "test.jsonl");
    set(o.text, "text");
    set(o.label, "label");
    if (o.label_names.empty()) o.label_names = {"ham", "spam"};
  }
  return o;
}

TableFormat format_of(const std::string& file, const std::string& option) {
  const std::string extension = std::filesystem::path(file).extension().string();
  const std::string name = option == "auto" ? extension : "." + option;
  if (name == ".tsv") return TableFormat::kTsv;
  if (name == ".csv") return TableFormat::kCsv;
  if (name == ".jsonl" || name == ".ndjson") return TableFormat::kJsonLines;
  throw DataError(file + ": the name does not tell the format; set format to tsv, csv or jsonl");
}

class TextTable final : public Dataset {
 public:
  using Options = TextTableOptions;
  explicit TextTable(const Options& o)
      : options_(with_preset(o)), folder_(data_directory(o.data_path, options_.preset)) {}

  void check_files() const override {
    for (const std::string& file : {options_.train_file, options_.test_file}) {
      format_of(path_of(file), options_.format);
    }
    open_tokenizer();
  }

  void open() override {
    const std::string train = path_of(options_.train_file), test = path_of(options_.test_file);
    const text::Tokenizer tokenizer = open_tokenizer();
    padding_id_ = tokenizer.padding_id();
    has_types_ = tokenizer.has_types();
    read(train, tokenizer, train_);
    read(test, tokenizer, test_);
  }

  DatasetInfo info() const override {
    return {options_.num_classes, {options_.max_length}, {}, {}};
  }

  std::int64_t size(DataPart part) const override { return of(part).size(); }

  Batch gather(DataPart part, const std::vector<std::int64_t>& indices) const override {
    return of(part).gather(indices, padding_id_, is_fixed() ? options_.max_length : 0, has_types_);
  }

  std::int64_t length(DataPart part, std::int64_t index) const override {
    return is_fixed() ? 0 : of(part).length(index);
  }

 private:
  const TokenTable& of(DataPart part) const { return part == DataPart::kTrain ? train_ : test_; }
  text::Tokenizer open_tokenizer() const {
    return text::open_tokenizer(options_.tokenizer, options_.max_length,
                                !options_.text_pair.empty());
  }
  bool is_fixed() const { return options_.padding == "max_length"; }

  std::string path_of(const std::string& file) const {
    const std::string path = (std::filesystem::path(folder_) / file).string();
    if (std::filesystem::exists(path)) return path;
    if (options_.preset == "spam") throw_missing_data(path, options_.preset);
    if (options_.preset == "none") {
      throw DataError(path + ": not found; correct data_path or the name of the file");
    }
    throw DataError(path +
                    ": not found; set data_path to the folder that has GLUE's files of this data "
                    "set. They are given out at gluebenchmark.com, scripts/fetch_data.sh cannot "
                    "get them");
  }

  std::int64_t label_of(const std::string& text, const std::string& file, std::int64_t line) const {
    const auto& names = options_.label_names;
    if (!names.empty()) {
      const auto found = std::find(names.begin(), names.end(), text);
      if (found != names.end()) return found - names.begin();
    } else if (!text.empty() && text.size() <= 7 &&
               text.find_first_not_of("0123456789") == std::string::npos &&
               std::stoi(text) < options_.num_classes) {
      return std::stoi(text);
    }
    std::string expected;
    for (const std::string& name : names) expected += (expected.empty() ? "" : ", ") + name;
    if (names.empty()) expected = "0 .. " + std::to_string(options_.num_classes - 1);
    throw DataError(file + ":" + std::to_string(line) + ": the label '" + text.substr(0, 40) +
                    "' is none of " + expected +
                    "; set label_names or num_classes, or correct the file");
  }

  void read(const std::string& file, const text::Tokenizer& tokenizer, TokenTable& table) const {
    TableLayout layout;
    layout.format = format_of(file, options_.format);
    layout.quoted = options_.quoting == "auto" ? layout.format == TableFormat::kCsv
                                               : options_.quoting == "double";
    layout.columns = options_.columns;
    std::vector<std::string> columns = {options_.label, options_.text};
    const bool pair = !options_.text_pair.empty();
    if (pair) columns.push_back(options_.text_pair);
    read_table(file, layout, columns, [&](std::int64_t line, const std::vector<std::string>& row) {
      const std::int64_t label = label_of(row[0], file, line);
      const std::int64_t most = options_.max_length;
      table.append(pair ? tokenizer.encode(row[1], row[2], most) : tokenizer.encode(row[1], most),
                   label, padding_id_);
    });
    if (table.size() == 0) throw DataError(file + ": holds no samples");
  }

  TextTableOptions options_;
  std::string folder_;
  std::int32_t padding_id_ = 0;
  bool has_types_ = false;
  TokenTable train_, test_;
};

void register_all(Registrar& r) {
  r.add<Dataset, TextTable>("TextTable",
                            "labelled texts or pairs of texts in TSV, CSV or JSON lines");
}

}  // namespace
}  // namespace deneb::text_table

DENEB_PLUGIN("text_table", "0.1.0", "texts with labels in tables", deneb::text_table::register_all);
