#!/usr/bin/env bash
# Texts through the program: a table and a vocabulary, a small BERT from a config.json, float training, a search over the roles of
# its layers, weights handed on by name; the same when it is killed.
. "$(dirname "$0")/common.sh"
mkdir -p model data
printf '%s\n' '[PAD]' '[UNK]' '[CLS]' '[SEP]' '[MASK]' a film is not good bad 'very' '##ly' '.' > model/vocab.txt
cat > model/config.json <<'J'
{"model_type": "bert", "vocab_size": 14, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2,
 "intermediate_size": 64, "max_position_embeddings": 16, "type_vocab_size": 2, "hidden_act": "gelu",
 "hidden_dropout_prob": 0, "attention_probs_dropout_prob": 0}
J
python3 - <<'PY'
import random
random.seed(1)
def rows(n):
    for i in range(n):
        good = i % 2
        words = [random.choice(["a", "film", "is", "very", "goodly" if good else "badly", "."]) for _ in range(random.randint(1, 9))]
        words.insert(random.randint(0, len(words)), "good" if good else "bad")
        yield " ".join(words), good
for name, n in (("train", 240), ("dev", 40)):
    with open(f"data/{name}.tsv", "w") as f:
        f.write("sentence\tlabel\n")
        for text, label in rows(n):
            f.write(f"{text}\t{label}\n")
PY
cat > text.json <<'J'
{
  "general": {"seed": 1, "threads": 1},
  "pipeline": ["float", "nas", "fully_train"],
  "float": {
    "pipe_step": {"type": "TrainPipeStep"},
    "network": {"type": "Bert", "config": "model", "num_classes": 2, "max_length": 12},
    "dataset": {"type": "TextTable", "preset": "sst2", "data_path": "data", "tokenizer": "model", "max_length": 12},
    "data_loader": {"train_portion": 0.8, "batch_size": 16},
    "evaluator": {"type": "Classification", "metrics": ["accuracy", "f1", "matthews"]},
    "trainer": {"epochs": 3, "optimizer": {"type": "AdamW", "lr": 2e-3}, "lr_scheduler": {"type": "Linear"}}
  },
  "nas": {
    "ref": "float", "pipe_step": {"type": "SearchPipeStep"},
    "weights": "float:weights",
    "quantizer": {"weight": {"type": "Uniform", "granularity": "channel", "update": "dynamic"},
                  "activation": {"type": "Uniform", "update": "dynamic"}},
    "search_algorithm": {
      "type": "FLIQS", "target": {"cost": "bitops", "weight_bits": 6, "activation_bits": 6}, "policy": {"lr": 0.1},
      "trainer": {"epochs": 3, "checkpoint_seconds": 1, "optimizer": {"type": "AdamW", "lr": 5e-4}}
    },
    "search_space": {
      "bit_candidates": [4, 8], "tie_weight_activation": true, "first_layer": "search", "last_layer": "int8",
      "groups": [{"layers": ["*.query"]}, {"layers": ["*.key"]}, {"layers": ["*.value"]},
                 {"layers": ["*.attention.output.dense"]}, {"layers": ["*.intermediate.dense"]}]
    },
    "trainer": {"epochs": 0}
  },
  "fully_train": {
    "ref": "float", "weights": "", "quantizer": {"ref": "nas.quantizer"}, "trainer": {"epochs": 0},
    "uniform": [{"weight_bits": 8, "activation_bits": 8, "first_layer": "int8", "last_layer": "int8"}]
  }
}
J
run text.json whole
python3 - tasks/whole/output <<'PY' || fail "what the search left"
import csv, json, sys
out = sys.argv[1]
rows = lambda f: list(csv.DictReader(open(f)))
assert float(rows(out + "/float/output.csv")[0]["accuracy"]) > 0.9, "the float network learned nothing"
policy = {l["name"]: l for l in json.load(open(out + "/nas/policies/target.json"))["layers"]}
for role in ("attention.self.query", "attention.self.key", "attention.self.value", "attention.output.dense", "intermediate.dense"):
    formats = [(policy[f"bert.encoder.layer.{k}.{role}"]["weight"], policy[f"bert.encoder.layer.{k}.{role}"]["activation"]) for k in (0, 1)]
    assert formats[0] == formats[1] and formats[0][0] == formats[0][1], (role, formats)
assert policy["classifier"]["weight"] == "int8"
trained = rows(out + "/fully_train/output.csv")
assert {"f1", "matthews", "accuracy"} <= set(trained[0]), trained[0]
PY
timeout -s KILL 2.5 "$deneb" run text.json "${here[@]}" --task-id killed || true
if [ -e tasks/killed/task.sqlite ]; then "$deneb" resume "$work/tasks/killed" --quiet; else run text.json killed; fi
for file in nas/probabilities.json nas/weights_target.safetensors; do
  cmp "tasks/whole/output/$file" "tasks/killed/output/$file" || fail "$file differs after kill -9"
done

refused() { # TEXT ARGS...: the file is refused with this text
  local text=$1
  shift
  if "$deneb" validate text.json "$@" >out.txt 2>&1; then fail "accepted: $*"; fi
  grep -q -- "$text" out.txt || { cat out.txt; fail "no message '$text' for $*"; }
}
sed 's/"bert"/"t5"/' model/config.json > t5.json
refused "t5" --set float.network.config="$work/t5.json"
refused "max_length" --set float.network.max_length=8
