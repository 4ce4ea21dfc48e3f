#!/usr/bin/env bash
# Policies above a limit are never trained, whatever the search does; a cost model that needs options
# troubles only those who use it.
. "$(dirname "$0")/common.sh"

stubborn=(--plugin "$4" --set pipeline='["nas"]' --set nas.search_algorithm='{"type": "Stubborn"}')
run "$smoke" free "${stubborn[@]}"
[ "$(column status tasks/free/output/nas/reports.csv | xargs)" = "finished finished" ] ||
  fail "without a limit: $(column status tasks/free/output/nas/reports.csv)"
run "$smoke" limited "${stubborn[@]}" --set general.max_failures=0 \
  --set nas.limits='[{"cost": "bitops", "weight_bits": 4, "activation_bits": 4}]'
[ "$(column status tasks/limited/output/nas/reports.csv | xargs)" = "finished rejected" ] ||
  fail "with a limit: $(column status tasks/limited/output/nas/reports.csv)"
grep -q 'breaks the limit: bitops' tasks/limited/output/nas/reports.csv || fail "no reason given"
[ "$(column worker_id tasks/limited/output/nas/output.csv)" = 1 ] || fail "the front is wrong"

code=0
run "$smoke" table "${stubborn[@]}" --set nas.limits='[{"cost": "table", "max": 1}]' > out.txt 2>&1 ||
  code=$?
[ "$code" = 2 ] && grep -q "cost model 'table' needs options" out.txt ||
  fail "an unusable cost model: exit $code: $(cat out.txt)"
run "$smoke" priced "${stubborn[@]}" \
  --set nas.cost_models='[{"name": "ms", "model": {"type": "table", "table": "x"}}]'
[ "$(column ms tasks/priced/output/nas/reports.csv | sort -u)" = 14 ] ||
  fail "the cost model was not used: $(cat tasks/priced/output/nas/reports.csv)"

# Random policies that fill a budget: all are trained, none is above it or far below.
run "$source/pipelines/smoke/random_digits.json" window --set pipeline='["nas"]'
window=tasks/window/output/nas
[ "$(column status $window/reports.csv | sort | uniq -c | xargs)" = "6 finished" ] ||
  fail "random policies: $(cat $window/reports.csv)"
[ "$(column encoding $window/reports.csv | sort -u | wc -l)" = 6 ] || fail "a policy was tried twice"
python3 - $(column bitops $window/reports.csv) <<'PY' || fail "the budget was not filled"
import sys
costs = [float(cost) for cost in sys.argv[1:]]
sys.exit(min(costs) < 0.9 * max(costs))
PY

# A baseline that the search found itself is trained once, under both names.
run "$smoke" baseline "${stubborn[@]}" --set pipeline='["nas", "fully_train"]' \
  --set fully_train.uniform='[
    {"weight_bits": 2, "activation_bits": 2, "first_layer": "int8", "last_layer": "int8"},
    {"weight_bits": 8, "activation_bits": 8, "first_layer": "int8", "last_layer": "int8"}]'
[ "$(ls tasks/baseline/output/fully_train/models | xargs)" = "1 2" ] || fail "not two models"
grep -q '"origin": "nas/[12], uniform w[28]a[28]"' \
  tasks/baseline/output/fully_train/models/1/policy.json || fail "the names are not joined"
