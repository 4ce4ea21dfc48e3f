# Shared by the scripts of this folder: arguments, checks, comparison without timing columns.
set -euo pipefail
deneb=$1 source=$2 work=$3
rm -rf "$work"
mkdir -p "$work"
cd "$work"
smoke=$source/pipelines/smoke/quant_ea_digits.json

fail() { echo "FAILED: $*" >&2; exit 1; }

# Small networks: a second thread would mostly wait, and two tests run at once.
here=(--quiet --set "general.task.local_base_path=$work/tasks" --set general.threads=1)

# run FILE ID [ARGS...]: a task in tasks/ID.
run() {
  local file=$1 id=$2
  shift 2
  "$deneb" run "$file" "${here[@]}" --task-id "$id" "$@"
}

# CSV without its time column (the last but one), as messages hold no comma here.
timeless() { python3 - "$1" <<'PY'
import csv, sys
rows = list(csv.reader(open(sys.argv[1])))
skip = rows[0].index("runtime_s")
for row in rows:
    print(",".join(v for i, v in enumerate(row) if i != skip))
PY
}

column() { python3 - "$1" "$2" <<'PY' # NAME CSV
import csv, sys
for row in csv.DictReader(open(sys.argv[2])):
    print(row[sys.argv[1]])
PY
}

same_results() {  # TASK TASK
  for table in nas/reports.csv nas/output.csv fully_train/reports.csv fully_train/output.csv; do
    diff <(timeless "$1/output/$table") <(timeless "$2/output/$table") ||
      fail "$table differs between $1 and $2"
  done
}

# killed_and_resumed PIPELINE STEP FILE [ARGS...]: a run of STEP in tasks/undisturbed, another one in
# tasks/killed that is killed up to ten times at random moments and resumed; both leave the same FILE.
killed_and_resumed() {
  local file=$1 step=$2 left=$3
  shift 3
  local start whole pause code kills=0 tries=0 least=0.5
  start=$(date +%s%N)
  run "$file" undisturbed "$@"
  whole=$(( ($(date +%s%N) - start) / 1000000 ))
  echo "undisturbed: $whole ms"
  while [ $kills -lt 10 ] && [ $tries -lt 30 ] && [ ! -e "tasks/killed/output/$step/$left" ]; do
    tries=$((tries + 1))
    # From before the work starts to an eighth of the whole run after it.
    pause=$(awk -v seed=$RANDOM -v whole=$whole -v least=$least \
      'BEGIN { srand(seed); printf "%.2f", least + rand() * whole / 8000 }')
    code=0
    if [ -e tasks/killed/config.resolved.json ]; then
      timeout -s KILL $pause "$deneb" resume "$work/tasks/killed" --quiet || code=$?
    else
      timeout -s KILL $pause "$deneb" run "$file" "${here[@]}" --task-id killed "$@" || code=$?
    fi
    if [ ! -e tasks/killed/config.resolved.json ]; then
      least=$(awk -v least=$least 'BEGIN { print least + 0.3 }')  # the program starts slowly today
    elif [ $code = 137 ]; then
      kills=$((kills + 1))
    fi
    echo "killed after $pause s (exit code $code)"
  done
  [ $kills -ge 8 ] || fail "only $kills kills before the end; lengthen the work"
  "$deneb" resume "$work/tasks/killed" --quiet
  cmp "tasks/undisturbed/output/$step/$left" "tasks/killed/output/$step/$left" ||
    fail "$left differs after $kills kills"
}

# same_search: tasks/undisturbed and tasks/killed hold the same probabilities, policies and weights in nas.
same_search() {
  local file
  diff <(cd tasks/undisturbed/output/nas && ls -R) <(cd tasks/killed/output/nas && ls -R) || fail "other files"
  for file in probabilities.json policies/target.json weights_target.safetensors; do
    cmp "tasks/undisturbed/output/nas/$file" "tasks/killed/output/nas/$file" || fail "$file differs"
  done
}

# refused TEXT ARGS...: `validate` of the file $smoke with these arguments fails with this text.
refused() {
  local text=$1
  shift
  if "$deneb" validate "$smoke" "$@" >out.txt 2>&1; then fail "accepted: $*"; fi
  grep -q -- "$text" out.txt || { cat out.txt; fail "no message '$text' for $*"; }
}
