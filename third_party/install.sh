#!/usr/bin/env bash
# Installs the Debian packages listed in packages-debian.txt beside this script.
# Where all of them are there already it only looks: no network, no root, well under a second.
set -euo pipefail

readonly kProgram="install.sh"
kList="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)/packages-debian.txt"
readonly kList

usage() {
  cat <<USAGE
Usage: third_party/install.sh [--with GROUP[,GROUP...]] [--dry-run] [--help]

Installs the Debian packages needed to build and test Deneb, as far as they are missing.

  --with GROUPS   further groups, separated by commas, or 'all':
                    data      npm and curl, for scripts/fetch_data.sh
                    browser   Chromium, for the tests labeled 'browser'
                    coverage  gcovr
                    lint      clang-format, clang-tidy
                    fuzz      clang with libFuzzer, for the preset fuzz
  --dry-run       say what is missing and what would be run; change nothing
  --help          this text

The package list, with reasons: ${kList}
Root rights are asked for (through sudo) only if something has to be installed.
Exit codes: 0 all there (or a dry run), 1 could not install, 2 wrong usage.
USAGE
}

say() { printf '%s: %s\n' "${kProgram}" "$*"; }

fail() {  # fail CODE MESSAGE...
  local code="$1"
  shift
  printf '%s: error: %s\n' "${kProgram}" "$*" >&2
  exit "${code}"
}

list_groups() { sed -nE 's/^\[([a-z]+)\].*/\1/p' "${kList}"; }

# Prints "PACKAGE [unless=COMMAND]" for each line of group $1.
list_group() {
  awk -v wanted="[$1]" '
    { sub(/#.*/, "") }
    /^\[/ { inside = ($1 == wanted); next }
    inside && NF { print $1, $2 }' "${kList}"
}

# Prints the packages of the chosen groups that this machine lacks, one per line.
list_missing() {
  local group package condition status
  for group in "${groups[@]}"; do
    while read -r package condition; do
      if [[ -n "${condition}" ]] && command -v "${condition#unless=}" >/dev/null; then continue; fi
      # dpkg-query fails for a package it has never heard of: missing as well.
      # shellcheck disable=SC2016  # ${...} is dpkg-query's own notation
      status="$(dpkg-query -W -f='${db:Status-Status}\n' "${package}" 2>/dev/null || true)"
      [[ "${status}" == *installed* && "${status}" != *not-installed* ]] || echo "${package}"
    done < <(list_group "${group}")
  done
}

# Sets `as_root` to the words that run a command with root rights.
find_root() {
  as_root=()
  [[ "$(id -u)" != 0 ]] || return 0
  command -v sudo >/dev/null ||
    fail 1 "not root and no sudo; let an administrator run: apt-get install ${missing[*]}"
  # Without a terminal sudo could not ask for a password and would only confuse.
  if [[ ! -t 0 ]] && ! sudo -n true 2>/dev/null; then
    fail 1 "sudo wants a password, but there is no terminal to ask on;" \
      "run this in a terminal, or as root: apt-get install ${missing[*]}"
  fi
  as_root=(sudo)
}

run_apt() {  # run_apt ARGUMENTS...; through env, because sudo drops the caller's variables
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 "$@"
}

# True when apt knows every missing package and finds all they depend on.
lists_suffice() { apt-get install --simulate --no-install-recommends "${missing[@]}" &>/dev/null; }

install_missing() {
  local install=(install --yes --no-install-recommends "${missing[@]}") updated=no
  if ! lists_suffice; then
    say "updating the package lists"
    run_apt update || fail 1 "apt-get update failed; check the network and /etc/apt/sources.list"
    updated=yes
    lists_suffice ||
      fail 1 "apt cannot install: ${missing[*]}; expected Debian 12 or later." \
        "For the reason run: apt-get install --simulate ${missing[*]}"
  fi
  if run_apt "${install[@]}"; then return; fi
  # Old lists name package versions that the mirror no longer has: renew them and try once more.
  [[ "${updated}" == no ]] ||
    fail 1 "apt-get could not install: ${missing[*]} (see its messages above)"
  say "updating the package lists and trying again"
  run_apt update || fail 1 "apt-get update failed; check the network and /etc/apt/sources.list"
  run_apt "${install[@]}" ||
    fail 1 "apt-get could not install: ${missing[*]} (see its messages above)"
}

choose_groups() {  # choose_groups GROUP,GROUP,...
  local group known
  known="$(list_groups)"
  for group in ${1//,/ }; do
    if [[ "${group}" == all ]]; then
      mapfile -t groups <<<"${known}"
    elif grep -qx -- "${group}" <<<"${known}"; then
      [[ " ${groups[*]} " == *" ${group} "* ]] || groups+=("${group}")
    else
      fail 2 "unknown group '${group}'; expected: all ${known//$'\n'/ }"
    fi
  done
}

[[ -r "${kList}" ]] || fail 2 "${kList}: cannot read the package list; is the checkout complete?"
[[ -n "$(list_group build)" ]] || fail 2 "${kList}: expected packages below [build], found none"
groups=(build)
dry_run=no
while (($#)); do
  case "$1" in
    --with)
      [[ -n "${2:-}" ]] || fail 2 "--with needs one or more groups; see --help"
      choose_groups "$2"
      shift
      ;;
    --with=?*) choose_groups "${1#--with=}" ;;
    --dry-run) dry_run=yes ;;
    --help | -h)
      usage
      exit 0
      ;;
    *) fail 2 "unknown argument '$1'; expected --with GROUPS, --dry-run or --help" ;;
  esac
  shift
done

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
  wanted="$(for group in "${groups[@]}"; do list_group "${group}"; done |
    cut -d' ' -f1 | tr '\n' ' ')"
  fail 1 "this is no Debian system (dpkg-query or apt-get is missing);" \
    "install what corresponds to these Debian packages: ${wanted}"
fi

missing=()
found="$(list_missing)"
[[ -z "${found}" ]] || mapfile -t missing <<<"${found}"
if ((${#missing[@]} == 0)); then
  say "all packages of ${groups[*]} are installed"
  exit 0
fi
say "missing: ${missing[*]}"
if [[ "${dry_run}" == yes ]]; then
  say "would run: apt-get install --yes --no-install-recommends ${missing[*]}"
  exit 0
fi
find_root
install_missing

found="$(list_missing)"
[[ -z "${found}" ]] || fail 1 "still missing after apt-get: ${found//$'\n'/ }"
say "installed: ${missing[*]}"
