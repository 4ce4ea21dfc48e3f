#!/usr/bin/env bash
# Scores of proxies to policies: exact, by a linear program and by mutations; the same after kills.
. "$(dirname "$0")/common.sh"
smoke=$source/pipelines/smoke/emq_proxies_synthetic.json

run "$smoke" whole
out=tasks/whole/output
python3 - $out <<'PY' || fail "policies"
import json, sys
out = sys.argv[1]
def read(path):
    return json.load(open(f"{out}/{path}"))
def size(step):
    layers = {l["name"]: int(l["weight"][3:]) for l in read(f"{step}/policies/w3.json")["layers"]}
    assert layers["layer2.0.conv2"] == layers["layer2.0.downsample.0"], "tied"
    return layers
exact, mutations, program = (read(f"{step}/solutions.json")[0] for step in ("assignment", "mutations", "program"))
assert exact["status"] == "optimal"
assert exact["objective"] <= mutations["score"] + 1e-12, "nothing is better than the optimum"
for step in ("assignment", "mutations", "program"):
    assert all(2 <= bits <= 8 for bits in size(step).values())
scores = read("hawq/layer_scores.json")
assert scores["origin"] == "ProxyScores, hawqv2_omega"
assert all(not layer["activation"] for layer in scores["layers"]), "proxies say nothing about inputs"
PY
grep -q "products with the Hessian" tasks/whole/run.log || fail "the work is not told: $(cat tasks/whole/run.log)"
[ "$(column status $out/fully_train/reports.csv | sort -u)" = finished ] ||
  fail "fully_train: $(cat $out/fully_train/reports.csv)"

# What a killed run had finished is kept; the rest comes out the same.
go_on() { # COMMAND...
  if [ -e tasks/killed/config.resolved.json ]; then
    "$@" "$deneb" resume "$work/tasks/killed" --quiet
  else
    "$@" "$deneb" run "$smoke" "${here[@]}" --task-id killed --set 'pipeline=["hawq"]'
  fi
}
for pause in 0.8 1.0; do
  go_on timeout -s KILL $pause || true
done
[ -e tasks/killed/output/hawq/layer_scores.json ] || go_on env
cmp $out/hawq/layer_scores.json tasks/killed/output/hawq/layer_scores.json ||
  fail "layer scores differ after kill -9"

refused() { # TEXT ARGUMENTS...
  local text=$1
  shift
  ! "$deneb" validate "$smoke" "$@" > message 2>&1 || fail "validate $* passed"
  grep -q "$text" message || fail "validate $*: no '$text' in: $(cat message)"
}
refused 'did you mean "snip"' --set hawq.search_algorithm.proxy=snipp
refused "scores weights, and search_space fixes all of them" \
  --set 'hawq.search_space.overrides=[{"layer": "*", "weight": "int4", "activation": "search"}]' --set 'hawq.search_space.groups=[]'
refused "takes one" --set \
  'program.search_algorithm.constraints=[{"name": "a", "costs": [{"cost": "size", "max": 1}, {"cost": "bitops", "max": 1}]}]'
