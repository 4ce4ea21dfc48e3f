#!/usr/bin/env bash
# FLIQS through the program: policies within their budgets, trained weights for the next step, messages.
. "$(dirname "$0")/common.sh"
smoke=$source/pipelines/smoke/fliqs_resnet20_synthetic.json
run "$smoke" whole
nas=tasks/whole/output/nas
for file in layer_scores.json probabilities.json solutions.json policies/target.json policies/w4a4.json \
  policies/argmax.json weights_target.safetensors weights_w4a4.safetensors weights_argmax.safetensors; do
  [ -s "$nas/$file" ] || fail "$file is missing"
done
# Step sizes of one format are no good for another: the files say which they hold.
grep -q deneb.policy $nas/weights_target.safetensors || fail "weights without their policy"
python3 - "$nas" tasks/whole/output/fully_train <<'PY' || fail "what the search left"
import csv, glob, json, math, sys
folder, trained = sys.argv[1:3]
record = json.load(open(folder + "/probabilities.json"))
scores = {l["name"]: l for l in json.load(open(folder + "/layer_scores.json"))["layers"]}
last = record["epochs"][-1]["layers"]
assert len(record["epochs"]) == 5 and len(last) == len(scores) > 0
for layer in last:
    for role in ("weight", "activation"):
        p = layer[role]
        assert list(p) == ["int4", "e2m1", "int8", "e4m3"], p
        assert abs(sum(p.values()) - 1) < 1e-6, layer
        own = {w.replace("uint", "int"): s for w, s in scores[layer["name"]][role].items()}
        for word, value in p.items():
            assert abs(own[word] + math.log(value)) < 1e-9, (layer, own)
solutions = json.load(open(folder + "/solutions.json"))
assert [s["name"] for s in solutions] == ["target", "w4a4"]
assert all(s["status"] == "optimal" for s in solutions)
# No epoch of fine-tuning: the same network, so the same accuracy on the validation split.
rows = lambda f: list(csv.DictReader(open(f)))
searched = sorted(float(r["accuracy"]) for r in rows(folder + "/output.csv"))
again = sorted(float(r["validation_accuracy"]) for r in rows(trained + "/output.csv"))
assert len(again) >= 2 and set(again) <= set(searched), (searched, again)
PY
"$deneb" run "$smoke" "${here[@]}" --task-id again >/dev/null
for file in layer_scores.json probabilities.json weights_argmax.safetensors; do
  cmp "$nas/$file" "tasks/again/output/nas/$file" || fail "$file differs with the same seed"
done
refused "cannot be reached" --set nas.search_algorithm.target.weight_bits=16
refused "name a cost model" --set nas.search_algorithm.target.cost=
refused "rewards what misses the target" --set nas.search_algorithm.reward.beta=-1 \
  --set nas.search_algorithm.reward.raw_beta=true
refused "one of" --set nas.search_algorithm.reward.form=tunas
