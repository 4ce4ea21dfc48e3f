"""Compares the ids of our tokenizers with those of the package `tokenizers`, line by line.

    python tests/golden/compare_tokenizers.py build/dev/bin/tokenizer_ids FOLDER FILE...

FOLDER holds a tokenizer.json, or vocab.json and merges.txt. Every line of the FILEs is a text, and every
two lines are a pair. Needs tokenizers 0.15, and transformers for folders without a tokenizer.json.
Neither build nor tests need this. Exit code 1 when ids differ.
"""
import os
import subprocess
import sys

from tokenizers import Tokenizer


def reference(folder):
    if os.path.exists(os.path.join(folder, "tokenizer.json")):
        return Tokenizer.from_file(os.path.join(folder, "tokenizer.json"))
    from transformers import GPT2TokenizerFast, RobertaTokenizerFast
    files = [os.path.join(folder, name) for name in ("vocab.json", "merges.txt")]
    kind = RobertaTokenizerFast if '"</s>"' in open(files[0]).read() else GPT2TokenizerFast
    return kind(*files).backend_tokenizer


def ours(program, folder, lines, length, *more):
    answer = subprocess.run([program, folder, str(length), *more], input=b"\n".join(lines) + b"\n",
                            stdout=subprocess.PIPE, check=True).stdout.decode()
    return [[int(word) for word in line.split()] for line in answer.split("\n")[:-1]]


def report(what, lines, found, expected):
    different = [i for i in range(len(expected)) if found[i] != expected[i]]
    print(f"{what}: {len(expected)} samples, {len(different)} different")
    for i in different[:5]:
        print(" ", lines[i], found[i], expected[i])
    return len(different) + abs(len(found) - len(expected))


def main(program, folder, files):
    lines = [line for file in files for line in open(file, "rb").read().split(b"\n")]
    lines = lines[: len(lines) // 2 * 2]
    texts = [line.decode("utf-8", "replace") for line in lines]
    pairs = list(zip(texts[0::2], texts[1::2]))
    tokenizer = reference(folder)
    tokenizer.no_padding()
    tokenizer.enable_truncation(512)
    wrong = report("texts", lines, ours(program, folder, lines, 512),
                   [encoding.ids for encoding in tokenizer.encode_batch(texts)])
    for length in (16, 17, 128):
        tokenizer.enable_truncation(length)
        wrong += report(f"pairs of {length}", lines[0::2],
                        ours(program, folder, lines, length, "pair")[0::2],
                        [encoding.ids for encoding in tokenizer.encode_batch(pairs)])
    return 1 if wrong else 0


sys.exit(main(sys.argv[1], sys.argv[2], sys.argv[3:]))
