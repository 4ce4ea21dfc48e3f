#!/usr/bin/env bash
# Recreates plugins/datasets/digits/digits.bin from scikit-learn's digits.csv.gz.
# The format and the origin of the data are described in plugins/datasets/digits/README.md.
set -euo pipefail

readonly kProgram="make_digits_bin.sh"
readonly kPackage="python3-sklearn"
readonly kCsvInPackage="usr/lib/python3/dist-packages/sklearn/datasets/data/digits.csv.gz"
readonly kCsvSha256="46abec6b12486ad9e51943373abcf22bbea1b5a51a1619b361570d8893f1464a"

usage() {
  cat <<'USAGE'
Usage: scripts/make_digits_bin.sh [--csv FILE] [--out FILE] [--help]

Writes the embedded digits data set (1797 images of 8x8) as one binary file.

  --csv FILE   digits.csv.gz as scikit-learn ships it. Default: the copy of an installed
               python3-sklearn; without one, the Debian package is downloaded to a temporary
               folder with `apt-get download` and only that file is taken out (no root needed).
  --out FILE   file to write; default plugins/datasets/digits/digits.bin of this checkout.
  --help       this text.

Exit codes: 0 written, 2 wrong usage, 4 the CSV is missing or not the expected one.
USAGE
}

fail() {  # fail CODE MESSAGE...
  local code="$1"
  shift
  printf '%s: error: %s\n' "${kProgram}" "$*" >&2
  exit "${code}"
}

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
csv=""
out="${root}/plugins/datasets/digits/digits.bin"
while (($#)); do
  case "$1" in
    --csv | --out)
      (($# >= 2)) || fail 2 "$1 needs a file name; see --help"
      if [[ "$1" == --csv ]]; then csv="$2"; else out="$2"; fi
      shift 2
      ;;
    --help | -h)
      usage
      exit 0
      ;;
    *) fail 2 "unknown argument '$1'; expected --csv, --out or --help" ;;
  esac
done

command -v python3 >/dev/null ||
  fail 2 "python3 is missing; install it with: apt-get install python3"

temp="$(mktemp -d)"
trap 'rm -rf "${temp}"' EXIT

if [[ -z "${csv}" ]]; then
  csv="/${kCsvInPackage}"
  if [[ ! -f "${csv}" ]]; then
    echo "${kProgram}: ${kPackage} is not installed; downloading the package to read one file of it"
    # The option spares root a warning: apt's own user cannot write to the temporary folder.
    (cd "${temp}" && apt-get download -o APT::Sandbox::User=root "${kPackage}" >/dev/null) ||
      fail 4 "cannot download ${kPackage}; install it, or pass its digits.csv.gz with --csv"
    dpkg-deb -x "${temp}/${kPackage}"_*.deb "${temp}/package"
    csv="${temp}/package/${kCsvInPackage}"
  fi
fi
[[ -f "${csv}" ]] || fail 4 "${csv}: no such file; expected scikit-learn's digits.csv.gz"

found="$(sha256sum <"${csv}" | cut -d' ' -f1)"
[[ "${found}" == "${kCsvSha256}" ]] ||
  fail 4 "${csv}: SHA-256 is ${found}, expected ${kCsvSha256}; take the file of ${kPackage} 1.2.1"

# Written beside the target and renamed, so that a broken run never leaves half a file.
part="${out}.part.$$"
trap 'rm -rf "${temp}" "${part}"' EXIT
python3 - "${csv}" "${part}" <<'PYTHON'
import gzip
import struct
import sys

HEIGHT, WIDTH, COUNT = 8, 8, 1797
pixels, labels = bytearray(), bytearray()
with gzip.open(sys.argv[1], "rt", encoding="ascii") as lines:
    for number, line in enumerate(lines, start=1):
        values = [int(word) for word in line.split(",")]
        image, label = values[:-1], values[-1]
        fits = len(image) == HEIGHT * WIDTH and all(0 <= v <= 16 for v in image) and 0 <= label <= 9
        if not fits:
            sys.exit(f"{sys.argv[1]}:{number}: expected 64 pixels of 0..16 and a label of 0..9")
        pixels += bytes(image)
        labels.append(label)
if len(labels) != COUNT:
    sys.exit(f"{sys.argv[1]}: {len(labels)} images, expected {COUNT}")
with open(sys.argv[2], "wb") as out:
    out.write(b"DIGITS1\n" + struct.pack("<III", COUNT, HEIGHT, WIDTH) + pixels + labels)
PYTHON
chmod 644 "${part}"
mv -f "${part}" "${out}"
echo "${out}: $(stat -c %s "${out}") bytes, SHA-256 $(sha256sum <"${out}" | cut -d' ' -f1)"
