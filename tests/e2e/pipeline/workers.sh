#!/usr/bin/env bash
# The number of workers changes no result.
. "$(dirname "$0")/common.sh"

run "$smoke" one --workers 1
run "$smoke" two --workers 2
same_results tasks/one tasks/two
