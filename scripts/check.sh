#!/usr/bin/env bash
# What a contributor runs before a commit: formatting, build and tests, validation of pipelines.
set -euo pipefail
cd "$(dirname "$0")/.."
git ls-files '*.cpp' '*.h' | xargs clang-format --dry-run --Werror
make check
for file in pipelines/demo/*.json pipelines/smoke/*.json; do
  build/dev/bin/deneb validate "$file"
done
