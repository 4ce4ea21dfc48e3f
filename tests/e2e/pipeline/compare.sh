#!/usr/bin/env bash
# `deneb compare` over tasks of two searches and two seeds: rows, differences and intervals as the tasks' own
# tables give them, one set of numbers on the page and in the CSV files, and tasks that do not agree refused.
. "$(dirname "$0")/common.sh"
pipelines=$source/pipelines/smoke
data='{"type": "Synthetic", "num_classes": 10, "channels": 3, "size": 16, "train_samples": 160, "test_samples": 50}'
uniform='[{"weight_bits": 2, "activation_bits": 3, "first_layer": "int8", "last_layer": "int8"},
          {"weight_bits": 3, "activation_bits": 3, "first_layer": "int8", "last_layer": "int8"}]'
for seed in 1 2; do
  shared=(--set general.seed=$seed --set general.threads=1 --set general.workers=1)
  run "$pipelines/quick_resnet20_synthetic.json" probe_s$seed "${shared[@]}" \
    --set sensitivity.dataset="$data" --set sensitivity.data_loader.train_portion=0.8 \
    --set fully_train.uniform="$uniform" --set fully_train.trainer.epochs=1
  run "$pipelines/limpq_resnet20_synthetic.json" learned_s$seed "${shared[@]}" --set nas.dataset="$data"
done
tasks=(tasks/probe_s1 tasks/probe_s2 tasks/learned_s1 tasks/learned_s2)
"$deneb" compare "${tasks[@]}" -o out/table.html > paths.txt
diff paths.txt <(printf 'out/table%s\n' .html .md .csv _cost.csv _scores.csv _widths.csv _models.csv _tasks.csv) ||
  fail "the files"

python3 - <<'PY'
import csv, json, re

def rows(path):
    return list(csv.DictReader(open(path)))

table = rows("out/table.csv")
by = {(row["budget"], row["search"]): row for row in table}
assert ("W2A3", "uniform") in by and ("W3A3", "uniform") in by, sorted(by)
for row in table:
    assert row["seeds"] == "2", row

# The uniform row from the tasks' own tables.
def uniform(seed, index):
    records = json.load(open(f"tasks/probe_s{seed}/output/reports.json"))["fully_train"]
    return [r for r in records if "uniform" in r["origin"]][index]["performance"]["accuracy"]

mean = (uniform(1, 0) + uniform(2, 0)) / 2
assert abs(float(by["W2A3", "uniform"]["accuracy"]) - mean) < 1e-12, (mean, by["W2A3", "uniform"])

# One model of the learned row is within W3A3: its differences, and Student's interval of two pairs.
def learned(seed):
    task = rows(f"tasks/learned_s{seed}/output/fully_train/reports.csv")
    limit = float(by["W3A3", "uniform"]["budget_cost"]) * (1 + 1e-9)
    low = float(by["W2A3", "uniform"]["budget_cost"]) * (1 + 1e-9)
    inside = [m for m in task if low < float(m["bitops"]) <= limit]
    return float(max(inside, key=lambda m: float(m["validation_accuracy"]))["accuracy"])

d = [learned(seed) - uniform(seed, 1) for seed in (1, 2)]
row = by["W3A3", "LIMPQ"]
assert row["pairs"] == "2" and row["against"].startswith("uniform"), row
assert abs(float(row["difference"]) - sum(d) / 2) < 1e-12, (d, row)
reach = 12.706204736174694 * abs(d[0] - d[1]) / 2
assert abs(float(row["difference_low"]) - (sum(d) / 2 - reach)) < 1e-9, (d, row)

# The page holds what the files hold.
page = open("out/table.html").read()
data = json.loads(re.search(r'id="deneb-data">(.*?)</script>', page, re.S).group(1))
names = {"accuracy": ""} | {name: "_" + name for name in ("cost", "scores", "widths", "models", "tasks")}
assert set(data["tables"]) == set(names), list(data["tables"])
for name, end in names.items():
    lines = list(csv.reader(open(f"out/table{end}.csv")))
    shown = data["tables"][name]
    assert shown["columns"] == lines[0], name
    assert len(shown["rows"]) == len(lines) - 1, name
    for ours, theirs in zip(shown["rows"], lines[1:]):
        for a, b in zip(ours, theirs):
            assert (float(b) == a if isinstance(a, (int, float)) else a == b), (name, a, b)

# Two epochs of 128 samples and nothing else, but for the calibration of its policies.
cost = {row["search"]: row for row in rows("out/table_cost.csv")}
assert float(cost["LIMPQ"]["first_training_samples"]) >= 256, cost["LIMPQ"]
assert float(cost["LIMPQ"]["first_seconds"]) > 0
probe = cost["Sensitivity + ExactAssignment"]
assert probe["steps"] == "sensitivity, assignment", probe
assert float(probe["first_evaluation_samples"]) >= 32, probe
# Sources of scores: two, each equal to itself or nearly so.
scores = rows("out/table_scores.csv")
assert {row["tensors"] for row in scores} == {"all", "weights", "activations"}
for row in scores:
    for key, value in row.items():
        if key not in ("tensors", "source") and value:
            assert -1 - 1e-12 <= float(value) <= 1 + 1e-12, row
PY

# Files are the same when they are written again.
cp out/table.html before.html
"$deneb" compare "${tasks[@]}" -o out/table > /dev/null
cmp before.html out/table.html || fail "the page is not repeatable"

# Other data, and another split.
run "$pipelines/limpq_resnet20_synthetic.json" other --set general.threads=1 --set nas.dataset="$data" \
  --set nas.dataset.test_samples=60 --set nas.data_loader.train_portion=0.7
code=0
"$deneb" compare tasks/probe_s1 tasks/other -o refused.html 2> message || code=$?
[ $code = 2 ] || fail "tasks that do not agree: exit code $code"
[ ! -e refused.html ] || fail "a page was written"
grep -q 'dataset.test_samples: 50 in probe_s1; 60 in other' message || fail "$(cat message)"
grep -q 'data_loader.train_portion of searches: 0.8 in probe_s1; 0.7 in other' message || fail "$(cat message)"
"$deneb" compare tasks/probe_s1 tasks/other --allow-different -o allowed.html > /dev/null
grep -q 'dataset.test_samples: 50 in probe_s1; 60 in other' allowed.html || fail "the page does not say it"

# Names of rows, and mistakes.
"$deneb" compare a=tasks/probe_s1 b=tasks/learned_s1 b=tasks/learned_s2 --type tables -o labelled > /dev/null
grep -q '^W3A3,b,' labelled.csv || fail "$(cat labelled.csv)"
[ ! -e labelled.html ] || fail "a page was not asked for"
mistake() {  # TEXT ARGS...
  local text=$1
  shift
  code=0
  "$deneb" compare "$@" 2> message || code=$?
  [ $code = 2 ] && grep -qF -- "$text" message || fail "$* : $code, $(cat message)"
}
mistake "TASK is missing"
mistake "is given twice" tasks/probe_s1 tasks/probe_s1
mistake "is no task" tasks/none
mistake "--cost bitop: no task knows this cost (did you mean 'bitops'?)" tasks/probe_s1 --cost bitop
mistake "--budget x is no positive number" tasks/probe_s1 --budget x
