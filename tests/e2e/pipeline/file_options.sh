#!/usr/bin/env bash
# Options that name files are relative to the file in which they stand, whatever the plugin and the
# working directory, and a missing file is told before anything runs.
. "$(dirname "$0")/common.sh"

# What sounds like a file is declared as one. The rest: names of files in data_path, and the folders of
# tasks and of the cache.
"$deneb" describe --all > options.md
python3 - <<'PY'
import re
inside = {"train_file", "test_file", "train_folder", "test_folder", "task.local_base_path", "cache"}
noun = re.compile(r"(^|_)(path|file|files|folder|dir|directory|table|scores|indicators|config|"
                  r"checkpoint|tokenizer|vocab|benchmark|proxy|teacher|policy|root)$")
paths = wrong = 0
for line in open("options.md"):
    cells = [cell.strip() for cell in line.split("|")]
    if len(cells) < 7 or not cells[1].startswith("`"):
        continue
    name, kind, choices, meaning = cells[1].strip("`"), cells[2], cells[4], cells[5]
    paths += kind.startswith("path")
    sounds = noun.search(name.split(".")[-1]) or re.search(r"^(JSON |policy )?(file|folder)\b(?! name)", meaning)
    if kind == "string" and sounds and "one of" not in choices and name not in inside:
        print("a file that is declared as a string:", line)
        wrong += 1
assert not wrong
assert paths >= 20, paths
PY

# All of these are relative to the file, one of them by way of a second file, and all are missing.
mkdir -p project/shared elsewhere
cat > project/shared/parts.json <<'JSON'
{
  "latency": {
    "table": "times.json", "budget_ms": 3
  }
}
JSON
cat > project/p.json <<'JSON'
{
  "pipeline": ["assign", "mixed", "evolved", "train"],
  "assign": {
    "pipe_step": {"type": "SearchPipeStep"},
    "network": {"type": "ResNetCifar", "depth": 8, "image_size": 16},
    "dataset": {"type": "Synthetic", "channels": 3, "size": 16},
    "search_algorithm": {
      "type": "ExactAssignment",
      "scores": "my/scores.json",
      "constraints": [{"name": "fast", "latency": {"ref": "shared/parts.json#latency"}}]
    },
    "search_space": {"bit_candidates": [2, 4]}
  },
  "mixed": {
    "ref": "assign",
    "search_algorithm": {"type": "LIMPQ",
      "indicators": "my/indicators.json", "constraints": [{"name": "small", "bitops": {"wb": 4, "ab": 4}}]},
    "cost_models": [{"name": "damage", "model": {"type": "layer_scores",
      "scores": "../damage.json"}}]
  },
  "evolved": {
    "ref": "assign",
    "search_algorithm": {"type": "EMQ",
      "benchmark": "my/benchmark.json",
      "proxy": "my/proxy.json",
      "compare": [{"name": "others",
        "scores": "my/others.json"}]}
  },
  "train": {
    "pipe_step": {"type": "TrainPipeStep",
      "models_folder": "my/models"},
    "network": {"ref": "assign.network"},
    "dataset": {"ref": "assign.dataset"},
    "policy": "my/policy.json",
    "weights": "my/weights.safetensors"
  }
}
JSON
missing() { (cd elsewhere && "$deneb" validate "$@" 2>&1 || echo "exit $?") > out.txt; }
missing ../project/p.json
[ "$(tail -1 out.txt)" = "exit 4" ] || fail "$(cat out.txt)"
while read -r line; do
  grep -q "error: ../project/$line" out.txt || fail "no '$line' in: $(cat out.txt)"
done <<END
p.json:9: assign.search_algorithm.scores: $work/project/my/scores.json does not exist; make it first
shared/parts.json:3: assign.search_algorithm.constraints\[0\].latency.table: $work/project/shared/times.json does not exist
p.json:17: mixed.search_algorithm.indicators: $work/project/my/indicators.json does not exist
p.json:19: mixed.cost_models\[0\].model.scores: $work/damage.json does not exist
p.json:24: evolved.search_algorithm.benchmark: $work/project/my/benchmark.json does not exist
p.json:25: evolved.search_algorithm.proxy: $work/project/my/proxy.json does not exist
p.json:27: evolved.search_algorithm.compare\[0\].scores: $work/project/my/others.json does not exist
p.json:31: train.pipe_step.models_folder: $work/project/my/models does not exist
p.json:34: train.policy: $work/project/my/policy.json does not exist
p.json:35: train.weights: $work/project/my/weights.safetensors does not exist
END
missing ../project/p.json --set train.weights=none.safetensors
grep -q "error: --set train.weights: $work/project/none.safetensors does not exist" out.txt || fail "$(cat out.txt)"

# A run elsewhere finds them, and notes where they are.
mkdir project/my
run "$source/pipelines/smoke/limpq_resnet20_synthetic.json" scores --set 'pipeline=["nas"]'
cp tasks/scores/output/nas/layer_scores.json project/my/scores.json
cp "$source/pipelines/smoke/limpq_resnet20_synthetic.json" project/q.json
(cd elsewhere && "$deneb" run ../project/q.json "${here[@]}" --task-id found --set 'pipeline=["nas"]' \
  --set 'nas.search_algorithm.indicators=my/scores.json') || fail "files are not found from elsewhere"
grep -q "\"indicators\": \"$work/project/my/scores.json\"" tasks/found/config.resolved.json ||
  fail "not absolute: $(grep indicators tasks/found/config.resolved.json)"
