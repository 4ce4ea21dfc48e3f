#!/usr/bin/env bash
# The search FLIQS killed ten times at random moments and resumed: the same probabilities and weights.
. "$(dirname "$0")/common.sh"
killed_and_resumed "$source/pipelines/smoke/fliqs_resnet20_synthetic.json" nas layer_scores.json \
  --set 'pipeline=["nas"]' --set nas.search_algorithm.trainer.epochs=100 \
  --set nas.search_algorithm.trainer.checkpoint_seconds=1 --set nas.search_algorithm.policy.baseline=decision
same_search
