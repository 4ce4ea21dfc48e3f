#!/usr/bin/env bash
# Output goes through links, into pipes and to devices, which stay what they are; and standard streams
# that are closed do not become files of the task.
. "$(dirname "$0")/common.sh"

"$deneb" schema > plain.json
ln -s /dev/stdout stdout  # by a link, so that nothing of the system is at stake
"$deneb" schema --output stdout > stdout.json
cmp plain.json stdout.json || fail "/dev/stdout"
echo "kept" > appended.txt
"$deneb" schema --output stdout >> appended.txt
[ -L stdout ] || fail "a link to /dev/stdout is replaced"
[ "$(head -1 appended.txt)" = kept ] && cmp plain.json <(tail -n +2 appended.txt) || fail "what >> has opened"
ln -s target.json link.json
"$deneb" schema --output link.json
[ -L link.json ] && cmp plain.json target.json || fail "a link"
mkfifo pipe
cat pipe > piped.json &
reader=$!
exec 9<> pipe  # a writer that replaces the pipe would leave the reader waiting
"$deneb" schema --output pipe
exec 9>&-
wait $reader
[ -p pipe ] && cmp plain.json piped.json || fail "a pipe"
code=0
ln -s /dev/full full
"$deneb" schema --output full 2> out.txt || code=$?
[ $code = 1 ] && [ -L full ] && grep -q "full: writing failed (No space left on device)" out.txt ||
  fail "a full device: exit $code: $(cat out.txt)"

# What is opened first would become the standard output.
"$deneb" run "$smoke" "${here[@]}" --task-id open --set 'pipeline=["nas"]' > /dev/null
"$deneb" run "$smoke" "${here[@]}" --task-id closed --set 'pipeline=["nas"]' >&- 2>&-
for file in .lock task.sqlite config.resolved.json plugins.json output/nas/reports.csv; do
  if grep -q "task folder\|info    run" "tasks/closed/$file"; then fail "$file has received the log"; fi
done
[ ! -s tasks/closed/.lock ] || fail "the lock has a content"
diff <(timeless tasks/open/output/nas/reports.csv) <(timeless tasks/closed/output/nas/reports.csv) ||
  fail "other results with closed streams"
# They lead to /dev/null, in the worker too.
"$deneb" run "$smoke" "${here[@]}" --task-id long --set nas.trainer.epochs=100000 <&- >&- 2>&- &
pid=$!
worker=
for _ in $(seq 300); do
  worker=$(pgrep -P $pid || true)
  [ -z "$worker" ] || [ "$(readlink /proc/$worker/exe)" != "$(readlink -f "$deneb")" ] || break
  sleep 0.1
done
streams() { for stream; do readlink "/proc/$process/fd/$stream" || echo closed; done | sort -u; }
process=$pid
[ "$(streams 0 1 2)" = /dev/null ] || problem="streams of the run: $(ls -l /proc/$pid/fd)"
process=$worker
[ "$(streams 1 2)" = /dev/null ] || problem="streams of the worker: $(ls -l /proc/$worker/fd)"
kill -9 $pid
wait $pid || true
[ -z "${problem-}" ] || fail "$problem"
