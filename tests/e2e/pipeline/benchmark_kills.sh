#!/usr/bin/env bash
# A benchmark killed ten times at random moments and resumed: the same file.
. "$(dirname "$0")/common.sh"
killed_and_resumed "$source/pipelines/smoke/mqbench_resnet20_synthetic.json" benchmark benchmark.json \
  --set benchmark.search_algorithm.samples=60
