#!/usr/bin/env bash
# kill -9 at ten moments of a run, resume after each: the tables equal those of an undisturbed run,
# and no trial ran twice to completion. Then SIGINT: exit 130 and the resume command.
. "$(dirname "$0")/common.sh"

milliseconds() { echo $(($(date +%s%N) / 1000000)); }
start=$(milliseconds)
"$deneb" validate "$smoke"
startup=$(($(milliseconds) - start))
start=$(milliseconds)
run "$smoke" calm
work_time=$(($(milliseconds) - start - startup))
[ "$work_time" -gt 0 ] || work_time=500

# The program itself has to be the background job: killing a shell function would kill a subshell.
RANDOM=12345
# Attempts of the trials that are finished now: a resumed run must not touch them.
finished() { python3 - <<'PY'
import os, sqlite3
if os.path.exists("tasks/hit/task.sqlite"):
    rows = sqlite3.connect("tasks/hit/task.sqlite").execute(
        "select step, id, attempts from trials where status = 'finished' order by step, id")
    for row in rows:
        print(*row)
PY
}
not_repeated() { # BEFORE: every line of it still holds
  local gone
  gone=$(comm -23 <(sort <<< "$1") <(finished | sort))
  [ -z "$gone" ] || fail "ran again (step, trial, attempts before): $gone"
}

for round in $(seq 1 10); do
  before=$(finished)
  if [ -e tasks/hit/config.resolved.json ]; then
    "$deneb" resume tasks/hit --quiet > out.txt 2>&1 &
  else
    "$deneb" run "$smoke" "${here[@]}" --task-id hit > out.txt 2>&1 &
  fi
  pid=$!
  # Past the start of the program and its worker, then up to a quarter of the work, so that ten
  # kills fall all over the run.
  sleep "$(awk -v a="$startup" -v w="$work_time" -v r=$RANDOM \
    'BEGIN { print (2 * a + w / 4 * r / 32768) / 1000 }')"
  kill -9 "$pid" 2> /dev/null || true
  wait "$pid" 2> /dev/null || true
  not_repeated "$before"
done
before=$(finished)
if [ -e tasks/hit/config.resolved.json ]; then
  "$deneb" resume tasks/hit --quiet
else # on a slow start every kill may come before the task exists
  run "$smoke" hit
fi
same_results tasks/calm tasks/hit
not_repeated "$before"

"$deneb" run "$smoke" "${here[@]}" --task-id interrupted > out.txt 2>&1 &
pid=$!
for _ in $(seq 400); do
  grep -qs "generation 0" tasks/interrupted/run.log && break
  sleep 0.05
done
kill -INT "$pid"
code=0
wait "$pid" || code=$?
[ "$code" = 130 ] || fail "SIGINT gave exit code $code: $(cat out.txt)"
grep -q "deneb resume" out.txt || fail "no resume command: $(cat out.txt)"
"$deneb" resume tasks/interrupted --quiet
same_results tasks/calm tasks/interrupted
