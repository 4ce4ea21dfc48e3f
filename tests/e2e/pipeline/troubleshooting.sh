#!/usr/bin/env bash
# Every message of docs/TROUBLESHOOTING.md is one that the program says.
. "$(dirname "$0")/common.sh"

export DENEB_DATA=$work/no_data
docs=$(dirname "$0")/../../../docs/TROUBLESHOOTING.md
: > said.txt
said() { "$deneb" "$@" >> said.txt 2>&1 || true; }

parts='"network": {"type": "MLP", "hidden": [16, 16]}, "dataset": {"type": "Digits"}, "trainer": {"max_steps": 2}'
search='"pipe_step": {"type": "SearchPipeStep"}, "search_space": {"bit_candidates": [4, 8]}'
train='"pipe_step": {"type": "TrainPipeStep"}, "network": {"type": "MLP", "hidden": [16, 16]}, "dataset": {"type": "Digits"}'
small='"network": {"type": "MLP", "hidden": [16]}, "dataset": {"type": "Digits"}'
random='"search_algorithm": {"type": "RandomSearch", "samples": 2}'
diverging='{"max_steps": 2, "optimizer": {"lr": 1e6, "momentum": 0, "weight_decay": 1000}}'
folder='"general": {"task": {"local_base_path": "tasks"}}'

cat > good.json <<J
{$folder, "pipeline": ["nas", "train"],
 "nas": {$search, $parts, $random}, "train": {"pipe_step": {"type": "TrainPipeStep"}, $parts}}
J
cat > comma.json <<J
{"pipeline": ["nas"]
 "nas": {$search, $parts, $random}}
J
cat > options.json <<J
{"pipeline": ["nas", "absent"],
 "nas": {$search, "network": {"type": "MLP"}, "dataset": {"type": "Digit"}, "trainer": {"epochs": -1},
   "search_algorithm": {"type": "RandomSearch", "sample": 2}}}
J
policy() { # FILE LAYER FORMAT
  echo "{\"format\": \"deneb-policy\", \"version\": 1, \"model\": {\"type\": \"MLP\"}," \
    "\"layers\": [{\"name\": \"$2\", \"weight\": \"$3\", \"activation\": \"int4\"}]}" > "$1"
}
policy other.json fc9 int4
policy signs.json fc2 uint4
# Every step has a mistake of its own.
cat > steps.json <<J
{"pipeline": ["pinned", "uniform", "budget", "formats", "other", "signs"],
 "pinned": {$search, $small, $random},
 "uniform": {"pipe_step": {"type": "TrainPipeStep"}, $small, "uniform": [{"weight_bits": 4, "activation_bits": 4}]},
 "budget": {$search, $parts, $random, "limits": [{"cost": "bitops", "max": 1000}]},
 "formats": {$train, "quantizer": {"weight": {"type": "XNOR"}}, "uniform": [{"weight_bits": 4, "activation_bits": 4}]},
 "other": {$train, "policy": "other.json"},
 "signs": {$train, "policy": "signs.json"}}
J
said validate comma.json
said validate options.json
said validate steps.json
said validate good.json --set 'nas.search_algorithm={"type": "ExactAssignment", "constraints": [{"name": "a", "avg_bits": {"w": 4}}]}'
said validate good.json --set 'nas.search_algorithm={"type": "LIMPQ", "constraints": [{"name": "a", "avg_bits": {"w": 4}}]}'
said validate good.json --set general.device=cuda:99
said run good.json --set nas.weights=absent.safetensors
said run good.json --task-id nowhere --set 'pipeline=["train"]' --set 'train.dataset={"type": "Cifar10"}' \
  --set 'train.network={"type": "ResNetCifar", "depth": 8}'

run good.json done
weights=tasks/done/output/train/models/1/weights.safetensors
head -c 100 "$weights" > cut.safetensors
said validate good.json --set nas.weights="$PWD/$weights" --set 'nas.network.hidden=[24, 24]'
said validate good.json --set nas.weights="$PWD/cut.safetensors"
said run good.json --task-id done
said run good.json --task-id done --from train --set nas.trainer.max_steps=3
said resume absent
said resume tasks/done --set nas.trainer.max_steps=3
said run good.json --set general.task.local_base_path=/proc/absent
said run good.json --task-id diverges --set 'pipeline=["nas"]' --set general.max_failures=0 --set "nas.trainer=$diverging"
said run good.json --task-id slow --set 'pipeline=["nas"]' --set general.max_failures=0 --set general.trial_timeout=0.5 \
  --set 'nas.trainer={"epochs": 100000, "valid_interval": 0}'
# The address sanitizer needs terabytes of addresses, and has a limit of its own.
(if ldd "$deneb" | grep -q libasan; then
   export ASAN_OPTIONS=${ASAN_OPTIONS-}:allocator_may_return_null=1:max_allocation_size_mb=8192
 else
   ulimit -v 16000000
 fi
 said validate good.json --set 'nas.network.hidden=[65536, 65536, 65536]')
echo "no plugin" > plugin.so
said validate good.json --plugin plugin.so

python3 - "$docs" <<'PY'
import re, sys
said = open("said.txt", errors="replace").read()
messages = re.findall(r"^### `(.*)`$", open(sys.argv[1]).read(), re.M)
assert len(messages) >= 20, len(messages)
missing = [m for m in messages if not re.search(".*?".join(re.escape(p) for p in m.split("…")), said)]
for message in missing:
    print("docs/TROUBLESHOOTING.md has a message that was not said:", message)
if missing:
    print(said)
assert not missing
PY
