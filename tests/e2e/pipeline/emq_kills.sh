#!/usr/bin/env bash
# The search EMQ killed ten times at random moments and resumed: the same proxy, scores and course.
. "$(dirname "$0")/common.sh"
smoke=$source/pipelines/smoke/emq_resnet20_synthetic.json
run "$smoke" first --set 'pipeline=["float","benchmark"]'
killed_and_resumed "$smoke" proxy layer_scores.json --set 'pipeline=["proxy"]' \
  --set "proxy.weights=$work/tasks/first/output/float/models/1/weights.safetensors" \
  --set "proxy.search_algorithm.benchmark=$work/tasks/first/output/benchmark/benchmark.json" \
  --set 'proxy.search_algorithm.compare=[]' --set proxy.search_algorithm.structure=graph \
  --set proxy.search_algorithm.evolution.iterations=1500 \
  --set proxy.search_algorithm.evolution.checkpoint_seconds=0.5
for file in proxy.json correlations.csv evolution.json; do
  cmp "tasks/undisturbed/output/proxy/$file" "tasks/killed/output/proxy/$file" || fail "$file differs"
done
