#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <random>

#include <deneb/errors.h>
#include <deneb/io/files.h>
#include <deneb/random.h>

#include "../../../plugins/datasets/common/byte_level_bpe.h"
#include "../../../plugins/datasets/common/tokenizer_file.h"
#include "../../../plugins/datasets/common/unicode.h"
#include "scratch_folder.h"

namespace tokenizer_test {
namespace {

using deneb::DataError;
using deneb::text::read_tokenizer;
using deneb::text::Tokenizer;
using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

using Ids = std::vector<std::int32_t>;

std::string golden_file(const std::string& name) {
  return std::string(DENEB_GOLDEN_DIR) + "/tokenizers/" + name + ".json";
}

json read(const std::string& name) { return json::parse(deneb::read_file(golden_file(name))); }

Tokenizer golden_tokenizer(const std::string& name) { return read_tokenizer(golden_file(name)); }

std::string from_hex(const std::string& hex) {
  std::string bytes;
  for (std::size_t i = 0; i < hex.size(); i += 2) {
    bytes += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
  }
  return bytes;
}

// By the package `tokenizers`: tests/golden/make_tokenizers.py.
void expect_golden(const Tokenizer& tokenizer, const std::string& name) {
  const json golden = read("golden");
  const json& expected = golden["ids"][name];
  ASSERT_GT(expected.size(), 200u);
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const std::string text = from_hex(golden["texts"][i].get<std::string>());
    EXPECT_EQ(tokenizer.encode(text, golden["max_length"]).ids, expected[i].get<Ids>())
        << name << ", text " << i << ": " << text;
  }
}

void expect_golden_pairs(const Tokenizer& tokenizer, const std::string& name) {
  const json golden = read("golden");
  for (std::size_t l = 0; l < golden["pair_lengths"].size(); ++l) {
    for (std::size_t i = 0; i < golden["pairs"].size(); ++i) {
      const std::string a = golden["pairs"][i][0], b = golden["pairs"][i][1];
      const auto tokens = tokenizer.encode(a, b, golden["pair_lengths"][l]);
      EXPECT_EQ(tokens.ids, golden["pair_ids"][name][l][i].get<Ids>()) << a << " | " << b;
      if (name == "gpt2") continue;  // knows no types
      const auto types = golden["pair_types"][name][l][i].get<std::vector<std::uint8_t>>();
      EXPECT_EQ(tokens.types, types) << a << " | " << b;
    }
  }
}

TEST(Tokenizer, GoldenTexts) {
  for (const char* name : {"bert_uncased", "bert_cased", "gpt2", "roberta"}) {
    expect_golden(golden_tokenizer(name), name);
  }
}

TEST(Tokenizer, GoldenPairs) {
  for (const char* name : {"bert_uncased", "bert_cased", "gpt2", "roberta"}) {
    expect_golden_pairs(golden_tokenizer(name), name);
  }
}

// The vocabulary of a tokenizer.json as the files that older folders have.
void write_vocab_txt(const json& tokenizer, const std::string& file) {
  std::map<int, std::string> tokens;
  for (const auto& [token, id] : tokenizer["model"]["vocab"].items()) tokens[id] = token;
  std::string text;
  for (const auto& [id, token] : tokens) text += token + "\n";
  deneb::write_file_atomically(file, text);
}

void write_bpe_files(const json& tokenizer, const ScratchFolder& folder) {
  json vocabulary = tokenizer["model"]["vocab"];
  for (const json& token : tokenizer["added_tokens"]) {
    vocabulary[token["content"].get<std::string>()] = token["id"];
  }
  std::string merges = "#version: 0.2\n";
  for (const json& merge : tokenizer["model"]["merges"]) merges += merge.get<std::string>() + "\n";
  deneb::write_file_atomically(folder / "vocab.json", vocabulary.dump());
  deneb::write_file_atomically(folder / "merges.txt", merges);
}

TEST(TokenizerFiles, VocabTxt) {
  const ScratchFolder folder;
  write_vocab_txt(read("bert_uncased"), folder / "vocab.txt");
  expect_golden(read_tokenizer(folder.path()), "bert_uncased");
  expect_golden_pairs(read_tokenizer(folder / "vocab.txt"), "bert_uncased");
}

TEST(TokenizerFiles, SettingsBesideVocabTxt) {
  const ScratchFolder folder;
  write_vocab_txt(read("bert_cased"), folder / "vocab.txt");
  deneb::write_file_atomically(folder / "tokenizer_config.json", R"({"do_lower_case": false})");
  expect_golden(read_tokenizer(folder.path()), "bert_cased");
  deneb::write_file_atomically(folder / "tokenizer_config.json", R"({"do_lower_case": 1})");
  EXPECT_THAT(text_of<DataError>([&] { read_tokenizer(folder.path()); }),
              HasSubstr("tokenizer_config.json: 'do_lower_case' is neither true nor false"));
}

TEST(TokenizerFiles, VocabJsonAndMerges) {
  for (const char* name : {"gpt2", "roberta"}) {
    const ScratchFolder folder;
    write_bpe_files(read(name), folder);
    const Tokenizer tokenizer = read_tokenizer(folder.path());
    expect_golden(tokenizer, name);
    expect_golden_pairs(tokenizer, name);
  }
}

TEST(TokenizerFiles, TokenizerJsonComesFirst) {
  const ScratchFolder folder;
  write_vocab_txt(read("bert_cased"), folder / "vocab.txt");
  deneb::write_file_atomically(folder / "tokenizer.json", read("gpt2").dump());
  expect_golden(read_tokenizer(folder.path()), "gpt2");
}

TEST(TokenizerFiles, OlderTokenizerJson) {
  const ScratchFolder folder;
  const std::string file = folder / "tokenizer.json";
  for (const char* name : {"bert_uncased", "gpt2", "roberta"}) {
    json tokenizer = read(name);
    tokenizer["model"].erase("type");
    deneb::write_file_atomically(file, tokenizer.dump());
    expect_golden(read_tokenizer(file), name);
  }
  json tokenizer = read("bert_uncased");
  tokenizer["post_processor"] = {
      {"type", "BertProcessing"}, {"sep", {"[SEP]", 3}}, {"cls", {"[CLS]", 2}}};
  deneb::write_file_atomically(file, tokenizer.dump());
  expect_golden_pairs(read_tokenizer(file), "bert_uncased");
}

TEST(TokenizerFiles, PairsOfMerges) {
  const ScratchFolder folder;
  json tokenizer = read("gpt2"), merges = json::array();
  for (const json& merge : tokenizer["model"]["merges"]) {
    const std::string text = merge;
    const std::size_t space = text.find(' ');
    merges.push_back({text.substr(0, space), text.substr(space + 1)});
  }
  tokenizer["model"]["merges"] = merges;
  deneb::write_file_atomically(folder / "tokenizer.json", tokenizer.dump());
  expect_golden(read_tokenizer(folder.path()), "gpt2");
}

TEST(Tokenizer, Facts) {
  const Tokenizer bert = golden_tokenizer("bert_uncased");
  EXPECT_EQ(bert.special_tokens(false), 2);
  EXPECT_EQ(bert.special_tokens(true), 3);
  EXPECT_EQ(bert.padding_id(), 0);
  EXPECT_EQ(bert.id_limit(), 900);
  EXPECT_TRUE(bert.has_types());
  const Tokenizer gpt2 = golden_tokenizer("gpt2");
  EXPECT_EQ(gpt2.special_tokens(true), 0);
  EXPECT_EQ(gpt2.padding_id(), 700);  // end of text
  EXPECT_EQ(gpt2.id_limit(), 701);
  EXPECT_FALSE(gpt2.has_types());
  const Tokenizer roberta = golden_tokenizer("roberta");
  EXPECT_EQ(roberta.special_tokens(false), 2);
  EXPECT_EQ(roberta.special_tokens(true), 4);
  EXPECT_EQ(roberta.padding_id(), 1);
  EXPECT_FALSE(roberta.has_types());
}

TEST(Tokenizer, EmptyTexts) {
  EXPECT_THAT(golden_tokenizer("bert_uncased").encode("", 8).ids, ElementsAre(2, 3));
  EXPECT_THAT(golden_tokenizer("bert_uncased").encode("", "", 8).ids, ElementsAre(2, 3, 3));
  EXPECT_THAT(golden_tokenizer("gpt2").encode("", 8).ids, IsEmpty());
  EXPECT_THAT(golden_tokenizer("roberta").encode("", 8).ids, ElementsAre(0, 2));
}

// Words without end must not take time that grows with the square of their length.
TEST(Tokenizer, LongLines) {
  const std::string letters(100000, 'a'), marks(100000, '!'), spaces(100000, ' ');
  for (const char* name : {"bert_uncased", "gpt2"}) {
    const Tokenizer tokenizer = golden_tokenizer(name);
    for (const std::string& text : {letters, marks, spaces, letters + marks + spaces}) {
      EXPECT_LE(tokenizer.encode(text, 128).ids.size(), 128u);
      EXPECT_LE(tokenizer.encode(text, text, 128).ids.size(), 128u);
    }
  }
  const Tokenizer bert = golden_tokenizer("bert_uncased");
  EXPECT_THAT(bert.encode(letters, 128).ids, ElementsAre(2, 1, 3));  // one unknown word
  EXPECT_THAT(bert.ids(marks), SizeIs(100000));
  EXPECT_THAT(bert.ids(spaces), IsEmpty());
}

TEST(Tokenizer, LimitsDoNotChangeWhatComesBefore) {
  for (const char* name : {"bert_uncased", "gpt2", "roberta"}) {
    const Tokenizer tokenizer = golden_tokenizer(name);
    const std::string text =
        "The quick brown fox [SEP] isn't <|endoftext|> a <mask> antidisestablishment.";
    const std::int64_t special = tokenizer.special_tokens(false);
    const Ids all = tokenizer.ids(text);
    for (std::int64_t room = 1; room < std::int64_t(all.size()) + 2; ++room) {
      const Ids ids = tokenizer.encode(text, room + special).ids;
      const auto kept = std::min<std::int64_t>(room, std::int64_t(all.size()));
      ASSERT_EQ(std::int64_t(ids.size()), kept + special);
      EXPECT_TRUE(std::equal(all.begin(), all.begin() + kept, ids.begin() + (special > 0)));
    }
  }
}

TEST(CutLongestFirst, SharesTheRoom) {
  const auto cut = [](std::size_t first, std::size_t second, std::size_t room) {
    deneb::text::cut_longest_first(first, second, room);
    return std::pair{first, second};
  };
  EXPECT_EQ(cut(3, 4, 7), std::pair(std::size_t(3), std::size_t(4)));
  EXPECT_EQ(cut(3, 9, 7), std::pair(std::size_t(3), std::size_t(4)));
  EXPECT_EQ(cut(9, 3, 7), std::pair(std::size_t(4), std::size_t(3)));
  EXPECT_EQ(cut(9, 8, 7), std::pair(std::size_t(4), std::size_t(3)));
  EXPECT_EQ(cut(8, 9, 7), std::pair(std::size_t(3), std::size_t(4)));
  EXPECT_EQ(cut(9, 9, 7), std::pair(std::size_t(3), std::size_t(4)));
  EXPECT_EQ(cut(0, 9, 7), std::pair(std::size_t(0), std::size_t(7)));
  EXPECT_EQ(cut(5, 5, 0), std::pair(std::size_t(0), std::size_t(0)));
}

TEST(Utf8, ReplacesAsPythonDoes) {
  const std::string r = "\xEF\xBF\xBD";
  using deneb::text::valid_utf8;
  EXPECT_EQ(valid_utf8("a\xFF"
                       "b"),
            "a" + r + "b");
  EXPECT_EQ(valid_utf8("\xE2\x82"), r);              // one for a cut character
  EXPECT_EQ(valid_utf8("\xE2\x82\x41"), r + "A");    // and the next one stays
  EXPECT_EQ(valid_utf8("\xC0\x80"), r + r);          // overlong: one a byte
  EXPECT_EQ(valid_utf8("\xED\xA0\x80"), r + r + r);  // a surrogate
  EXPECT_EQ(valid_utf8("\xF0\x9F\x98\x80"), "\xF0\x9F\x98\x80");
}

TEST(BytePieces, GptPattern) {
  const auto pieces = [](const std::string& text) {
    std::vector<std::string> list;
    for (std::size_t start = 0; start < text.size();) {
      const std::size_t end = deneb::text::end_of_piece(text, start);
      list.push_back(text.substr(start, end - start));
      start = end;
    }
    return list;
  };
  EXPECT_THAT(pieces("Don't  stop"), ElementsAre("Don", "'t", " ", " stop"));
  EXPECT_THAT(pieces("a12 34!? b"), ElementsAre("a", "12", " 34", "!?", " b"));
  EXPECT_THAT(pieces("a \n\n b\n"), ElementsAre("a", " \n\n", " b", "\n"));
  EXPECT_THAT(pieces("\n\na"), ElementsAre("\n", "\n", "a"));
  EXPECT_THAT(pieces(" 's 'S"), ElementsAre(" '", "s", " '", "S"));
  EXPECT_THAT(pieces("  "), ElementsAre("  "));
}

// ---- damaged and foreign files

class TokenizerErrors : public ::testing::Test {
 protected:
  std::string error_of(const json& tokenizer) {
    deneb::write_file_atomically(folder_ / "tokenizer.json", tokenizer.dump());
    return text_of<DataError>([&] { read_tokenizer(folder_.path()); });
  }
  std::string error_of(const std::string& base, const std::function<void(json&)>& change) {
    json tokenizer = read(base);
    change(tokenizer);
    return error_of(tokenizer);
  }
  std::string vocab_txt_error(const std::string& text) {
    deneb::write_file_atomically(folder_ / "vocab.txt", text);
    return text_of<DataError>([&] { read_tokenizer(folder_.path()); });
  }
  ScratchFolder folder_;
};

TEST_F(TokenizerErrors, OtherKinds) {
  const auto model = [&](const char* type) {
    return error_of("gpt2", [&](json& t) { t["model"]["type"] = type; });
  };
  EXPECT_THAT(model("Unigram"),
              HasSubstr("tokenizer.json: a tokenizer of type Unigram is not supported; "
                        "supported are WordPiece"));
  EXPECT_THAT(model("WordLevel"), HasSubstr("a tokenizer of type WordLevel"));
  EXPECT_THAT(error_of("gpt2",
                       [](json& t) {
                         t["normalizer"] = {{"type", "NFC"}};
                       }),
              HasSubstr("BPE with the normalizer 'NFC' is not supported"));
  EXPECT_THAT(error_of("gpt2",
                       [](json& t) {
                         t["pre_tokenizer"] = {{"type", "Split"}};
                       }),
              HasSubstr("BPE with the pre-tokenizer 'Split'"));
  EXPECT_THAT(error_of("gpt2", [](json& t) { t["model"]["byte_fallback"] = true; }),
              HasSubstr("BPE with byte_fallback"));
  EXPECT_THAT(error_of("gpt2", [](json& t) { t["model"]["dropout"] = 0.1; }), HasSubstr("dropout"));
  EXPECT_THAT(error_of("bert_cased", [](json& t) { t["normalizer"]["type"] = "Precompiled"; }),
              HasSubstr("the normalizer 'Precompiled'"));
  EXPECT_THAT(error_of("bert_cased", [](json& t) { t["pre_tokenizer"] = nullptr; }),
              HasSubstr("WordPiece with the pre-tokenizer ''"));
  EXPECT_THAT(error_of("bert_cased", [](json& t) { t["post_processor"]["type"] = "Sequence"; }),
              HasSubstr("the post-processor Sequence is not supported"));
  EXPECT_THAT(error_of("bert_cased", [](json& t) { t["added_tokens"][0]["single_word"] = true; }),
              HasSubstr("the added token '[PAD]' with single_word"));
}

TEST_F(TokenizerErrors, DamagedJson) {
  EXPECT_THAT(error_of(json::array()), HasSubstr("tokenizer.json: is no JSON object"));
  EXPECT_THAT(error_of(json::object()), HasSubstr("'model' is missing"));
  EXPECT_THAT(error_of("gpt2", [](json& t) { t["model"].erase("vocab"); }),
              HasSubstr("'model.vocab' is missing; take the file that belongs to"));
  EXPECT_THAT(error_of("gpt2", [](json& t) { t["model"]["vocab"]["!"] = -1; }),
              HasSubstr("'!' is no token id"));
  EXPECT_THAT(error_of("gpt2", [](json& t) { t["model"]["vocab"]["!"] = 7; }),
              HasSubstr("have the same id 7"));
  EXPECT_THAT(error_of("gpt2", [](json& t) { t["model"]["vocab"].erase("A"); }),
              HasSubstr("the vocabulary has no token 'A' for byte 65"));
  EXPECT_THAT(error_of("gpt2", [](json& t) { t["model"]["merges"][3] = "a bc d"; }),
              HasSubstr("merge 4: 'a bc d' is no merge of two tokens"));
  EXPECT_THAT(error_of("gpt2", [](json& t) { t["model"]["merges"][3] = "q~ ~q"; }),
              HasSubstr("merge 4 ('q~' and '~q'): the vocabulary has no token 'q~'"));
  EXPECT_THAT(error_of("bert_cased", [](json& t) { t["model"]["vocab"].erase("[UNK]"); }),
              HasSubstr("the vocabulary has no unknown token '[UNK]'"));
  EXPECT_THAT(
      error_of("bert_cased", [](json& t) { t["post_processor"]["special_tokens"].erase("[SEP]"); }),
      HasSubstr("'post_processor.special_tokens' has no '[SEP]'"));
  EXPECT_THAT(error_of("bert_cased", [](json& t) { t["post_processor"]["single"].erase(1); }),
              HasSubstr("'post_processor.single' does not hold each text once"));
  deneb::write_file_atomically(
      folder_ / "tokenizer.json",
      "{\"model\": {\"type\": " + std::string(100000, '[') + std::string(100000, ']') + "}}");
  EXPECT_THAT(text_of<DataError>([&] { read_tokenizer(folder_.path()); }),
              HasSubstr("is no JSON object"));
  deneb::write_file_atomically(folder_ / "tokenizer.json",
                               deneb::read_file(golden_file("gpt2")).substr(0, 5000));
  EXPECT_THAT(text_of<DataError>([&] { read_tokenizer(folder_.path()); }),
              HasSubstr("is no JSON object"));
}

TEST_F(TokenizerErrors, DamagedVocabTxt) {
  EXPECT_THAT(vocab_txt_error(""), HasSubstr("vocab.txt: is empty"));
  EXPECT_THAT(vocab_txt_error("[UNK]\na\nb\na\n"),
              HasSubstr("vocab.txt:4: the token 'a' comes a second time"));
  EXPECT_THAT(vocab_txt_error("[UNK]\na\xFF\n"), HasSubstr("vocab.txt:2: is no UTF-8 text"));
  EXPECT_THAT(vocab_txt_error("a\nb\n"), HasSubstr("no unknown token '[UNK]'"));
  EXPECT_THAT(vocab_txt_error("[UNK]\n[CLS]\na\n"), HasSubstr("has no token '[SEP]'"));
  EXPECT_EQ(vocab_txt_error("[UNK]\r\n[CLS]\r\n[SEP]\r\na"), "");
}

TEST_F(TokenizerErrors, MissingFiles) {
  EXPECT_THAT(text_of<DataError>([&] { read_tokenizer(folder_.path()); }),
              HasSubstr("no tokenizer there; expected tokenizer.json, or vocab.txt"));
  EXPECT_THAT(text_of<DataError>([&] { read_tokenizer(folder_ / "none"); }),
              HasSubstr("not found"));
  deneb::write_file_atomically(folder_ / "vocab.json", "{}");
  EXPECT_THAT(text_of<DataError>([&] { read_tokenizer(folder_.path()); }),
              HasSubstr("merges.txt: not found; it belongs to"));
  const ScratchFolder other;
  deneb::write_file_atomically(other / "spiece.model", "x");
  EXPECT_THAT(text_of<DataError>([&] { read_tokenizer(other.path()); }),
              HasSubstr("SentencePiece is not supported"));
}

// Whatever a file holds, the answer is a tokenizer or a DataError.
TEST_F(TokenizerErrors, RandomDamage) {
  std::mt19937_64 rng(5);
  int refused = 0;
  for (const char* name : {"bert_uncased", "roberta"}) {
    const std::string intact = deneb::read_file(golden_file(name));
    // Most of the file is the vocabulary: damage before and behind it is as likely.
    const std::size_t begin = intact.find("\"vocab\""), end = intact.size();
    for (int i = 0; i < 150; ++i) {
      std::string bytes = intact;
      const std::size_t place = deneb::uniform_index(rng, i % 3 == 0 ? end : begin);
      if (i % 5 == 0) {
        bytes.resize(place);
      } else if (i % 5 == 1) {
        bytes.erase(place, 1 + deneb::uniform_index(rng, 30));
      } else {
        bytes[place] = static_cast<char>(deneb::uniform_index(rng, i % 5 == 2 ? 256 : 94) + 32);
      }
      std::ofstream(folder_ / "tokenizer.json", std::ios::binary) << bytes;  // without waiting
      try {
        const Tokenizer tokenizer = read_tokenizer(folder_.path());
        tokenizer.encode("Some text, [SEP] <mask> \xC3\xA9 and more.", 12);
        tokenizer.encode("a pair", "of texts", 3);
      } catch (const DataError&) {
        ++refused;
      }
    }
  }
  EXPECT_GT(refused, 100);
}

}  // namespace
}  // namespace tokenizer_test
