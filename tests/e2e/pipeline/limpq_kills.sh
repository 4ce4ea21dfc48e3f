#!/usr/bin/env bash
# LIMPQ's training of indicators, killed ten times at random moments and resumed: the same indicators.
. "$(dirname "$0")/common.sh"
smoke=$source/pipelines/smoke/limpq_resnet20_synthetic.json
long=(--set 'pipeline=["nas"]' --set nas.search_algorithm.training.trainer.epochs=80
      --set nas.search_algorithm.training.trainer.checkpoint_seconds=1)

start=$(date +%s%N)
run "$smoke" undisturbed "${long[@]}"
whole=$(( ($(date +%s%N) - start) / 1000000 ))
echo "undisturbed: $whole ms"

kills=0
for _ in $(seq 10); do
  [ ! -e tasks/killed/output/nas/solutions.json ] || break
  # From before the training starts to an eighth of the whole run after it.
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
[ $kills -ge 8 ] || fail "only $kills kills before the end; lengthen the training"
"$deneb" resume "$work/tasks/killed" --quiet
cmp tasks/undisturbed/output/nas/layer_scores.json tasks/killed/output/nas/layer_scores.json ||
  fail "indicators differ after $kills kills"
