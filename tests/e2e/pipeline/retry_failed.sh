#!/usr/bin/env bash
# After too many failures a task goes on: what the message advises works, failed trials can be tried
# again with the result of a run without failures, and limits of the run can be changed.
. "$(dirname "$0")/common.sh"

little=(--set nas.search_algorithm.policy.num_generation=1 --set 'pipeline=["nas"]'
  --set nas.search_algorithm.policy.random_samples=4 --set nas.trainer.epochs=15 --set 'general.reports=["tables"]')
run "$smoke" calm "${little[@]}"

code=0
fails() { # ARGS...: `deneb ARGS` fails with code 1; its words are in out.txt
  code=0
  "$deneb" "$@" > out.txt 2>&1 || code=$?
  [ $code = 1 ] || fail "$*: exit $code: $(cat out.txt)"
}
advice() { # PURPOSE: the command that out.txt names for it, without the program
  sed -n "s/^deneb: $1.*: deneb //p" out.txt
}
statuses() { column status "tasks/$1/output/nas/reports.csv" | sort | uniq -c | tr -s ' ' | paste -sd,; }

# The first trial is out of time. The same again fails the same way, the advice does not.
fails run "$smoke" "${here[@]}" --task-id late "${little[@]}" --set general.trial_timeout=0.01 \
  --set general.max_failures=0
grep -q "1 trials failed (general.max_failures is 0)" out.txt || fail "no reason: $(cat out.txt)"
fails resume tasks/late --quiet
! grep -qE "^deneb: to (go on|try again): " out.txt || fail "advises what has just failed: $(cat out.txt)"
cp -r tasks/late tasks/without
retry=$(advice 'to try the failed ones again')
[ "$retry" = "resume $work/tasks/late --retry-failed" ] || fail "advice: $(cat out.txt)"
raise=$(advice 'to go on without them')
# shellcheck disable=SC2086  # several words on purpose
"$deneb" $retry --quiet --set general.trial_timeout=0 --workers 2 || fail "the retry fails"
diff <(timeless tasks/calm/output/nas/reports.csv) <(timeless tasks/late/output/nas/reports.csv) ||
  fail "a trial that was tried again gives other results"
grep -q '"trial_timeout": 0.0' tasks/late/config.resolved.json && grep -q '"workers": 2' tasks/late/config.resolved.json ||
  fail "the changed limits are not stored"
grep -q "general.workers: 1, now 2" tasks/late/run.log || fail "the changed limits are not in the log"
# shellcheck disable=SC2086
"$deneb" ${raise/late/without} --quiet --set general.trial_timeout=0 || fail "$raise fails"
case $(statuses without) in *" 1 timeout"*) ;; *) fail "without: $(statuses without)" ;; esac

# A failure has led the search elsewhere: from there on it is done anew, whenever the retry is killed.
cp -r tasks/calm tasks/astray
python3 - <<'PY'
import sqlite3
store = sqlite3.connect("tasks/astray/task.sqlite")
store.execute("update trials set status = 'failed', metrics = '{}', message = 'signal 9' where id = 2")
store.execute("update trials set fingerprint = 'another', encoding = 'x' where id > 4")
store.execute("insert into trials (step, id, status, seed, origin, encoding, fingerprint, policy) "
              "select step, 99, status, seed, origin, encoding, 'last', policy from trials where id = 1")
store.execute("update steps set status = 'failed'")
store.commit()
PY
fails resume tasks/astray --quiet
grep -q "was another policy before" out.txt || fail "not astray: $(cat out.txt)"
"$deneb" resume tasks/astray --quiet --retry-failed --set nas.x=1 > out.txt 2>&1 && fail "any option"
grep -q "error: --set nas.x: the results of the task depend on it; only general.workers, .*and the sections of steps that --from reruns" out.txt ||
  fail "a settled option: $(cat out.txt)"
"$deneb" resume tasks/astray --retry-failed > out.txt || fail "astray: $(cat out.txt)"
grep -q "1 failed trial(s) are tried again" out.txt && grep -q "are done anew" out.txt || fail "$(cat out.txt)"
diff <(timeless tasks/calm/output/nas/reports.csv) <(timeless tasks/astray/output/nas/reports.csv) ||
  fail "a search that a failure has led astray gives other results"

# Models, and a step that a later one has built on.
train=(--set 'pipeline=["nas", "fully_train"]' --set fully_train.trainer.optimizer.lr=1e6
  --set fully_train.trainer.optimizer.momentum=0.99)
python3 - <<'PY'
import sqlite3
store = sqlite3.connect("tasks/calm/task.sqlite")
store.execute("update trials set status = 'timeout', metrics = '{}' where id = "
              "(select min(id) from trials where front = 0)")
store.commit()
PY
fails run "$smoke" "${here[@]}" --task-id calm "${little[@]}" "${train[@]}" --from fully_train
other=$(advice 'with another option')
[ "$other" = "resume $work/tasks/calm --from fully_train --set fully_train.KEY=VALUE" ] || fail "$(cat out.txt)"
fails resume tasks/calm --retry-failed
grep -q "fully_train 2 failed trial(s) are tried again" out.txt || fail "models: $(cat out.txt)"
grep -q "nas .* failed trial(s) stay: later steps have built on the others; --from nas" out.txt ||
  fail "nas: $(cat out.txt)"
# shellcheck disable=SC2086
"$deneb" ${other%%.KEY*}.trainer.optimizer.lr=0.1 --quiet || fail "$other fails"
grep -q '"lr": 0.1' <(sed -n '/fully_train": {/,$p' tasks/calm/config.resolved.json) || fail "the option is not stored"
"$deneb" resume tasks/calm --retry-failed > out.txt || fail "$(cat out.txt)"
grep -q "no failed trials to try again" out.txt || fail "$(cat out.txt)"
