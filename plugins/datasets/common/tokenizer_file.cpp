#include "tokenizer_file.h"

#include <algorithm>
#include <filesystem>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <utility>

#include <deneb/errors.h>
#include <deneb/io/files.h>
#include <deneb/io/json.h>

#include "byte_level_bpe.h"
#include "unicode.h"
#include "word_piece.h"

namespace deneb::text {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr const char* kSupported =
    "supported are WordPiece with BertNormalizer and BertPreTokenizer, and BPE with the ByteLevel "
    "pre-tokenizer";

[[noreturn]] void damaged(const std::string& file, const std::string& what) {
  throw DataError(file + ": " + what + "; take the file that belongs to the network's weights");
}

[[noreturn]] void unsupported(const std::string& file, const std::string& what) {
  throw DataError(file + ": " + what + " is not supported; " + kSupported);
}

// Errors of the tokenizers themselves do not know the file.
template <class Make>
auto named(const std::string& file, const Make& make) {
  try {
    return make();
  } catch (const DataError& e) {
    throw DataError(file + ": " + e.what());
  }
}

json read_json(const std::string& file) {
  json value = parse_json(read_file(file));
  if (!value.is_object()) damaged(file, "is no JSON object");
  return value;
}

// Lines without their ends; a last empty one is none.
std::vector<std::string> lines_of(const std::string& bytes) {
  std::vector<std::string> lines;
  for (std::size_t start = 0; start < bytes.size();) {
    const std::size_t end = std::min(bytes.find('\n', start), bytes.size());
    std::size_t stop = end;
    if (stop > start && bytes[stop - 1] == '\r') --stop;
    lines.push_back(bytes.substr(start, stop - start));
    start = end + 1;
  }
  return lines;
}

// Members of a JSON object with their types checked; `where` is its path in the file.
class Reader {
 public:
  Reader(const json& value, std::string file, std::string where)
      : value_(value), file_(std::move(file)), where_(std::move(where)) {
    if (!value_.is_object()) damaged(file_, "'" + where_ + "' is no object");
  }

  const std::string& file() const { return file_; }
  bool has(const char* key) const {
    const auto found = value_.find(key);
    return found != value_.end() && !found->is_null();
  }
  std::string path(const char* key) const { return where_.empty() ? key : where_ + "." + key; }

  const json& at(const char* key) const {
    if (!has(key)) damaged(file_, "'" + path(key) + "' is missing");
    return value_[key];
  }
  Reader group(const char* key) const { return {at(key), file_, path(key)}; }
  std::string text(const char* key) const {
    const json& value = at(key);
    if (!value.is_string()) damaged(file_, "'" + path(key) + "' is no string");
    return value.get<std::string>();
  }
  std::string text(const char* key, const char* otherwise) const {
    return has(key) ? text(key) : otherwise;
  }
  bool flag(const char* key, bool otherwise) const {
    if (!has(key)) return otherwise;
    const json& value = at(key);
    if (!value.is_boolean()) damaged(file_, "'" + path(key) + "' is neither true nor false");
    return value.get<bool>();
  }
  std::int32_t id(const char* key) const { return id_of(at(key), path(key)); }
  std::int32_t id_of(const json& value, const std::string& name) const {
    if (!value.is_number_integer() || value.get<std::int64_t>() < 0 ||
        value.get<std::int64_t>() >= std::numeric_limits<std::int32_t>::max()) {
      damaged(file_, "'" + name + "' is no token id");
    }
    return value.get<std::int32_t>();
  }
  const json& list(const char* key) const {
    const json& value = at(key);
    if (!value.is_array()) damaged(file_, "'" + path(key) + "' is no list");
    return value;
  }

 private:
  const json& value_;
  std::string file_, where_;
};

Vocabulary vocabulary_of(const Reader& owner, const json& object) {
  if (!object.is_object() || object.empty()) {
    damaged(owner.file(), "the vocabulary is no object of tokens and ids");
  }
  Vocabulary vocabulary;
  std::map<std::int32_t, std::string> owners;
  for (const auto& [token, value] : object.items()) {
    const std::int32_t id = owner.id_of(value, token);
    const auto [other, is_new] = owners.emplace(id, token);
    if (!is_new) {
      damaged(owner.file(), "the tokens '" + other->second + "' and '" + token +
                                "' have the same id " + std::to_string(id));
    }
    vocabulary.add(token, id);
  }
  return vocabulary;
}

Vocabulary read_vocab_txt(const std::string& file) {
  Vocabulary vocabulary;
  const std::vector<std::string> lines = lines_of(read_file(file));
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const std::string place = file + ":" + std::to_string(i + 1);
    if (valid_utf8(lines[i]) != lines[i]) damaged(place, "is no UTF-8 text");
    if (!vocabulary.add(lines[i], static_cast<std::int32_t>(i))) {
      damaged(place, "the token '" + lines[i] + "' comes a second time");
    }
  }
  if (lines.empty()) damaged(file, "is empty");
  return vocabulary;
}

ByteLevelBpe::Merge split_merge(const std::string& place, const std::string& line) {
  const std::size_t space = line.find(' ');
  if (space == 0 || space == std::string::npos || space + 1 == line.size() ||
      line.find(' ', space + 1) != std::string::npos) {
    damaged(place, "'" + line + "' is no merge of two tokens");
  }
  return {line.substr(0, space), line.substr(space + 1)};
}

std::vector<ByteLevelBpe::Merge> read_merges_txt(const std::string& file) {
  std::vector<ByteLevelBpe::Merge> merges;
  const std::vector<std::string> lines = lines_of(read_file(file));
  for (std::size_t i = 0; i < lines.size(); ++i) {
    if (lines[i].empty() || lines[i].compare(0, 9, "#version:") == 0) continue;
    merges.push_back(split_merge(file + ":" + std::to_string(i + 1), lines[i]));
  }
  if (merges.empty()) damaged(file, "holds no merges");
  return merges;
}

Template bert_template(std::int32_t cls, std::int32_t sep, bool pair) {
  using Kind = TemplatePiece::Kind;
  Template pieces = {{Kind::kSpecial, cls, 0}, {Kind::kFirst, 0, 0}, {Kind::kSpecial, sep, 0}};
  if (pair) {
    pieces.push_back({Kind::kSecond, 0, 1});
    pieces.push_back({Kind::kSpecial, sep, 1});
  }
  return pieces;
}

Template roberta_template(std::int32_t cls, std::int32_t sep, bool pair) {
  using Kind = TemplatePiece::Kind;
  Template pieces = {{Kind::kSpecial, cls, 0}, {Kind::kFirst, 0, 0}, {Kind::kSpecial, sep, 0}};
  if (pair) {
    pieces.push_back({Kind::kSpecial, sep, 0});
    pieces.push_back({Kind::kSecond, 0, 0});
    pieces.push_back({Kind::kSpecial, sep, 0});
  }
  return pieces;
}

Template plain_template(bool pair) {
  using Kind = TemplatePiece::Kind;
  Template pieces = {{Kind::kFirst, 0, 0}};
  if (pair) pieces.push_back({Kind::kSecond, 0, 0});
  return pieces;
}

// Networks do not look at padding, so any id will do that an embedding has.
std::int32_t padding_of(const Vocabulary& vocabulary, const std::vector<AddedToken>& added) {
  for (const char* name : {"[PAD]", "<pad>", "<|pad|>", "<|endoftext|>"}) {
    for (const AddedToken& token : added) {
      if (token.content == name) return token.id;
    }
    if (vocabulary.find(name) >= 0) return vocabulary.find(name);
  }
  return 0;
}

// The parts of a tokenizer.json, one function each.
class TokenizerJson {
 public:
  TokenizerJson(const json& value, const std::string& file) : root_(value, file, "") {}

  TokenizerParts read() {
    TokenizerParts parts;
    parts.model = read_model();
    read_added(parts);
    read_post_processor(parts);
    parts.padding_id = padding_of(parts.model->vocabulary(), parts.added);
    if (root_.has("padding")) {
      const Reader padding = root_.group("padding");
      if (padding.has("pad_id")) parts.padding_id = padding.id("pad_id");
    }
    return parts;
  }

 private:
  const std::string& file() const { return root_.file(); }

  // Older files do not say what their model is.
  static std::string type_of(const Reader& model) {
    if (model.has("type")) return model.text("type");
    if (model.has("merges")) return "BPE";
    if (model.has("max_input_chars_per_word")) return "WordPiece";
    return model.has("unk_id") ? "Unigram" : "WordLevel";
  }

  std::unique_ptr<TokenModel> read_model() {
    const Reader model = root_.group("model");
    const std::string type = type_of(model);
    if (type == "WordPiece") return read_word_piece(model);
    if (type == "BPE") return read_bpe(model);
    unsupported(file(), "a tokenizer of type " + type);
  }

  std::string part_type(const char* key) const {
    return root_.has(key) ? root_.group(key).text("type") : "";
  }

  std::unique_ptr<TokenModel> read_word_piece(const Reader& model) {
    WordPieceSettings settings;
    settings.unknown_token = model.text("unk_token", "[UNK]");
    settings.continuing_prefix = model.text("continuing_subword_prefix", "##");
    if (model.has("max_input_chars_per_word")) {
      settings.longest_word = static_cast<std::size_t>(model.id("max_input_chars_per_word"));
    }
    if (part_type("pre_tokenizer") != "BertPreTokenizer") {
      unsupported(file(), "WordPiece with the pre-tokenizer '" + part_type("pre_tokenizer") + "'");
    }
    const std::string normalizer = part_type("normalizer");
    if (normalizer == "BertNormalizer") {
      const Reader options = root_.group("normalizer");
      settings.clean_text = options.flag("clean_text", true);
      settings.handle_chinese_chars = options.flag("handle_chinese_chars", true);
      settings.lowercase = options.flag("lowercase", true);
      settings.strip_accents = options.flag("strip_accents", settings.lowercase);
    } else if (normalizer.empty()) {
      settings.clean_text = settings.handle_chinese_chars = false;
      settings.lowercase = settings.strip_accents = false;
    } else {
      unsupported(file(), "the normalizer '" + normalizer + "'");
    }
    Vocabulary vocabulary = vocabulary_of(model, model.at("vocab"));
    return named(file(),
                 [&] { return std::make_unique<WordPiece>(std::move(vocabulary), settings); });
  }

  std::unique_ptr<TokenModel> read_bpe(const Reader& model) {
    if (model.has("dropout") && model.at("dropout") != 0) unsupported(file(), "BPE with dropout");
    for (const char* key : {"continuing_subword_prefix", "end_of_word_suffix"}) {
      if (!model.text(key, "").empty()) unsupported(file(), std::string("BPE with a ") + key);
    }
    for (const char* key : {"byte_fallback", "ignore_merges"}) {
      if (model.flag(key, false)) unsupported(file(), std::string("BPE with ") + key);
    }
    if (root_.has("normalizer")) {
      unsupported(file(), "BPE with the normalizer '" + part_type("normalizer") + "'");
    }
    if (part_type("pre_tokenizer") != "ByteLevel") {
      unsupported(file(), "BPE with the pre-tokenizer '" + part_type("pre_tokenizer") + "'");
    }
    const Reader cut = root_.group("pre_tokenizer");
    if (!cut.flag("use_regex", true)) unsupported(file(), "ByteLevel without its pattern");
    std::vector<ByteLevelBpe::Merge> merges;
    for (const json& merge : model.list("merges")) {
      const std::string place = file() + ": merge " + std::to_string(merges.size() + 1);
      if (merge.is_string()) {
        merges.push_back(split_merge(place, merge.get<std::string>()));
      } else if (merge.is_array() && merge.size() == 2 && merge[0].is_string() &&
                 merge[1].is_string()) {
        merges.emplace_back(merge[0].get<std::string>(), merge[1].get<std::string>());
      } else {
        damaged(place, "is no merge of two tokens");
      }
    }
    Vocabulary vocabulary = vocabulary_of(model, model.at("vocab"));
    return named(file(), [&] {
      return std::make_unique<ByteLevelBpe>(std::move(vocabulary), merges,
                                            cut.flag("add_prefix_space", true));
    });
  }

  void read_added(TokenizerParts& parts) const {
    if (!root_.has("added_tokens")) return;
    std::size_t index = 0;
    for (const json& value : root_.list("added_tokens")) {
      const Reader entry(value, file(), "added_tokens[" + std::to_string(index++) + "]");
      if (entry.flag("single_word", false)) {
        unsupported(file(), "the added token '" + entry.text("content") + "' with single_word");
      }
      parts.added.push_back({entry.text("content"), entry.id("id"), entry.flag("lstrip", false),
                             entry.flag("rstrip", false), entry.flag("normalized", false)});
    }
  }

  // A special token of BertProcessing and RobertaProcessing: ["[SEP]", 102].
  std::int32_t named_id(const Reader& processor, const char* key) const {
    const json& value = processor.list(key);
    if (value.size() != 2) damaged(file(), "'" + processor.path(key) + "' is no token with its id");
    return processor.id_of(value[1], processor.path(key));
  }

  void read_post_processor(TokenizerParts& parts) const {
    parts.single = plain_template(false);
    parts.pair = plain_template(true);
    if (!root_.has("post_processor")) return;
    read_processor(root_.group("post_processor"), parts);
  }

  void read_processor(const Reader& processor, TokenizerParts& parts) const {
    const std::string type = processor.text("type");
    if (type == "TemplateProcessing") {
      parts.single = read_template(processor, "single");
      parts.pair = read_template(processor, "pair");
    } else if (type == "BertProcessing" || type == "RobertaProcessing") {
      const std::int32_t cls = named_id(processor, "cls"), sep = named_id(processor, "sep");
      const auto make = type == "BertProcessing" ? bert_template : roberta_template;
      parts.single = make(cls, sep, false);
      parts.pair = make(cls, sep, true);
    } else if (type != "ByteLevel") {  // which concerns offsets only
      throw DataError(file() + ": the post-processor " + type +
                      " is not supported; supported are TemplateProcessing, BertProcessing, "
                      "RobertaProcessing and ByteLevel");
    }
  }

  Template read_template(const Reader& processor, const char* key) const {
    using Kind = TemplatePiece::Kind;
    const json& special = processor.at("special_tokens");
    Template pieces;
    for (const json& value : processor.list(key)) {
      const Reader piece(value, file(), processor.path(key));
      const bool sequence = piece.has("Sequence");
      const Reader content = piece.group(sequence ? "Sequence" : "SpecialToken");
      const std::string name = content.text("id");
      const std::int32_t type = content.id("type_id");
      if (type > 1) unsupported(file(), "token type " + std::to_string(type));
      const auto small = static_cast<std::uint8_t>(type);
      if (sequence) {
        pieces.push_back({name == "A" ? Kind::kFirst : Kind::kSecond, 0, small});
        continue;
      }
      const auto found = special.find(name);
      if (found == special.end() || !found->is_object() || !found->contains("ids")) {
        damaged(file(), "'" + processor.path("special_tokens") + "' has no '" + name + "'");
      }
      for (const json& id : (*found)["ids"]) {
        pieces.push_back({Kind::kSpecial, content.id_of(id, name), small});
      }
    }
    const auto texts = [&](Kind kind) {
      return std::count_if(pieces.begin(), pieces.end(),
                           [kind](const TemplatePiece& piece) { return piece.kind == kind; });
    };
    const std::ptrdiff_t second = std::string(key) == "pair" ? 1 : 0;
    if (texts(Kind::kFirst) != 1 || texts(Kind::kSecond) != second) {
      damaged(file(), "'" + processor.path(key) + "' does not hold each text once");
    }
    return pieces;
  }

  Reader root_;
};

std::int32_t require(const Vocabulary& vocabulary, const std::string& file, const char* token) {
  const std::int32_t id = vocabulary.find(token);
  if (id < 0) damaged(file, std::string("has no token '") + token + "'");
  return id;
}

void add_special(TokenizerParts& parts, std::initializer_list<const char*> names) {
  for (const char* name : names) {
    const std::int32_t id = parts.model->vocabulary().find(name);
    if (id < 0) continue;
    AddedToken token;
    token.content = name;
    token.id = id;
    token.strip_left = token.content == "<mask>";  // as RoBERTa's
    parts.added.push_back(token);
  }
}

json settings_beside(const fs::path& folder) {
  const fs::path file = folder / "tokenizer_config.json";
  return fs::exists(file) ? read_json(file.string()) : json::object();
}

TokenizerParts read_word_piece_files(const fs::path& folder, const std::string& file) {
  const json values = settings_beside(folder);
  const Reader options(values, (folder / "tokenizer_config.json").string(), "");
  WordPieceSettings settings;
  settings.lowercase = options.flag("do_lower_case", true);
  settings.strip_accents = options.flag("strip_accents", settings.lowercase);
  settings.handle_chinese_chars = options.flag("tokenize_chinese_chars", true);
  Vocabulary read = read_vocab_txt(file);
  TokenizerParts parts;
  parts.model = named(file, [&] { return std::make_unique<WordPiece>(std::move(read), settings); });
  const Vocabulary& vocabulary = parts.model->vocabulary();
  const std::int32_t cls = require(vocabulary, file, "[CLS]");
  const std::int32_t sep = require(vocabulary, file, "[SEP]");
  parts.single = bert_template(cls, sep, false);
  parts.pair = bert_template(cls, sep, true);
  add_special(parts, {"[UNK]", "[SEP]", "[PAD]", "[CLS]", "[MASK]"});
  parts.padding_id = padding_of(vocabulary, parts.added);
  return parts;
}

TokenizerParts read_bpe_files(const fs::path& folder) {
  const std::string file = (folder / "vocab.json").string();
  const std::string merges = (folder / "merges.txt").string();
  if (!fs::exists(merges)) throw DataError(merges + ": not found; it belongs to " + file);
  const json values = settings_beside(folder);
  const Reader options(values, (folder / "tokenizer_config.json").string(), "");
  const json ids = read_json(file);
  Vocabulary read = vocabulary_of(Reader(ids, file, ""), ids);
  const std::vector<ByteLevelBpe::Merge> rules = read_merges_txt(merges);
  TokenizerParts parts;
  parts.model = named(file, [&] {
    return std::make_unique<ByteLevelBpe>(std::move(read), rules,
                                          options.flag("add_prefix_space", false));
  });
  const Vocabulary& vocabulary = parts.model->vocabulary();
  const std::int32_t cls = vocabulary.find("<s>"), sep = vocabulary.find("</s>");
  if (cls >= 0 && sep >= 0) {
    parts.single = roberta_template(cls, sep, false);
    parts.pair = roberta_template(cls, sep, true);
    add_special(parts, {"<s>", "</s>", "<unk>", "<pad>", "<mask>"});
  } else {
    parts.single = plain_template(false);
    parts.pair = plain_template(true);
    add_special(parts, {"<|endoftext|>"});
  }
  parts.padding_id = padding_of(vocabulary, parts.added);
  return parts;
}

TokenizerParts read_parts(const std::string& path) {
  const fs::path given(path);
  const bool is_folder = fs::is_directory(given);
  if (!is_folder && !fs::exists(given)) throw DataError(path + ": not found");
  const fs::path folder = is_folder ? given : given.parent_path();
  const auto wanted = [&](const char* name) {
    return is_folder ? fs::exists(folder / name) : given.filename() == name;
  };
  if (wanted("tokenizer.json") ||
      (!is_folder && given.extension() == ".json" && given.filename() != "vocab.json")) {
    const std::string file = is_folder ? (folder / "tokenizer.json").string() : path;
    const json value = read_json(file);
    return TokenizerJson(value, file).read();
  }
  if (wanted("vocab.txt") || (!is_folder && given.extension() == ".txt")) {
    return read_word_piece_files(folder, is_folder ? (folder / "vocab.txt").string() : path);
  }
  if (wanted("vocab.json")) return read_bpe_files(folder);
  for (const char* name : {"spiece.model", "sentencepiece.bpe.model", "tokenizer.model"}) {
    if (wanted(name)) unsupported((folder / name).string(), "SentencePiece");
  }
  throw DataError(path +
                  ": no tokenizer there; expected tokenizer.json, or vocab.txt (WordPiece), or "
                  "vocab.json and merges.txt (byte-level BPE)");
}

}  // namespace

Tokenizer read_tokenizer(const std::string& path) {
  Tokenizer tokenizer(read_parts(path));
  return tokenizer;
}

}  // namespace deneb::text
