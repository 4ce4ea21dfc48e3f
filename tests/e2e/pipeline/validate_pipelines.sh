#!/usr/bin/env bash
# Every pipeline of the repository fits the plugins.
. "$(dirname "$0")/common.sh"

find "$source/pipelines" -name '*.json' -print0 | sort -z > files
[ -s files ] || fail "no pipeline files below $source/pipelines"
xargs -0 "$deneb" validate < files
