#!/usr/bin/env bash
# What steps hand on by name: layer scores to an exact assignment, its policies to training, over steps
# in between; and what validation says where the chain does not fit.
. "$(dirname "$0")/common.sh"
smoke=$source/pipelines/smoke/quick_resnet20_synthetic.json

run "$smoke" chain
out=tasks/chain/output
[ "$(column policy $out/assignment/output.csv | paste -sd ' ')" = "policies/w2a3.json policies/w4a4.json" ] ||
  fail "output.csv: $(cat $out/assignment/output.csv)"
[ "$(column status $out/fully_train/reports.csv | sort -u)" = finished ] ||
  fail "fully_train: $(cat $out/fully_train/reports.csv)"
grep -q '"layer_scores": "layer_scores.json"' $out/sensitivity/artifacts.json || fail "no record of artifacts"

# The number of workers changes nothing, and neither does what was measured before a kill.
run "$smoke" alone --set general.workers=1 --set 'pipeline=["sensitivity"]'
cmp $out/sensitivity/layer_scores.json tasks/alone/output/sensitivity/layer_scores.json ||
  fail "one worker measures something else than two"
go_on() { # COMMAND...: with the task, which a kill may have come before
  if [ -e tasks/killed/config.resolved.json ]; then
    "$@" "$deneb" resume "$work/tasks/killed" --quiet
  else
    "$@" "$deneb" run "$smoke" "${here[@]}" --task-id killed
  fi
}
for pause in 0.9 1.1; do  # sensitivity_kills.sh: ten, at random
  go_on timeout -s KILL $pause || true
done
[ -e tasks/killed/output/fully_train/reports.csv ] || go_on env
cmp $out/sensitivity/layer_scores.json tasks/killed/output/sensitivity/layer_scores.json ||
  fail "layer scores differ after kill -9"
cmp $out/assignment/policies/w2a3.json tasks/killed/output/assignment/policies/w2a3.json ||
  fail "policies differ after kill -9"

# A moved task goes on with the artifacts that it carries.
run "$smoke" half --set 'pipeline=["sensitivity", "assignment"]'
mkdir elsewhere && mv tasks/half elsewhere/half
"$deneb" resume "$work/elsewhere/half" --quiet || fail "a moved task cannot be resumed"

# Policies of a step that is not the one before.
between='{"ref": "sensitivity", "search_algorithm": {"type": "Sensitivity", "measure": "loss"}}'
run "$smoke" between --set "second=$between" \
  --set 'pipeline=["sensitivity", "assignment", "second", "fully_train"]'
grep -q "(assignment/w2a3): test" tasks/between/run.log && grep -q "(assignment/w4a4): test" tasks/between/run.log ||
  fail "chain over a step: $(cat tasks/between/run.log)"

refused() { # CODE TEXT ARGUMENTS...
  local code=0 wanted=$1 text=$2
  shift 2
  "$deneb" validate "$smoke" "$@" > message 2>&1 || code=$?
  [ $code = "$wanted" ] || fail "validate $*: exit code $code, not $wanted: $(cat message)"
  grep -q "$text" message || fail "validate $*: no '$text' in: $(cat message)"
}
scores=assignment.search_algorithm.scores
refused 2 "fully_train: needs policies, which no step before it leaves (sensitivity leaves layer_scores)" \
  --set 'pipeline=["sensitivity", "fully_train"]'
refused 2 "assignment: needs layer_scores" --set 'pipeline=["assignment", "fully_train"]'
refused 2 "did you mean 'sensitivity:layer_scores'?" --set $scores=sensitivty:layer_scores
refused 2 "no step 'nosuch' comes before this one; layer_scores come from: sensitivity" \
  --set $scores=nosuch:layer_scores
refused 2 "no step 'fully_train' comes before" --set $scores=fully_train:layer_scores
refused 2 "expected layer_scores, as in 'sensitivity:layer_scores'" --set $scores=sensitivity:weights
refused 2 "leaves layer_scores, not weights" --set fully_train.weights=sensitivity:weights
refused 4 "assignment.search_algorithm.scores: .*/none.json does not exist" --set $scores=none.json
refused 4 "fully_train.weights: .*/none.safetensors does not exist" \
  --set fully_train.weights=none.safetensors

# Weights of a training by name.
run "$smoke" weights --set "second={\"ref\": \"fully_train\", \"weights\": \"fully_train:weights\"}" \
  --set 'pipeline=["sensitivity", "assignment", "fully_train", "second"]'
[ "$(column status tasks/weights/output/second/reports.csv | sort -u)" = finished ] ||
  fail "weights by name: $(cat tasks/weights/output/second/reports.csv)"
