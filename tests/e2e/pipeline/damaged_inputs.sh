#!/usr/bin/env bash
# Damaged inputs end with the right exit code and a message that says where, never with a crash, and
# a wrong configuration leaves no task folder. Also run under the sanitizers (preset asan).
. "$(dirname "$0")/common.sh"

cases=0

# refused CODE PATTERN FILE [ARGS...]: `run FILE ARGS` ends with CODE and a message like PATTERN.
refused() {
  local code=$1 pattern=$2 got=0
  shift 2
  cases=$((cases + 1))
  "$deneb" run "$1" "${here[@]}" --task-id "case$cases" "${@:2}" > out.txt 2>&1 || got=$?
  check_refusal "case $cases ($*)" "$code" "$got" "$pattern"
  if [ "$code" = 2 ] && [ -e "tasks/case$cases" ]; then fail "case $cases ($*) left a task folder"; fi
}

check_refusal() { # WHAT CODE GOT PATTERN
  [ "$3" = "$2" ] || fail "$1: exit $3, expected $2: $(cat out.txt)"
  grep -qE -- "$4" out.txt || fail "$1: no '$4' in: $(cat out.txt)"
  if grep -qE 'Sanitizer|runtime error:|terminate called' out.txt; then
    fail "$1: crashed: $(cat out.txt)"
  fi
}

# edit NAME OLD NEW: the smoke pipeline with one text replaced.
edit() {
  python3 - "$smoke" "$1" "$2" "$3" <<'PY'
import sys
source, target, old, new = sys.argv[1:]
text = open(source).read()
assert text.count(old) >= 1, old
open(target, "w").write(text.replace(old, new, 1))
PY
}

# --- the pipeline file: exit 2, with file and line. One start of `validate` reads all of them, `run` one.
wrong=()
wrong() { # FILE PATTERN
  wrong+=("$1" "$2")
}
head -c 400 "$smoke" > cut.json
wrong cut.json 'cut\.json:[0-9]+'
: > empty.json
wrong empty.json 'empty\.json'
head -c 4096 "$deneb" > binary.json
wrong binary.json 'binary\.json:1'
edit nan.json '"lr": 0.1' '"lr": NaN'
wrong nan.json 'nan\.json:[0-9]+'
edit type.json '"width": 4' '"width": "four"'
wrong type.json 'type\.json:[0-9]+: nas\.network\.width'
edit negative.json '"epochs": 1' '"epochs": -1'
wrong negative.json 'negative\.json:[0-9]+: nas\.trainer\.epochs.*-1'
edit plugin.json '"QuantEA"' '"QuantAE"'
wrong plugin.json "plugin\\.json:[0-9]+: nas\\.search_algorithm.*\"QuantEA\""
edit cyclic.json '"network": {"type": "MiniResNet", "width": 4}' '"network": {"ref": "fully_train.network"}'
wrong cyclic.json 'cyclic\.json:[0-9]+: .*(cycl|circ|itself)'
edit ref.json '{"ref": "nas.dataset"}' '{"ref": "nas.datasets"}'
wrong ref.json "ref\\.json:[0-9]+: .*nas\\.datasets"
edit step.json '["nas", "fully_train"]' '["nas", "fully_trained"]'
wrong step.json "step\\.json:[0-9]+: pipeline.*'fully_train'"
edit twice.json '"width": 4' '"width": 4, "width": 8'
wrong twice.json 'twice\.json:7:[0-9]+: key "width" appears twice'
files=()
for ((i = 0; i < ${#wrong[@]}; i += 2)); do files+=("${wrong[i]}"); done
got=0
"$deneb" validate "${files[@]}" > out.txt 2>&1 || got=$?
for ((i = 0; i < ${#wrong[@]}; i += 2)); do
  cases=$((cases + 1))
  check_refusal "validate ${wrong[i]}" 2 "$got" "${wrong[i + 1]}"
  grep -qxF "${wrong[i]}: not ok (exit code 2)" out.txt || fail "${wrong[i]}: $(cat out.txt)"
done
refused 2 'negative\.json:[0-9]+: nas\.trainer\.epochs.*-1' negative.json

# --- weights: exit 4 for files that are cut or belong to something else
run "$smoke" good
model=$PWD/tasks/good/output/fully_train/models/1
train=(--set 'pipeline=["fully_train"]' --set 'fully_train.network={"type": "MiniResNet", "width": 4}')
head -c 3000 "$model/weights.safetensors" > cut.safetensors
refused 4 'cut\.safetensors' "$smoke" --set "nas.weights=$PWD/cut.safetensors"
refused 4 'absent\.safetensors' "$smoke" --set "nas.weights=$PWD/absent.safetensors"
refused 4 'weights\.safetensors.*' "$smoke" --set "nas.weights=$model/weights.safetensors" \
  --set nas.network.width=8
# --- policies are written by hand, too: exit 2
head -c 200 "$model/policy.json" > cut.policy.json
refused 2 'cut\.policy\.json' "$smoke" "${train[@]}" --set "fully_train.policy=$PWD/cut.policy.json"
sed 's/"int[248]"/"int99"/' "$model/policy.json" > width.policy.json
refused 2 'width\.policy\.json:[0-9]+: layers\[[0-9]+\].*99 bits' "$smoke" "${train[@]}" \
  --set "fully_train.policy=$PWD/width.policy.json"

# --- data sets: exit 4, with the command that fetches them again
python3 - <<'PY'
import json, os, struct, zlib

def png(width, height):
    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
    rows = b"\0" * ((1 + 3 * width) * height)
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) +
            chunk(b"IEND", b""))

sprite = png(1024, 10000)
flipped = bytearray(sprite)
flipped[len(sprite) // 2] ^= 0x40
for folder, first in (("cifar_cut", sprite[:len(sprite) // 2]), ("cifar_flipped", bytes(flipped))):
    os.mkdir(folder)
    for name, count in (("train", 50000), ("test", 10000)):
        json.dump([0] * count, open(f"{folder}/{name}_lables.json", "w"))
    for name in [f"data_batch_{i}" for i in range(1, 6)] + ["test_batch"]:
        open(f"{folder}/{name}.png", "wb").write(first if name == "data_batch_1" else sprite)
os.mkdir("mnist_cut")
for name, count in (("train", 60000), ("t10k", 10000)):
    open(f"mnist_cut/{name}-images-idx3-ubyte", "wb").write(struct.pack(">IIII", 2051, count, 28, 28))
    open(f"mnist_cut/{name}-labels-idx1-ubyte", "wb").write(struct.pack(">II", 2049, count))
PY
color=(--set 'nas.network={"type": "ResNetCifar", "depth": 8}')
gray=(--set 'nas.network={"type": "MLP", "input_shape": [1, 28, 28], "hidden": [8, 8]}')
for damage in cut flipped; do
  refused 4 "cifar_$damage/data_batch_1\\.png.*fetch_data\\.sh cifar10" "$smoke" "${color[@]}" \
    --set nas.dataset.type=Cifar10 --set "nas.dataset.data_path=$PWD/cifar_$damage"
done
refused 4 'mnist_cut/.*ubyte.*fetch_data\.sh mnist' "$smoke" "${gray[@]}" \
  --set nas.dataset.type=Mnist --set "nas.dataset.data_path=$PWD/mnist_cut"
refused 4 'fetch_data\.sh mnist' "$smoke" "${gray[@]}" \
  --set nas.dataset.type=Mnist --set nas.dataset.data_path=/nonexistent

# --- plugins: exit 3
head -c 5000 "$deneb" > cut.so
refused 3 'cut\.so' "$smoke" --plugin "$PWD/cut.so"

# --- numbers that go wrong while running, and places that cannot be written: exit 1
refused 1 'loss is nan|not finite|answers NaN' "$smoke" --set nas.trainer.optimizer.lr=1e6 --set general.max_failures=1 \
  --set nas.trainer.optimizer.momentum=0.99
refused 1 '/proc/nowhere' "$smoke" --set general.task.local_base_path=/proc/nowhere
mkdir small
if mount -t tmpfs -o size=192k tmpfs small 2> /dev/null; then
  trap 'umount "$work/small"' EXIT
  refused 1 'small/.*(No space left|full)' "$smoke" --set "general.task.local_base_path=$PWD/small"
else
  echo "skipped: the full disk (mounting a tmpfs needs root)"
fi

# --- a damaged task: resume says which file
resume_refused() { # CODE PATTERN TASK
  local got=0
  cases=$((cases + 1))
  "$deneb" resume "$3" --quiet > out.txt 2>&1 || got=$?
  check_refusal "case $cases (resume $3)" "$1" "$got" "$2"
}
cp -r tasks/good tasks/cut_store
head -c 6000 tasks/good/task.sqlite > tasks/cut_store/task.sqlite
resume_refused 4 'cut_store/task\.sqlite' tasks/cut_store
cp -r tasks/good tasks/cut_config
head -c 300 tasks/good/config.resolved.json > tasks/cut_config/config.resolved.json
resume_refused 2 'cut_config/config\.resolved\.json' tasks/cut_config

[ "$cases" -ge 20 ] || fail "only $cases cases ran"
echo "$cases damaged inputs refused"
