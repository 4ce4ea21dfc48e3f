#!/usr/bin/env bash
# kill -9 at random moments of a search from policies of earlier steps, with a cache, and resume.
. "$(dirname "$0")/common.sh"

chain=$source/pipelines/smoke/quant_ea_warm_synthetic.json
longer=(--set 'pipeline=["sensitivity","assignment","nas"]' --set nas.search_algorithm.policy.num_generation=60
  --set 'nas.search_algorithm.targets=[{"cost": "bitops", "weight_bits": 3, "activation_bits": 3}]' --set nas.search_algorithm.fill=0.8)
start=$(date +%s%N)
run "$chain" undisturbed "${longer[@]}" --set "general.cache=$work/first"
whole=$(( ($(date +%s%N) - start) / 1000000 ))
echo "undisturbed: $whole ms"
kills=0
for _ in $(seq 10); do
  [ ! -e tasks/killed/output/nas/artifacts.json ] || break
  pause=$(awk -v seed=$RANDOM -v whole=$whole 'BEGIN { srand(seed); printf "%.2f", 0.5 + rand() * whole / 8000 }')
  code=0
  if [ -e tasks/killed/config.resolved.json ]; then
    timeout -s KILL "$pause" "$deneb" resume "$work/tasks/killed" --quiet || code=$?
  else
    timeout -s KILL "$pause" "$deneb" run "$chain" "${here[@]}" --task-id killed "${longer[@]}" \
      --set "general.cache=$work/second" || code=$?
  fi
  if [ $code = 137 ]; then kills=$((kills + 1)); fi
  echo "killed after $pause s (exit code $code)"
done
[ $kills -ge 8 ] || fail "only $kills kills before the end; lengthen the work"
"$deneb" resume "$work/tasks/killed" --quiet
for table in nas/reports.csv nas/output.csv; do
  diff <(timeless "tasks/undisturbed/output/$table") <(timeless "tasks/killed/output/$table") || fail "$table differs"
done
cmp tasks/undisturbed/output/nas/artifacts.json tasks/killed/output/nas/artifacts.json || fail "another knee"
