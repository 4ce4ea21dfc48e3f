#!/usr/bin/env bash
# LIMPQ as users run it: indicators, solutions and policies; the same again, also after kill -9;
# limits that nobody can keep; and, where DENEB_EXTRA_TEST_DATA has them, the released indicators.
. "$(dirname "$0")/common.sh"
smoke=$source/pipelines/smoke/limpq_resnet20_synthetic.json

field() { # FILE EXPRESSION over the list `s`
  python3 -c 'import json, sys; s = json.load(open(sys.argv[1])); print(eval(sys.argv[2]))' "$1" "$2"
}
timeless_solutions() { field "$1" '[{k: v for k, v in x.items() if k != "seconds"} for x in s]'; }

run "$smoke" first
nas=tasks/first/output/nas
[ "$(field $nas/solutions.json '[(x["name"], x["status"]) for x in s]')" = \
  "[('w3a3', 'optimal'), ('small', 'optimal')]" ] || fail "solutions: $(cat $nas/solutions.json)"
[ "$(field $nas/solutions.json 's[1]["compression_ratio"] >= 9')" = True ] || fail "ratio missed"
[ "$(column policy $nas/output.csv | paste -sd ' ')" = "policies/w3a3.json policies/small.json" ] ||
  fail "output.csv: $(cat $nas/output.csv)"
[ "$(column status tasks/first/output/fully_train/reports.csv | sort -u)" = finished ] ||
  fail "fully_train: $(cat tasks/first/output/fully_train/reports.csv)"

run "$smoke" second
cmp $nas/layer_scores.json tasks/second/output/nas/layer_scores.json || fail "indicators differ"
diff <(timeless_solutions $nas/solutions.json) \
     <(timeless_solutions tasks/second/output/nas/solutions.json) || fail "solutions differ"

# Indicators of a finished training serve any number of other limits.
run "$smoke" reused --set "nas.search_algorithm.indicators=$PWD/$nas/layer_scores.json" \
  --set 'pipeline=["nas"]'
diff <(timeless_solutions $nas/solutions.json) \
     <(timeless_solutions tasks/reused/output/nas/solutions.json) || fail "reused solutions differ"

long=(--set 'pipeline=["nas"]' --set nas.search_algorithm.training.trainer.epochs=16
      --set nas.search_algorithm.training.steps.update=relative)
run "$smoke" undisturbed "${long[@]}"
for pause in 1.4 1.2; do  # limpq_kills.sh: ten, at random
  if [ -e tasks/killed/config.resolved.json ]; then
    timeout -s KILL $pause "$deneb" resume "$work/tasks/killed" --quiet || true
  else
    timeout -s KILL $pause "$deneb" run "$smoke" "${here[@]}" --task-id killed "${long[@]}" || true
  fi
done
if [ ! -e tasks/killed/config.resolved.json ]; then  # too early each time, on a busy machine
  run "$smoke" killed "${long[@]}"
elif [ ! -e tasks/killed/output/nas/solutions.json ]; then
  "$deneb" resume "$work/tasks/killed" --quiet
fi
for file in layer_scores initial_steps learned_steps; do
  cmp tasks/undisturbed/output/nas/$file.json tasks/killed/output/nas/$file.json ||
    fail "$file differ after kill -9"
done
! cmp -s tasks/killed/output/nas/learned_steps.json tasks/killed/output/nas/initial_steps.json ||
  fail "no step has moved"

reuse=(--set "nas.search_algorithm.indicators=$PWD/$nas/layer_scores.json" --set 'pipeline=["nas"]')
impossible='[{"name": "can", "bitops": {"wb": 3, "ab": 3}}, {"name": "cannot", "compression_ratio": 20},
  {"name": "least", "bitops": {"wb": 2, "ab": 2}}]'
code=0
run "$smoke" infeasible "${reuse[@]}" --set "nas.search_algorithm.constraints=$impossible" \
  2> message || code=$?
[ $code = 1 ] || fail "exit code $code for limits that nobody can keep"
grep -q "cannot: .*weight bits" message || fail "no reason: $(cat message)"
[ -e tasks/infeasible/output/nas/policies/can.json ] || fail "the other policy is missing"
run "$smoke" allowed "${reuse[@]}" --set "nas.search_algorithm.constraints=$impossible" \
  --set nas.search_algorithm.allow_infeasible=true
grep -q "set 'least': no other policy keeps it" tasks/allowed/run.log || fail "$(cat tasks/allowed/run.log)"
! grep -q "set 'can': no other" tasks/allowed/run.log || fail "$(cat tasks/allowed/run.log)"

# The step's own limits hold for policies without trials, too.
code=0
run "$smoke" limited "${reuse[@]}" --set 'nas.limits=[{"cost": "size", "max": 60000}]' \
  2> message || code=$?
[ $code = 1 ] && grep -q "policy small breaks the limit: size" message || fail "limits: $(cat message)"
[ ! -e tasks/limited/output/nas/policies/small.json ] || fail "a policy above the limit was kept"

# A sweep covers everything between the narrowest and the widest policy; measured damage is solved
# like learned indicators; all policies of the random search have nearly the same price.
run "$source/pipelines/smoke/limpq_studies_synthetic.json" studies
out=tasks/studies/output
[ "$(field $out/nas/solutions.json '(len(s), {x["status"] for x in s})')" = "(12, {'optimal'})" ] ||
  fail "sweep: $(cat $out/nas/solutions.json)"
[ "$(field $out/nas/solutions.json '{w for w in s[0]["weight_bits"] + s[0]["activation_bits"]}')" = "{2}" ] ||
  fail "the sweep does not begin at the narrowest policy"
[ "$(field $out/measured/solutions.json 's[0]["objective"] < s[1]["objective"]')" = True ] ||
  fail "reversed: $(cat $out/measured/solutions.json)"
[ "$(field $out/measured/solutions.json 's[1]["searched_bitops"] >= 0.95 * s[0]["searched_bitops"]')" = True ] ||
  fail "reversed: $(cat $out/measured/solutions.json)"
python3 - tasks/studies/output/random/reports.csv <<'PY' || fail "random policies: see above"
import csv, sys
rows = list(csv.DictReader(open(sys.argv[1])))
costs = [float(row["bitops"]) for row in rows]
assert len(rows) == 8 and min(costs) >= 0.9 * max(costs), costs
assert all(float(row["importance"]) > 0 for row in rows)
PY

# Depthwise convolutions, weights alone, the scale of the last layer.
run "$source/pipelines/smoke/limpq_mobilenet_v1_synthetic.json" mobilenet
[ "$(field tasks/mobilenet/output/nas/solutions.json 'set(s[1]["activation_bits"])')" = "{8}" ] ||
  fail "weights only: $(cat tasks/mobilenet/output/nas/solutions.json)"

released=${DENEB_EXTRA_TEST_DATA:-}/limpq_resnet50_indicators.json
if [ ! -e "$released" ]; then
  echo "skipped: DENEB_EXTRA_TEST_DATA has no limpq_resnet50_indicators.json"
  exit 0
fi
run "$source/pipelines/limpq/resnet50_imagenet_w3a4_cr12.2.json" released \
  --set "nas.search_algorithm.indicators=$released"
s=tasks/released/output/nas/solutions.json
[ "$(field $s 'abs(s[0]["objective"] - 4.617439227179) < 1e-9 and s[0]["unique"]')" = True ] ||
  fail "the released example: $(cat $s)"
[ "$(field $s '(s[0]["searched_bitops"], s[0]["bitops"], s[0]["searched_weight_bits"])')" = \
  "(48283189248, 56034590720, 50417664)" ] || fail "its totals: $(cat $s)"

# A hundred budgets from one file.
run "$source/pipelines/limpq/resnet50_imagenet_w3a4_cr12.2.json" front \
  --set "nas.search_algorithm.indicators=$released" \
  --set 'nas.search_algorithm.sweep={"bitops": 10, "size": 10}'
[ "$(field tasks/front/output/nas/solutions.json 'sum(x["status"] == "optimal" for x in s)')" = 101 ] ||
  fail "a sweep of the released indicators: $(cat tasks/front/output/nas/solutions.json)"
