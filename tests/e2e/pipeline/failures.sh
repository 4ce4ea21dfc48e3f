#!/usr/bin/env bash
# Failures of a run end with the right code and message.
. "$(dirname "$0")/common.sh"

expect() {  # CODE PATTERN ARGS...
  local code=$1 pattern=$2 got=0
  shift 2
  run "$smoke" "$@" > out.txt 2>&1 || got=$?
  [ "$got" = "$code" ] || fail "$*: exit $got, expected $code: $(cat out.txt)"
  grep -qE -- "$pattern" out.txt || fail "$*: no '$pattern' in: $(cat out.txt)"
}

# Every trial diverges: recorded as failed, the run ends with the cause.
expect 1 'trials failed' nan --set nas.trainer.optimizer.lr=1e6 --set general.max_failures=3 \
  --set nas.criterion.label_smoothing=0.1 --set nas.trainer.optimizer.momentum=0.99
grep -q ',failed,' tasks/nan/output/nas/reports.csv || fail "failed trials are not in reports.csv"

# The last step breaks the network, after its loss was finite.
expect 1 'no model could be trained; .*NaN' broken --set 'pipeline=["fully_train"]' --set fully_train.trainer.max_steps=2 \
  --set 'fully_train.trainer.optimizer={"type": "SGD", "lr": 1e6, "momentum": 0, "nesterov": false, "weight_decay": 1000}'
grep -q ',failed,' tasks/broken/output/fully_train/reports.csv || fail "a network of NaN is no failed model"

# Every trial is too slow.
expect 1 'out of time' slow --set general.trial_timeout=0.3 --set general.max_failures=1 \
  --set nas.trainer.epochs=2000
grep -q ',timeout,' tasks/slow/output/nas/reports.csv || fail "timeouts are not in reports.csv"

expect 2 'did you mean' typo --set nas.trainer.epoch=3
[ ! -e tasks/typo ] || fail "a wrong configuration left a task folder"
expect 4 'fetch_data.sh' data --set nas.dataset.type=Mnist --set nas.dataset.data_path=/nonexistent \
  --set fully_train.network.ref=nas.network --set 'nas.network={"type": "MLP", "input_shape": [1, 28, 28], "hidden": [16, 16]}'
expect 1 'cannot|failed|denied|create' unwritable --set general.task.local_base_path=/proc/nowhere
