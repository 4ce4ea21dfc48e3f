#!/usr/bin/env bash
# A chain in one file: measured damage, exact assignment, QuantEA from its policies, the knee trained. And
# the number of workers as measured.
. "$(dirname "$0")/common.sh"

chain=$source/pipelines/smoke/quant_ea_warm_synthetic.json
run "$chain" chain
origins() { # STEP
  python3 -c 'import sqlite3, sys
for row in sqlite3.connect("tasks/chain/task.sqlite").execute("select origin from trials where step = ? order by id", sys.argv[1:]):
    print(row[0])' "$1"
}
# The policies of the assignment are the first trials.
[ "$(origins nas | head -2 | sort -u)" = "warm start" ] || fail "origins: $(origins nas)"
for name in w2a3 w4a4; do
  python3 - tasks/chain $name <<'PY' || fail "$name was not tried"
import csv, json, sqlite3, sys
policy = json.load(open(f"{sys.argv[1]}/output/assignment/policies/{sys.argv[2]}.json"))["layers"]
rows = sqlite3.connect(sys.argv[1] + "/task.sqlite").execute("select policy from trials where step = 'nas' and id <= 2")
sys.exit(not any(json.loads(row[0]) == policy for row in rows))
PY
done
# The knee is an artifact by name, marked on the console and in the report, and trained.
knee=$(python3 -c 'import json; print(json.load(open("tasks/chain/output/nas/artifacts.json"))["policy"])')
[ -s "tasks/chain/output/nas/$knee" ] || fail "no knee: $knee"
origins fully_train | grep -qE "(^|, )$(basename "$knee" .json)\$" || fail "the knee was not trained: $(origins fully_train)"
grep -q "hypervolume" tasks/chain/output/report.html || fail "no figure of the hypervolume"
grep -q " knee</td>" tasks/chain/output/report.html || fail "the report does not mark the knee"
refused() {
  "$deneb" validate "$chain" "$@" > out.txt 2>&1 && fail "accepted: $*"
  cat out.txt
}
refused --set nas.search_algorithm.warm_start=assignment:layer_scores | grep -q "is of another kind; expected policies" || fail "$(cat out.txt)"
refused --set nas.search_algorithm.warm_start=nothing.json | grep -q "does not exist" || fail "$(cat out.txt)"
"$deneb" validate "$chain" --set "nas.search_algorithm.warm_start=$work/tasks/chain/output/assignment/policies/w2a3.json"

# Finalists of one step are tried again by the next, with the uniform policy of the target, and for longer.
cat > finals.json <<JSON
{"general": {"seed": 3}, "pipeline": ["nas", "finals"],
 "nas": {"ref": "$smoke#nas", "search_algorithm": {"finalists": 3,
   "targets": [{"cost": "bitops", "weight_bits": 4, "activation_bits": 4, "name": "w4a4"}]}},
 "finals": {"ref": "nas", "trainer": {"epochs": 2}, "search_algorithm": {"warm_start": "nas:policies",
   "finalists": 1, "policy": {"num_generation": 0, "num_individual": 4, "random_samples": 4}}}}
JSON
run finals.json finals
diff <(ls tasks/finals/output/nas/policies tasks/finals/output/finals/policies) - <<'LIST' || fail "other policies"
tasks/finals/output/finals/policies:
w4a4.json

tasks/finals/output/nas/policies:
w4a4.json
w4a4_2.json
w4a4_3.json
LIST
python3 - <<'PY' || fail "the finals"
import json, sqlite3
store = sqlite3.connect("tasks/finals/task.sqlite")
def trials(step):
    return store.execute("select origin, policy, metrics from trials where step = ? order by id", [step]).fetchall()
def accuracy(row):
    return json.loads(row[2])["accuracy"]
warm = [row for row in trials("finals") if row[0] == "warm start"]
files = [json.load(open(f"tasks/finals/output/nas/policies/w4a4{name}.json"))["layers"] for name in ("", "_2", "_3")]
assert [json.loads(row[1]) for row in warm] == files, "the finalists begin, the best first"
scores = {json.dumps(json.loads(row[1])): accuracy(row) for row in trials("nas")}
ranked = [scores[json.dumps(layers)] for layers in files]
assert ranked == sorted(ranked, reverse=True), ranked
PY

# Measured once, the same after a kill.
"$deneb" run "$smoke" "${here[@]}" --task-id auto --workers auto > out.txt 2>&1 &
pid=$!
for _ in $(seq 1200); do
  grep -qs "generation 0" tasks/auto/run.log && break
  sleep 0.05
done
kill -9 "$pid"
wait "$pid" 2> /dev/null || true
grep -q "workers: measured .* samples/s.*; trials run by" tasks/auto/run.log || fail "$(cat tasks/auto/run.log)"
before=$(cat tasks/auto/output/nas/workers.json)
"$deneb" resume tasks/auto --quiet
[ "$before" = "$(cat tasks/auto/output/nas/workers.json)" ] || fail "measured again"
[ "$(grep -c "workers: measured" tasks/auto/run.log)" = 1 ] || fail "measured again"
"$deneb" validate "$smoke" --set general.workers=many > out.txt 2>&1 && fail "accepted: workers many"
grep -q 'general.workers: is "many"; expected an integer from 1 to 256, or "auto"' out.txt || fail "$(cat out.txt)"
