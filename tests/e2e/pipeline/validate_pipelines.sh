#!/usr/bin/env bash
# Every pipeline of the repository fits the plugins.
. "$(dirname "$0")/common.sh"

# These start from files that are not ours to ship: they have to say which.
needs_files=(resnet50_imagenet_w3a4_cr12.2.json)
others=()
for name in "${needs_files[@]}"; do
  others+=(! -name "$name")
  code=0
  "$deneb" validate "$(find "$source/pipelines" -name "$name")" 2> message || code=$?
  [ $code = 4 ] && grep -q "resnet50_indicators.json" message || fail "$name: $code, $(cat message)"
done
find "$source/pipelines" -name '*.json' "${others[@]}" -print0 | sort -z > files
[ -s files ] || fail "no pipeline files below $source/pipelines"
xargs -0 "$deneb" validate < files
