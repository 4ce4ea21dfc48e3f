#!/usr/bin/env bash
# Figures and heat maps of a search get into the report; one that breaks the rules is left out and logged,
# and costs nothing else.
. "$(dirname "$0")/common.sh"

run "$smoke" drawn --plugin "$4" --set pipeline='["nas"]' \
  --set nas.search_algorithm='{"type": "Painter"}'
report=tasks/drawn/output/report.html
titles=$(grep -o '<h3>Figure [a-z]*</h3>' $report | xargs -d '\n')
[ "$titles" = "<h3>Figure first</h3> <h3>Figure second</h3>" ] || fail "the figures: $titles"
for reason in "figure 'untitled': the title is empty" "figure 'first': another one has that name" \
  "heat map 'short': values has 0 rows, y_names 1"; do
  grep -rqF "left out of the report: $reason" tasks/drawn --include='*.log' ||
    fail "not logged: $reason"
done
[ -e tasks/drawn/output/nas/policies/narrow.json ] || fail "the policy is missing"
