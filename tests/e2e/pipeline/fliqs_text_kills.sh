#!/usr/bin/env bash
# FLIQS on a transformer, killed ten times at random moments and resumed: the same probabilities and weights.
. "$(dirname "$0")/common.sh"
. "$(dirname "$0")/texts.sh"
killed_and_resumed text.json nas layer_scores.json --set 'pipeline=["float","nas"]' \
  --set nas.search_algorithm.trainer.epochs=60
same_search
