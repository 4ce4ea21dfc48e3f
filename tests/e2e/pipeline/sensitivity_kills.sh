#!/usr/bin/env bash
# Sensitivity killed ten times at random moments and resumed: the same layer scores.
. "$(dirname "$0")/common.sh"
killed_and_resumed "$source/pipelines/smoke/quick_resnet20_synthetic.json" sensitivity layer_scores.json \
  --set 'pipeline=["sensitivity"]' --set sensitivity.dataset.train_samples=2000
