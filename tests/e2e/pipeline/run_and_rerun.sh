#!/usr/bin/env bash
# A run leaves what it promises; the same seed gives the same tables, another seed another search;
# one step can be rerun alone.
. "$(dirname "$0")/common.sh"

run "$smoke" a
for file in config.resolved.json plugins.json task.sqlite run.log output/reports.json \
  output/report.html output/nas/reports.csv output/nas/output.csv \
  output/fully_train/models/1/weights.safetensors output/fully_train/models/1/policy.json; do
  [ -s "tasks/a/$file" ] || fail "$file is missing or empty"
done
trials=$(($(wc -l < tasks/a/output/nas/reports.csv) - 1))
[ "$trials" -le 14 ] && [ "$trials" -ge 10 ] || fail "$trials trials, expected 10 to 14"
ls tasks/a/output/fully_train/models/*/checkpoint.safetensors 2>/dev/null && fail "checkpoint left"

run "$smoke" b
same_results tasks/a tasks/b
run "$smoke" c --set general.seed=4
policies() { column encoding "tasks/$1/output/nas/reports.csv"; }
[ "$(policies a)" = "$(policies b)" ] || fail "the same seed tried other policies"
[ "$(policies a)" != "$(policies c)" ] || fail "another seed tried the same policies"

cp -r tasks/a/output/nas nas.before
run "$smoke" a --from fully_train
diff -r nas.before tasks/a/output/nas || fail "rerunning fully_train changed nas"
same_results tasks/a tasks/b

run "$smoke" a > again.txt 2>&1 && fail "an existing task was overwritten"
grep -q "deneb resume" again.txt || fail "no hint to resume: $(cat again.txt)"

# --from with a mistake, or with other options for what is kept, changes nothing.
cp tasks/a/config.resolved.json before.json
for wrong in "--from fully_trian" "--from fully_train --set nas.trainer.epochs=2" \
  "--from fully_train --set general.seed=5"; do
  # shellcheck disable=SC2086  # several words on purpose
  run "$smoke" a $wrong > again.txt 2>&1 && fail "$wrong was accepted"
  cmp -s before.json tasks/a/config.resolved.json || fail "$wrong changed the task"
done
grep -q "general.seed differs" again.txt || fail "no reason: $(cat again.txt)"
same_results tasks/a tasks/b

# Reports that a killed or full machine left out come back, from any working directory, and a task
# can move.
rm tasks/a/output/nas/reports.csv tasks/a/output/report.html
mv tasks/a moved
(cd / && "$deneb" resume "$work/moved" --quiet) || fail "a finished task cannot be resumed elsewhere"
[ -s moved/output/report.html ] || fail "resume does not write missing reports"
mv moved tasks/a
same_results tasks/a tasks/b

# Options of a report.
run "$smoke" short --set pipeline='["nas"]' \
  --set 'general.report_options=[{"report": {"type": "html", "max_rows": 2}}]'
rows=$(grep -o '<tr id="nas-[0-9]*"' tasks/short/output/report.html | wc -l)
[ "$rows" = 2 ] || fail "max_rows 2 gives $rows rows"

# A model that cannot be trained is recorded; the step fails with the last one.
code=0
run "$smoke" a --from fully_train --set fully_train.trainer.optimizer.lr=1e6 \
  --set fully_train.trainer.optimizer.momentum=0.99 > out.txt 2>&1 || code=$?
[ "$code" = 1 ] || fail "untrainable models: exit $code: $(cat out.txt)"
grep -q "no model could be trained" out.txt || fail "no reason: $(cat out.txt)"
[ "$(column status tasks/a/output/fully_train/reports.csv | sort | uniq -c | tr -s ' ')" = " 2 failed" ] ||
  fail "failed models are not in reports.csv"
code=0
"$deneb" resume tasks/a --quiet > out.txt 2>&1 || code=$?
[ "$code" = 1 ] && grep -q "no model could be trained" out.txt ||
  fail "resuming a step of failed models: exit $code: $(cat out.txt)"
