#!/usr/bin/env bash
# Texts through the program: a table and a vocabulary, a small BERT from a config.json, float training, a search over the roles of
# its layers, weights handed on by name; the same when it is killed.
. "$(dirname "$0")/common.sh"
. "$(dirname "$0")/texts.sh"
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
if [ -e tasks/killed/config.resolved.json ]; then "$deneb" resume "$work/tasks/killed" --quiet; else run text.json killed; fi
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
