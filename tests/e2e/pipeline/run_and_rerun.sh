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
