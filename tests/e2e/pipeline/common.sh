# Shared by the scripts of this folder: arguments, checks, comparison without timing columns.
set -euo pipefail
deneb=$1 source=$2 work=$3
rm -rf "$work"
mkdir -p "$work"
cd "$work"
smoke=$source/pipelines/smoke/quant_ea_digits.json

fail() { echo "FAILED: $*" >&2; exit 1; }

here=(--quiet --set "general.task.local_base_path=$work/tasks")

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
