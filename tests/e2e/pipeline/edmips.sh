#!/usr/bin/env bash
# EdMIPS through the program: policies within their budgets, artifacts for later steps, messages.
. "$(dirname "$0")/common.sh"
smoke=$source/pipelines/smoke/edmips_resnet20_synthetic.json
run "$smoke" whole
nas=tasks/whole/output/nas
for file in layer_scores.json probabilities.json weights.safetensors solutions.json \
  policies/target.json policies/w2a3.json policies/argmax_last.json policies/argmax_best.json; do
  [ -s "$nas/$file" ] || fail "$file is missing"
done
python3 - "$nas" <<'PY' || fail "what the search left"
import json, math, sys
folder = sys.argv[1]
record = json.load(open(folder + "/probabilities.json"))
scores = {l["name"]: l for l in json.load(open(folder + "/layer_scores.json"))["layers"]}
last = record["epochs"][-1]["layers"]
assert len(record["epochs"]) == 10 and len(last) == len(scores) > 0
for layer in last:
    for role in ("weight", "activation"):
        p = layer[role]
        assert abs(sum(p.values()) - 1) < 1e-6, layer
        for bits, value in p.items():
            score = [s for word, s in scores[layer["name"]][role].items() if word.lstrip("uint") == bits]
            assert len(score) == 1 and abs(score[0] + math.log(value)) < 1e-9, (layer, score)
solutions = json.load(open(folder + "/solutions.json"))
assert [s["name"] for s in solutions] == ["target", "w2a3"]
assert all(s["status"] == "optimal" for s in solutions)
PY
# The weights of the search start the training, and the scores another assignment.
grep -q "nas/target" tasks/whole/run.log || fail "the policy was not trained"
"$deneb" run "$smoke" "${here[@]}" --task-id again >/dev/null
for file in layer_scores.json probabilities.json; do
  cmp "$nas/$file" "tasks/again/output/nas/$file" || fail "$file differs with the same seed"
done
refused "cannot be reached" --set nas.search_algorithm.target.weight_bits=16
refused "is given beside target" --set nas.search_algorithm.complexity_decay=0.1
refused "not e2m1" --set 'nas.search_space.weight_candidates=["e2m1","int4"]'
refused "with the optimizer SGD only" --set nas.search_algorithm.trainer.optimizer.type=Adam
