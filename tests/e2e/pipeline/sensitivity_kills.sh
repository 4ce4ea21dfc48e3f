#!/usr/bin/env bash
# Sensitivity killed ten times at random moments and resumed: the same layer scores.
. "$(dirname "$0")/common.sh"
smoke=$source/pipelines/smoke/quick_resnet20_synthetic.json
long=(--set 'pipeline=["sensitivity"]' --set sensitivity.dataset.train_samples=2000)

start=$(date +%s%N)
run "$smoke" undisturbed "${long[@]}"
whole=$(( ($(date +%s%N) - start) / 1000000 ))
echo "undisturbed: $whole ms"

kills=0
for _ in $(seq 10); do
  [ ! -e tasks/killed/output/sensitivity/layer_scores.json ] || break
  # From before the measurement starts to an eighth of the whole run after it.
  pause=$(awk -v seed=$RANDOM -v whole=$whole \
    'BEGIN { srand(seed); printf "%.2f", 0.5 + rand() * whole / 8000 }')
  code=0
  if [ -e tasks/killed/task.sqlite ]; then
    timeout -s KILL $pause "$deneb" resume "$work/tasks/killed" --quiet || code=$?
  else
    timeout -s KILL $pause "$deneb" run "$smoke" "${here[@]}" --task-id killed "${long[@]}" || code=$?
  fi
  if [ $code = 137 ]; then kills=$((kills + 1)); fi
  echo "killed after $pause s (exit code $code)"
done
[ $kills -ge 8 ] || fail "only $kills kills before the end; measure on more samples"
"$deneb" resume "$work/tasks/killed" --quiet
cmp tasks/undisturbed/output/sensitivity/layer_scores.json \
    tasks/killed/output/sensitivity/layer_scores.json || fail "layer scores differ after $kills kills"
