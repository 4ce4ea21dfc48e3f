#!/usr/bin/env bash
# general.cache: results do not depend on what the cache holds, also when it is damaged, when two tasks
# use it at once, and when a run is killed.
. "$(dirname "$0")/common.sh"

answered() { # TASK: trials that the cache answered
  python3 - "$1" <<'PY'
import json, sqlite3, sys
row = sqlite3.connect(sys.argv[1] + "/task.sqlite").execute("select info from steps where name = 'nas'")
print(json.loads(row.fetchone()[0]).get("cache", {}).get("answered", "none"))
PY
}
expect_answered() { [ "$(answered "$1")" = "$2" ] || fail "$1: $(answered "$1") trials answered, expected $2"; }

only=(--set 'pipeline=["nas"]')
cached=("${only[@]}" --set "general.cache=$work/cache")
same() { # TASK TASK
  local table
  for table in nas/reports.csv nas/output.csv; do
    diff <(timeless "$1/output/$table") <(timeless "$2/output/$table") || fail "$table differs between $1 and $2"
  done
}
run "$smoke" plain "${only[@]}"
expect_answered tasks/plain none
run "$smoke" cold "${cached[@]}"
expect_answered tasks/cold 0
[ -s cache/trials.sqlite ] || fail "no cache was made"
trials=$(($(wc -l < tasks/cold/output/nas/reports.csv) - 1))
run "$smoke" warm "${cached[@]}"
same tasks/cold tasks/warm
expect_answered tasks/warm "$trials"
grep -q "cache $work/cache: answered $trials trial(s); remove the folder to clear it" tasks/warm/run.log ||
  fail "no line about the cache: $(cat tasks/warm/run.log)"
grep -q "$trials answered from the cache" tasks/warm/output/report.html || fail "the report does not say it"

# Another search over the same trials: the uniform policies are known.
run "$smoke" other "${cached[@]}" --set 'nas.search_algorithm={"type":"QuantEA","objectives":[{"name":"accuracy"},{"name":"size"}],"policy":{"num_generation":0,"num_individual":4,"random_samples":4}}'
[ "$(answered tasks/other)" -ge 3 ] || fail "another search: $(answered tasks/other) answered"
# Other settings, other data, another seed: nothing is.
for change in nas.trainer.optimizer.lr=0.05 nas.data_loader.train_limit=300 general.seed=4; do
  run "$smoke" "changed-${change%%=*}" "${cached[@]}" --set "$change"
  expect_answered "tasks/changed-${change%%=*}" 0
done

# Two at once on a new cache, and one that is killed with resume.
rm -rf cache
run "$smoke" left "${cached[@]}" &
run "$smoke" right "${cached[@]}"
wait
same tasks/left tasks/right
same tasks/left tasks/cold
rm -rf cache
"$deneb" run "$smoke" "${here[@]}" --task-id killed "${cached[@]}" > out.txt 2>&1 &
pid=$!
for _ in $(seq 600); do
  grep -qs "generation 1" tasks/killed/run.log && break
  sleep 0.05
done
kill -9 "$pid"
wait "$pid" 2> /dev/null || true
"$deneb" resume tasks/killed --quiet
same tasks/cold tasks/killed

echo "this is no database but a text that is longer than a hundred bytes, as long as the header of one is" > cache/trials.sqlite
rm -f cache/trials.sqlite-wal cache/trials.sqlite-shm
run "$smoke" damaged "${cached[@]}"
same tasks/cold tasks/damaged
grep -q "is damaged or cannot be used, the run goes on without it" tasks/damaged/run.log || fail "no warning"
