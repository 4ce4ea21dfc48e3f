#!/usr/bin/env bash
# Task folders: moved and copied ones go on with their own files, what is no task stays as it is, and
# results without their store are not run again in silence.
. "$(dirname "$0")/common.sh"

little=(--set 'nas.search_algorithm={"type": "RandomSearch", "samples": 2}' --set nas.trainer.max_steps=2
  --set fully_train.pipe_step.max_models=1 --set 'general.reports=["tables"]')

# A second training starts from the weights of the first, named in three ways.
weights=output/fully_train/models/1/weights.safetensors
second=("${little[@]}" --set 'pipeline=["nas", "fully_train", "second", "third"]'
  --set 'second={"ref": "fully_train", "uniform": [{"weight_bits": 4, "activation_bits": 4}]}'
  --set "second.pipe_step.models_folder={local_base_path}/output/fully_train"
  --set "third={\"ref\": \"fully_train\", \"weights\": \"$work/tasks/own/$weights\"}")
run "$smoke" own "${second[@]}"
grep -qF "$work" <(grep -v local_base_path tasks/own/config.resolved.json) &&
  fail "paths of the task's own folder: $(grep -F "$work" tasks/own/config.resolved.json)"

# The original is gone or another one by now: neither is asked.
cp -r tasks/own copied
python3 - tasks/own/output/fully_train/models/*/weights.safetensors <<'PY'
import sys
for path in sys.argv[1:]:
    open(path, "w").write("damaged")
PY
"$deneb" resume copied --quiet --from second || fail "a copied task cannot be resumed"
mkdir elsewhere
mv copied elsewhere/moved
rm -r tasks/own
task=$work/elsewhere/moved
"$deneb" inspect elsewhere/moved --step third > /dev/null || fail "a moved task cannot be inspected"
"$deneb" evaluate elsewhere/moved --step third --weights elsewhere/moved/$weights > /dev/null ||
  fail "a moved task cannot be evaluated"

# Below a task's folder, only steps make files.
refused "nas.weights: .*output/nsa/x.safetensors does not exist; no step before this one makes files" \
  --set 'nas.weights={local_base_path}/output/nsa/x.safetensors'
refused "fully_train.pipe_step.models_folder: .*/nsa does not exist; of the task's folder, the steps before this one fill output/nas" \
  --set 'fully_train.pipe_step.models_folder={local_base_path}/output/nsa'

# A folder that is no task is left as it is, also what looks like a temporary file.
mkdir -p tasks/thesis/chapters
echo mine > tasks/thesis/chapters/one.tmp1-2
cp -r tasks/thesis before
code=0
run "$smoke" thesis > out.txt 2>&1 || code=$?
[ $code = 2 ] && grep -q "tasks/thesis: is a folder with other things in it ('chapters') and no task" out.txt ||
  fail "a foreign folder: exit $code: $(cat out.txt)"
grep -q "deneb resume" out.txt && fail "advice that cannot work: $(cat out.txt)"
diff -r before tasks/thesis || fail "a foreign folder was changed"
touch tasks/file
code=0
run "$smoke" file > out.txt 2>&1 || code=$?
[ $code = 1 ] && [ ! -s tasks/file ] || fail "a file in place of the folder: exit $code"
mkdir tasks/empty
run "$smoke" empty "${little[@]}" --set 'pipeline=["nas"]'

# In a task, what a killed process was writing goes, and nothing else.
leftover=$task/output/nas/scores.json.deneb-tmp123-4
echo half > "$leftover"
echo mine > "$task/output/nas/notes.tmp1-2"
mkdir "$task/mine"
echo mine > "$task/mine/notes.deneb-tmp1-2"
"$deneb" resume "$task" --quiet
[ ! -e "$leftover" ] || fail "an unfinished file stays"
[ -e "$task/output/nas/notes.tmp1-2" ] && [ -e "$task/mine/notes.deneb-tmp1-2" ] || fail "a user's file is gone"

# Results whose store is lost, or is another one.
cp "$task/task.sqlite" store.sqlite
find "$task/output" -type f | sort | xargs md5sum > before.txt
for store in none empty other; do
  rm "$task"/task.sqlite*
  [ $store = none ] || : > "$task/task.sqlite"
  [ $store = other ] && cp tasks/empty/task.sqlite "$task/task.sqlite"
  code=0
  "$deneb" resume "$task" --quiet > out.txt 2>&1 || code=$?
  [ $code = 4 ] && grep -q "moved/task.sqlite: .*restore the file from a copy" out.txt ||
    fail "store $store: exit $code: $(cat out.txt)"
  [ $store != none ] || [ ! -e "$task/task.sqlite" ] || fail "a new store was made"
  find "$task/output" -type f | sort | xargs md5sum | diff before.txt - || fail "store $store: results changed"
  [ -e "$task/task.sqlite" ] || touch "$task/task.sqlite"
done
cp store.sqlite "$task/task.sqlite"
"$deneb" resume "$task" --quiet || fail "a restored store does not do"
cp -r tasks/empty tasks/anew
rm tasks/anew/config.resolved.json
code=0
run "$smoke" anew "${little[@]}" > out.txt 2>&1 || code=$?
[ $code = 4 ] && grep -q "anew/config.resolved.json: is missing, although the task has run" out.txt ||
  fail "a task without its configuration: exit $code: $(cat out.txt)"
cp tasks/empty/config.resolved.json tasks/anew
rm tasks/anew/task.sqlite
"$deneb" resume tasks/anew --quiet --from nas || fail "a run from the first step does not do without the store"

# The latest task is the one that was used last, whatever its name.
touch -d 2020-01-01 tasks/*/run.log tasks/*/config.resolved.json
mv tasks/anew tasks/a_later_one
touch tasks/a_later_one/run.log
"$deneb" report 20260101-000000-000 > out.txt 2>&1 && fail "an unknown task"
grep -q "the latest one below ./tasks is 'a_later_one'" out.txt || fail "latest: $(cat out.txt)"

# One time zone: names of tasks, the log and the store.
TZ=Asia/Tokyo "$deneb" run "$smoke" "${little[@]}" --quiet --set "general.task.local_base_path=$work/zone" --set 'pipeline=["nas"]' > /dev/null
python3 - zone/* <<'PY'
import datetime, re, sqlite3, sys
task = sys.argv[1]
times = [datetime.datetime.strptime(task.split("/")[-1][:15], "%Y%m%d-%H%M%S")]
log = open(task + "/run.log").readline()
times.append(datetime.datetime.strptime(log[:20], "%Y-%m-%d %H:%M:%SZ"))
row = sqlite3.connect(task + "/task.sqlite").execute("select started from steps").fetchone()
times.append(datetime.datetime.strptime(row[0], "%Y-%m-%dT%H:%M:%SZ"))
now = datetime.datetime.utcnow()
assert all(abs((now - t).total_seconds()) < 600 for t in times), (times, now)
PY
