#!/usr/bin/env bash
# A reconstruction killed ten times at random moments and resumed: the same weights.
. "$(dirname "$0")/common.sh"
run "$source/pipelines/smoke/reconstruction_resnet20_synthetic.json" start --set 'pipeline=["float"]' >/dev/null
killed_and_resumed "$source/pipelines/smoke/reconstruction_resnet20_synthetic.json" ptq \
  models/1/weights.safetensors --set 'pipeline=["ptq"]' \
  --set "ptq.weights=$work/tasks/start/output/float/models/1/weights.safetensors" \
  --set ptq.trainer.iterations=1500 --set ptq.trainer.activation.iterations=400
