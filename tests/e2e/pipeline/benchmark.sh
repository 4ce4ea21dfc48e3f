#!/usr/bin/env bash
# A benchmark of policies on test images: its file and report, the same after a stop, and no other step
# may be measured so.
. "$(dirname "$0")/common.sh"
pipeline=$source/pipelines/smoke/mqbench_resnet20_synthetic.json

run "$pipeline" whole > log
grep -q "measured on the TEST split" tasks/whole/run.log || fail "the log does not say what it measures"
file=tasks/whole/output/benchmark/benchmark.json
python3 - $file tasks/whole/output <<'PY' || fail "$file is not what it should be"
import csv, hashlib, json, sys
benchmark = json.load(open(sys.argv[1]))
entries = benchmark["entries"]
assert len(entries) == 24 and len(benchmark["layers"]) == 8, benchmark["layers"]
assert len({tuple(e["bits"]) for e in entries}) == 24
assert [e["split"] for e in entries].count("evolve") == 6
assert benchmark["evaluated_on"] == "test" and benchmark["num_eval_images"] == 100
weights = open(sys.argv[2] + "/float/models/1/weights.safetensors", "rb").read()
assert benchmark["weights_sha256"] == hashlib.sha256(weights).hexdigest()
model = next(csv.DictReader(open(sys.argv[2] + "/float/reports.csv")))
assert abs(benchmark["fp32_accuracy"] - 100 * float(model["accuracy"])) < 1e-6, model
names = [layer["name"] for layer in benchmark["layers"]]
tied = names.index("layer2.0.conv1"), names.index("layer2.0.downsample.0")
trials = list(csv.DictReader(open(sys.argv[2] + "/benchmark/reports.csv")))
for entry, trial in zip(entries, trials):
    assert abs(entry["accuracy"] - 100 * float(trial["accuracy"])) < 1e-6
    assert abs(entry["accuracy"] - round(entry["accuracy"])) < 1e-6  # of 100 images; 64 are for validation
    assert entry["size_bytes"] * 8 == float(trial["size"]) and entry["bitops"] == float(trial["bitops"])
    assert entry["bits"][tied[0]] == entry["bits"][tied[1]]
    words = [int(word[1:word.index("a")]) for word in trial["encoding"].split()]
    assert sorted(words) == sorted(entry["bits"] + [8, 8]), trial["encoding"]
PY
[ ! -e tasks/whole/output/benchmark/policies ] || [ -z "$(ls tasks/whole/output/benchmark/policies)" ] ||
  fail "policies were chosen by test images"
report=tasks/whole/output/report.html
for text in "Distribution of the accuracies" "Mean accuracy by the width of a layer" \
  "measured on the <em>test</em> images"; do
  grep -q "$text" $report || fail "the report lacks: $text"
done

tried() { python3 - <<'PY'
import os, sqlite3
path = "tasks/stopped/task.sqlite"
print(sqlite3.connect(path).execute("select count(*) from trials where status = 'finished'").fetchone()[0]
      if os.path.exists(path) else 0)
PY
}
"$deneb" run "$pipeline" "${here[@]}" --task-id stopped > log 2>&1 &
pid=$!
while kill -0 $pid 2> /dev/null && [ "$(tried 2> /dev/null || echo 0)" -lt 4 ]; do sleep 0.1; done
kill -KILL $pid 2> /dev/null || fail "ended before it could be killed"
wait $pid || true
[ ! -e tasks/stopped/output/benchmark/benchmark.json ] || fail "killed too late"
"$deneb" resume "$work/tasks/stopped" --quiet > log
cmp $file tasks/stopped/output/benchmark/benchmark.json || fail "the benchmark differs after a stop"

refused() {  # MESSAGE ARGS...: validation fails with it
  local message=$1
  shift
  code=0
  "$deneb" validate "$pipeline" "$@" 2> message || code=$?
  [ $code = 2 ] && grep -q "$message" message || fail "'$message' is missing: $code, $(cat message)"
}
refused 'evaluate_on: is "test", but RandomSearch leaves policies, which the test split would choose' \
  --set benchmark.search_algorithm.benchmark.name=
refused 'evaluate_on: is "test", but Sensitivity leaves no benchmark' \
  --set 'benchmark.search_algorithm={"type": "Sensitivity"}'
refused 'search_space.activation_candidates: the policies of a benchmark' \
  --set 'benchmark.search_space.activation_candidates=["int4","int8"]'
"$deneb" validate "$pipeline" --set benchmark.data_loader.train_portion=1 > log ||
  fail "a benchmark on test images needs no validation images"
