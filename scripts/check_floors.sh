#!/usr/bin/env bash
# check_floors.sh [ROOT]: what may include what, and what the core may not know.
#
# 1. A file of the core includes from its own area or from one further left in `areas`.
# 2. A plugin includes public headers, its own ones, and those of common/ of its kind.
# 3. No code of the core names a search algorithm, and no string in it is the name of a cost model.
#    Comments may: that is where papers are cited. So may a line that ends in a comment that begins with
#    "file keys": keys of a file format that are called like costs.
# 4. Nobody draws by the standard library's distributions, shuffles and samples, whose results are each
#    library's own, nor by engines that are not fixed; core/include/deneb/random.h has what is.
#
# Prints file:line: what, and what to do. Exit code 1 if there was something to print.
set -euo pipefail
cd "${1:-$(dirname "$0")/..}"

# "." stands for the files directly in core/include/deneb and core/src.
areas='. compat io options plugin quant nn data train search store report pipeline cli'
algorithms='quant_?ea|nsga|limpq|edmips|fliqs|emq'

# Names under which plugins register their cost models and searches.
registered() {
  find plugins -name '*.cpp' -exec cat {} + | tr '\n' ' ' |
    grep -oE "add<(deneb::)?$1, *[A-Za-z0-9_:]+>\( *\"[^\"]+\"" | sed -E 's/.*"([^"]+)"$/\1/' | sort -u || true
}
costs=$(registered CostModel)
[ -n "$costs" ] || { echo "check_floors.sh: no cost model is registered below $PWD/plugins"; exit 2; }
names=$({ echo "$costs"; registered SearchAlgorithm; } | paste -sd'|')

status=0
core=$(find core -name '*.h' -o -name '*.cpp' | sort)
[ -n "$core" ] || { echo "check_floors.sh: no sources below $PWD/core"; exit 2; }

# shellcheck disable=SC2086
awk -v areas="$areas" -v algorithms="$algorithms" -v names="$names" '
  BEGIN {
    count = split(areas, list, " ")
    for (i = 1; i <= count; ++i) rank[list[i]] = i
    failed = 0
  }
  function complain(text) { print FILENAME ":" FNR ": " text; failed = 1 }
  function area_of(path) { return path ~ /\// ? substr(path, 1, index(path, "/") - 1) : "." }
  # The line without comments; in_block and in_raw go on to the next line.
  function code_of(line,    result, c, next_two, delimiter, at) {
    result = ""
    while (line != "") {
      if (in_block) {
        at = index(line, "*/")
        if (at == 0) return result
        in_block = 0
        line = substr(line, at + 2)
        continue
      }
      if (in_raw != "") {
        at = index(line, in_raw)
        if (at == 0) return result line
        result = result substr(line, 1, at + length(in_raw) - 1)
        line = substr(line, at + length(in_raw))
        in_raw = ""
        continue
      }
      # Everything up to the next quote or comment is code.
      if (!match(line, /["\047]|\/\/|\/\*/)) return result line
      result = result substr(line, 1, RSTART - 1)
      line = substr(line, RSTART)
      next_two = substr(line, 1, 2)
      if (next_two == "//") return result
      if (next_two == "/*") { in_block = 1; line = substr(line, 3); continue }
      if (result ~ /R$/ && match(line, /^"[^() ]*\(/)) {
        in_raw = ")" substr(line, 2, RLENGTH - 2) "\""
        result = result substr(line, 1, RLENGTH)
        line = substr(line, RLENGTH + 1)
        continue
      }
      # A string, a character, or the mark between digits of a number.
      if (match(line, /^"(\\.|[^"\\])*"/) || match(line, /^\047(\\.|[^\047\\])+\047/)) {
        result = result substr(line, 1, RLENGTH)
        line = substr(line, RLENGTH + 1)
      } else {
        result = result substr(line, 1, 1)
        line = substr(line, 2)
      }
    }
    return result
  }
  FNR == 1 {
    in_block = 0
    in_raw = ""
    own = FILENAME
    if (sub(/^core\/(include\/deneb|src)\//, "", own)) own = area_of(own)
    else own = "cli"
    if (!(own in rank)) complain("area \"" own "\" has no floor; add it to `areas` in scripts/check_floors.sh")
  }
  {
    code = code_of($0)
    if (code ~ /^[ \t]*#[ \t]*include/) {
      target = code
      public = target ~ /<deneb\//
      sub(/^[^<"]*[<"]/, "", target)
      sub(/[>"].*$/, "", target)
      sub(/^deneb\//, "", target)
      to = area_of(target)
      # The program names its own headers without a folder.
      checked = public || (code ~ /"/ && own != "cli")
      if (checked && !(to in rank)) {
        complain("includes " target ", which lies in no area of the core; name it as area/file.h")
      } else if (checked && rank[to] > rank[own]) {
        complain("includes " target ": " (own == "." ? "the root" : own) " lies below " to \
                 "; move what it needs down, or this file up (docs/ARCHITECTURE.md, floors)")
      }
    }
    if (match(tolower(code), algorithms)) {
      complain("names an algorithm (" substr(code, RSTART, RLENGTH) \
               "); the core knows interfaces only, let the plugin say it")
    }
    if ($0 !~ /\/\/ file keys/ && match(code, "\"(" names ")\"")) {
      complain("names " substr(code, RSTART, RLENGTH) \
               ", which a plugin registers; ask the registry or the interface instead")
    }
  }
  END { exit failed }
' $core || status=1

# What is found nowhere is generated or of a library, and the compiler's affair.
headers=$(find plugins core -name '*.h' -o -name '*.h.in')
# shellcheck disable=SC2046
awk -v headers="$headers" '
  BEGIN {
    count = split(headers, list, "\n")
    for (i = 1; i <= count; ++i) { sub(/\.in$/, "", list[i]); exists[list[i]] = 1 }
    failed = 0
  }
  function normal(path) {
    while (sub(/[^\/]+\/\.\.\//, "", path)) {}
    return path
  }
  # The file that a quoted header may be, if it is one of the plugin or of what its kind shares.
  function is_own(header,    path, i) {
    places[1] = folder
    places[2] = own
    places[3] = shared
    for (i = 1; i <= 3; ++i) {
      path = normal(places[i] header)
      if (path in exists && (index(path, own) == 1 || index(path, shared) == 1)) return 1
    }
    return 0
  }
  function is_foreign(header,    path) {
    if (normal(folder header) in exists || ("core/src/" header) in exists) return 1
    for (path in exists) {
      if (length(path) > length(header) &&
          substr(path, length(path) - length(header)) == "/" header) return 1
    }
    return 0
  }
  FNR == 1 {
    split(FILENAME, part, "/")
    own = part[1] "/" part[2] "/" part[3] "/"
    shared = part[1] "/" part[2] "/common/"
    folder = FILENAME
    sub(/[^\/]*$/, "", folder)
  }
  /^[ \t]*#[ \t]*include[ \t]*("|<deneb\/)/ {
    header = $0
    sub(/^[^<"]*[<"]/, "", header)
    sub(/[>"].*$/, "", header)
    text = ""
    if ($0 !~ /"/ && !(("core/include/" header) in exists)) {
      text = "<" header ">, which is no public header of the core (core/include); include one that is"
    } else if ($0 ~ /"/ && !is_own(header) && is_foreign(header)) {
      text = "\"" header "\", which is neither its own nor of " shared \
             "; include public headers (<deneb/...>), or move there what is shared"
    }
    if (text != "") { print FILENAME ":" FNR ": includes " text; failed = 1 }
  }
  END { exit failed }
' $(find plugins \( -name '*.h' -o -name '*.cpp' \) | sort) || status=1
drawing='std::(shuffle|random_shuffle|sample|random_device|default_random_engine|knuth_b'
drawing="$drawing|generate_canonical|[a-z_]+_distribution)"
places=''
for place in core plugins tests examples; do [ ! -d $place ] || places="$places $place"; done
# shellcheck disable=SC2086
find $places \( -name '*.h' -o -name '*.cpp' \) | sort | xargs -d '\n' awk -v drawing="$drawing" '
  {
    code = $0
    sub(/\/\/.*/, "", code)
    if (match(code, drawing)) {
      print FILENAME ":" FNR ": draws by " substr(code, RSTART, RLENGTH) \
            ", which differs from library to library; use <deneb/random.h>"
      failed = 1
    }
  }
  END { exit failed }
' || status=1
exit $status
