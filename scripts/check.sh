#!/usr/bin/env bash
# What a contributor runs before a commit: formatting, floors, build and tests.
set -euo pipefail
cd "$(dirname "$0")/.."
git ls-files '*.cpp' '*.h' | xargs clang-format --dry-run --Werror
scripts/check_floors.sh
make check
