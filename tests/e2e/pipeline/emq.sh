#!/usr/bin/env bash
# EMQ through the program: a benchmark, a proxy evolved by it, policies by its scores, reconstruction; the same with
# the same seed; messages.
. "$(dirname "$0")/common.sh"
smoke=$source/pipelines/smoke/emq_resnet20_synthetic.json
run "$smoke" whole
folder=tasks/whole/output
for file in proxy/{proxy,layer_scores,evolution}.json proxy/correlations.csv assignment/policies/{w2.5,w3}.json; do
  [ -s "$folder/$file" ] || fail "$file is missing"
done
cmp "$folder/proxy/layer_scores.json" "$folder/again/layer_scores.json" || fail "the proxy scores differently again"
python3 - "$folder" <<'PY' || fail "what the search left"
import csv, json, sys
folder = sys.argv[1]
course = json.load(open(folder + "/proxy/evolution.json"))
best = course["best"]
assert len(best) == 61 and best == sorted(best), best
counts = course["counts"]
assert counts["judged"] + counts["repeated"] == counts["drawn"] + counts["bred"], counts
proxy = json.load(open(folder + "/proxy/proxy.json"))
assert proxy["genotype"] == course["population"][0]["genotype"] and proxy["provenance"]["benchmark"] == "mqbench-smoke"
rows = {(r["proxy"], r["split"]): r for r in csv.DictReader(open(folder + "/proxy/correlations.csv"))}
assert set(rows) == {(p, s) for p in ("evolved", "measured", "size of the weights", "bitops")
                     for s in ("evolve", "valid", "test")}, list(rows)
assert abs(float(rows["evolved", "evolve"]["rho100"]) - best[-1]) < 1e-9
for row in rows.values():
    assert float(row["rho100_low"]) <= float(row["rho100_high"]) and len(row) == 13 + 5
# What is chosen costs no more than it may, and has the score that the assignment reports.
scores = {l["name"]: l["weight"] for l in json.load(open(folder + "/proxy/layer_scores.json"))["layers"]}
for solution in json.load(open(folder + "/assignment/solutions.json")):
    policy = json.load(open(folder + "/assignment/policies/%s.json" % solution["name"]))
    total = sum(scores[l["name"]][l["weight"]] for l in policy["layers"] if l["name"] in scores)
    assert abs(total - solution["objective"]) < 1e-9, (total, solution)
assert len(list(csv.DictReader(open(folder + "/reconstruction/output.csv")))) >= 1
PY
grep -q "Fitness of proxies" "$folder/report.html" || fail "the report has no course"
grep -q "1/L sum_l" "$folder/report.html" || fail "the report has no formula"
"$deneb" run "$smoke" "${here[@]}" --task-id again --set 'pipeline=["float","benchmark","sensitivity","proxy"]' >/dev/null
for file in proxy.json layer_scores.json correlations.csv evolution.json; do
  cmp "$folder/proxy/$file" "tasks/again/output/proxy/$file" || fail "$file differs with the same seed"
done
refused "is missing: proxies are evolved by one" --set proxy.search_algorithm.benchmark= --set 'proxy.search_algorithm.compare=[]'
refused "sensitivity" --set proxy.search_algorithm.benchmark=sensitivity:benchmark
refused "expected one of log" --set 'proxy.search_algorithm.unary=["abslgo"]'
refused "a row is named 'evolved', as one" \
  --set 'proxy.search_algorithm.compare=[{"name": "evolved", "scores": "sensitivity:layer_scores"}]'
refused "integer widths only" --set 'proxy.search_space.weight_candidates=["int2","e2m1"]'
