# Sourced after common.sh: a table of texts, a vocabulary, a small BERT, and text.json, a pipeline that trains it, searches formats for
# the roles of its layers and measures what was found.
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
