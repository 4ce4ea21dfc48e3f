#!/usr/bin/env bash
# LIMPQ's training of indicators, killed ten times at random moments and resumed: the same indicators.
. "$(dirname "$0")/common.sh"
killed_and_resumed "$source/pipelines/smoke/limpq_resnet20_synthetic.json" nas layer_scores.json \
  --set 'pipeline=["nas"]' --set nas.search_algorithm.training.trainer.epochs=80 \
  --set nas.search_algorithm.training.trainer.checkpoint_seconds=1
