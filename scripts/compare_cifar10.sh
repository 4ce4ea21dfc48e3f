#!/usr/bin/env bash
# The table of searches on CIFAR-10 from nothing: runs pipelines/compare/*.json with each seed and lays
# the tasks side by side.
set -euo pipefail

readonly kProgram="compare_cifar10.sh"
readonly kRows="float uniform random sensitivity limpq edmips fliqs emq quant_ea quant_ea_warm"
readonly kResNet32Rows="float uniform sensitivity limpq edmips"

usage() {
  cat <<USAGE
Usage: scripts/compare_cifar10.sh [--network NAME] [--dir DIR] [--seeds "1 2 3"] [--deneb PROGRAM]
                                 [ROW...] [-- ARGS...]

Runs pipelines/compare/ROW.json for every seed; by default all rows:
  ${kRows}
or, with --network resnet32, pipelines/compare/resnet32/ROW.json:
  ${kResNet32Rows}

Options:
  --network NAME   resnet20 (default) or resnet32
  --dir DIR        folder that gets a task ROW_sSEED for each run, and comparison.* (default:
                   tasks/compare_cifar10, tasks/compare_cifar10_resnet32)
  --seeds "N..."   general.seed of the runs (default: 1 2 3); float is measured once
  --deneb PROGRAM  default: build/release/bin/deneb, or that of the preset dev, or the one installed
  ARGS             more arguments for \`deneb run\`: -- --set general.threads=1

What is there is not done again: finished tasks are skipped, interrupted ones are resumed where they
stopped. So repeating the call is all it takes after a break. A row that fails is reported, and the
others go on. Needs: scripts/fetch_data.sh cifar10.

Exit codes: 0 all there and compared, 1 some task failed, 2 wrong usage, 130 and 143 stopped by a signal.
USAGE
}

say() { printf '%s: %s\n' "${kProgram}" "$*"; }

refuse() {
  printf '%s: error: %s\n' "${kProgram}" "$*" >&2
  exit 2
}

source_dir=$(cd "$(dirname "$0")/.." && pwd)
network=resnet20
dir=""
seeds="1 2 3"
deneb=""
rows=()
more=()
while [ $# -gt 0 ]; do
  case "$1" in
    --help | -h) usage; exit 0 ;;
    --network | --dir | --seeds | --deneb)
      [ $# -ge 2 ] || refuse "$1 needs a value"
      case "$1" in
        --network) network=$2 ;;
        --dir) dir=$2 ;;
        --seeds) seeds=$2 ;;
        --deneb) deneb=$2 ;;
      esac
      shift 2
      ;;
    --) shift; more=("$@"); break ;;
    -*) refuse "unknown option '$1'; --help lists them" ;;
    *) rows+=("$1"); shift ;;
  esac
done
case "${network}" in
  resnet20) all_rows=${kRows} pipelines=pipelines/compare default_dir=tasks/compare_cifar10 ;;
  resnet32)
    all_rows=${kResNet32Rows} pipelines=pipelines/compare/resnet32
    default_dir=tasks/compare_cifar10_resnet32
    ;;
  *) refuse "no network '${network}'; there are: resnet20 resnet32" ;;
esac
[ -n "${dir}" ] || dir=${default_dir}
if [ ${#rows[@]} -eq 0 ]; then read -ra rows <<< "${all_rows}"; fi
for row in "${rows[@]}"; do
  [[ " ${all_rows} " == *" ${row} "* ]] || refuse "no row '${row}'; there are: ${all_rows}"
done
read -ra seed_list <<< "${seeds}"
[ ${#seed_list[@]} -gt 0 ] || refuse "--seeds is empty"
if [ -z "${deneb}" ]; then
  for candidate in "${source_dir}"/build/{release,dev}/bin/deneb "$(command -v deneb || true)"; do
    if [ -x "${candidate}" ]; then deneb=${candidate}; break; fi
  done
fi
[ -x "${deneb}" ] || refuse "no program deneb; build it (make build), or name it by --deneb"

# A task that fails is told; a signal ends the script too.
failed=0
attempt() {  # ID COMMAND...
  local id="$1" code=0
  shift
  "$@" || code=$?
  [ "${code}" -ne 130 ] && [ "${code}" -ne 143 ] || exit "${code}"
  if [ "${code}" -ne 0 ]; then
    say "${id}: failed"
    failed=1
  fi
}

tasks=()
for seed in "${seed_list[@]}"; do
  for row in "${rows[@]}"; do
    if [ "${row}" = float ] && [ "${seed}" != "${seed_list[0]}" ]; then continue; fi
    id="${row}_s${seed}"
    task="${dir}/${id}"
    if [ -e "${task}/config.resolved.json" ]; then
      say "${id}: resumed, where it is not finished"
      attempt "${id}" "${deneb}" resume "${task}"
    else
      say "${id}: started"
      attempt "${id}" "${deneb}" run "${source_dir}/${pipelines}/${row}.json" --task-id "${id}" \
        --set "general.task.local_base_path=${dir}" --set "general.seed=${seed}" \
        ${more[@]+"${more[@]}"}
    fi
    if [ -e "${task}/task.sqlite" ]; then tasks+=("${task}"); fi
  done
done
[ ${#tasks[@]} -gt 0 ] || { say "no task has anything to compare"; exit 1; }
"${deneb}" compare "${tasks[@]}" --output "${dir}/comparison.html" || failed=1
exit ${failed}
