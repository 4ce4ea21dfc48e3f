#!/usr/bin/env bash
# check_floors.sh SOURCE SCRATCH: scripts/check_floors.sh passes on the tree and finds what is planted.
set -euo pipefail
check=$1/scripts/check_floors.sh
tree=$2

fail() {
  echo "$1"
  exit 1
}

"$check" "$1" || fail "the tree breaks the floors"

plant() {  # FILE, text from the standard input
  mkdir -p "$tree/$(dirname "$1")"
  cat > "$tree/$1"
}
fresh() {
  rm -rf "$tree"
  plant core/include/deneb/errors.h <<< '#pragma once'
  plant plugins/cost_models/standard/costs.cpp << 'END'
#include <deneb/errors.h>
void register_all(deneb::Registrar& r) {
  r.add<deneb::CostModel, BitOps>(
      "bitops", "help");
  r.add<CostModel, Size>("size", "help");
  r.add<SearchAlgorithm, Anneal>("Anneal", "help");
}
END
  plant plugins/search/common/shared.h <<< '#pragma once'
  plant plugins/search/one/one.h <<< '#include "../common/shared.h"'
}
# What the check prints: nothing, or these lines (as far as the first semicolon).
expect() {
  local code=0 expected
  "$check" "$tree" > "$tree/found" || code=$?
  expected=$(cat)
  if [ "$(sed 's/;.*//' "$tree/found")" != "$expected" ]; then
    fail "expected:
$expected
found:
$(cat "$tree/found")"
  fi
  [ $code = $([ -z "$expected" ] && echo 0 || echo 1) ] || fail "exit code $code"
}

fresh
plant core/include/deneb/train/trainer.h << 'END'
#pragma once
#include <deneb/errors.h>
#include <deneb/nn/layers.h>
// LIMPQ trains so (QuantEA does not); "bitops" are no matter.
/* NSGA-III, EMQ,
   FLIQS "size" */
const char* help = "name of a cost, such as bitops or size";  // EdMIPS
const char quote = '"', other = '\'';  // quant_ea
const int million = 1'000'000;         // fliqs
const char* url = "https://one.two/*";
const char* key = "bitops";  // file keys, no cost models
END
plant core/cli/main.cpp <<< '#include "commands.h"'
expect < /dev/null

# An upward include alone, and an algorithm's name alone.
plant core/src/options/reader.cpp <<< '#include <deneb/train/trainer.h>'
expect <<< 'core/src/options/reader.cpp:1: includes train/trainer.h: options lies below train'
fresh
plant core/src/pipeline/run.cpp <<< 'if (name == "LIMPQ") run();'
expect <<< 'core/src/pipeline/run.cpp:1: names an algorithm (LIMPQ)'

fresh
plant core/include/deneb/options/options.h << 'END'
#include <vector>
 #  include "nn/layers.h"
#include "options/other.h"
#include "../nn/layers.h"
END
plant core/src/errors.cpp <<< '#include <deneb/io/files.h>'
plant core/src/fresh/new.cpp <<< 'int one;'
plant core/src/pipeline/names.cpp << 'END'
struct QuantEaOptions;
/* comment */ auto a = "https://edmips";
auto b = R"(
// no comment: FLIQS
)";  // EMQ
auto c = "bitops";
auto d = is("size") || is("Anneal");
auto e = '"'; auto f = "emq";
END
plant plugins/search/one/one.cpp << 'END'
#include <deneb/errors.h>
#include "one.h"
#include "../two/two.h"
#include "options/json.h"
#include <deneb/options/private.h>
#include "../../reports/common/facts.h"
#include "two.h"
#include "shared.h"
#include "parts/part.h"
#include "generated.h"
END
plant plugins/search/one/parts/part.h <<< '#include "parts/part.h"'
plant plugins/search/two/two.h <<< '#pragma once'
plant plugins/reports/common/facts.h <<< '#pragma once'
plant core/src/options/json.h <<< '#pragma once'
expect << 'END'
core/include/deneb/options/options.h:2: includes nn/layers.h: options lies below nn
core/include/deneb/options/options.h:4: includes ../nn/layers.h, which lies in no area of the core
core/src/errors.cpp:1: includes io/files.h: the root lies below io
core/src/fresh/new.cpp:1: area "fresh" has no floor
core/src/pipeline/names.cpp:1: names an algorithm (QuantEa)
core/src/pipeline/names.cpp:2: names an algorithm (edmips)
core/src/pipeline/names.cpp:4: names an algorithm (FLIQS)
core/src/pipeline/names.cpp:6: names "bitops", which a plugin registers
core/src/pipeline/names.cpp:7: names "size", which a plugin registers
core/src/pipeline/names.cpp:8: names an algorithm (emq)
plugins/search/one/one.cpp:3: includes "../two/two.h", which is neither its own nor of plugins/search/common/
plugins/search/one/one.cpp:4: includes "options/json.h", which is neither its own nor of plugins/search/common/
plugins/search/one/one.cpp:5: includes <deneb/options/private.h>, which is no public header of the core (core/include)
plugins/search/one/one.cpp:6: includes "../../reports/common/facts.h", which is neither its own nor of plugins/search/common/
plugins/search/one/one.cpp:7: includes "two.h", which is neither its own nor of plugins/search/common/
END

fresh
plant core/src/one.cpp <<< 'std::shuffle(a.begin(), a.end(), rng);  // std::sample'
plant plugins/search/one/one.cpp << 'END'
// std::uniform_int_distribution
int a = uniform_index(rng, 3) + std::uniform_int_distribution<int>(0, 2)(rng);
std::mt19937_64 engine(1);
END
plant tests/unit/one.cpp <<< 'std::random_device device;'
expect << 'END'
core/src/one.cpp:1: draws by std::shuffle, which differs from library to library
plugins/search/one/one.cpp:2: draws by std::uniform_int_distribution, which differs from library to library
tests/unit/one.cpp:1: draws by std::random_device, which differs from library to library
END

# Nothing to learn the names from is no success.
rm -rf "$tree/plugins/cost_models"
code=0
"$check" "$tree" > "$tree/found" || code=$?
[ $code = 2 ] || fail "without cost models: exit code $code"
