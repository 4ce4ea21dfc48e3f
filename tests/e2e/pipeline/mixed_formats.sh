#!/usr/bin/env bash
# Integers and small floats side by side in one network: searched, with layers in a group and a layer
# with one fixed tensor, then trained, saved, and measured again from the file.
. "$(dirname "$0")/common.sh"

random=$source/pipelines/smoke/random_digits.json
space='{"weight_candidates": ["int4", "e2m1"], "activation_candidates": ["int4", "e4m3"],
        "first_layer": "search", "last_layer": "int8",
        "groups": [{"layers": ["layer1.*"]}],
        "overrides": [{"layer": "conv1", "weight": ["int4", "e2m1"], "activation": "uint8"}]}'
small=(--set nas.limits='[]' --set nas.search_space="$space" --set nas.data_loader.train_limit=64
  --set nas.search_algorithm='{"type": "RandomSearch", "samples": 4}')
run "$random" mixed "${small[@]}" \
  --set fully_train.uniform='[{"weight": "e2m1", "activation": "e4m3", "first_layer": "int8", "last_layer": "int8"}]'
nas=tasks/mixed/output/nas
[ "$(column status $nas/reports.csv | sort | uniq -c | xargs)" = "4 finished" ] ||
  fail "trials: $(cat $nas/reports.csv)"
model=tasks/mixed/output/fully_train/models/1
python3 - $model/policy.json <<'PY' || fail "the policy is not mixed as told: $(cat $model/policy.json)"
import json, sys
layers = {layer["name"]: layer for layer in json.load(open(sys.argv[1]))["layers"]}
words = {layer[role] for layer in layers.values() for role in ("weight", "activation")}
group = {(layer["weight"], layer["activation"].lstrip("u"))
         for name, layer in layers.items() if name.startswith("layer1.")}
first = layers["conv1"]["activation"].lstrip("u")
sys.exit(not (len(group) == 1 and first == "int8" and words & {"e2m1", "e4m3"} and
              words & {"int4", "uint4"}))
PY
# The uniform one is of the formats that were named.
python3 - tasks/mixed/output/fully_train <<'PY' || fail "no uniform policy of e2m1 and e4m3"
import glob, json, sys
inner = [[(layer["weight"], layer["activation"]) for layer in json.load(open(path))["layers"]][1:-1]
         for path in glob.glob(sys.argv[1] + "/models/*/policy.json")]
assert any(set(words) == {("e2m1", "e4m3")} for words in inner), inner
PY
grep -q "(uniform e2m1/e4m3)" tasks/mixed/run.log || fail "the uniform policy has no name"
"$deneb" evaluate tasks/mixed --weights $model/weights.safetensors --round-trip > evaluated.txt 2>&1 ||
  fail "the weights cannot be measured: $(cat evaluated.txt)"
if grep -E "has no state|have no place" evaluated.txt; then fail "some state did not fit"; fi

# A method that cannot do a format is named with the layer and what it can, before anything runs.
code=0
"$deneb" validate "$random" "${small[@]}" \
  --set nas.quantizer='{"float_weight": {"type": "LSQ"}}' > out.txt 2>&1 || code=$?
[ "$code" = 2 ] && grep -q "quantizer.float_weight: layer '.*': LSQ cannot quantize weights to e2m1; it can do" \
  out.txt || fail "a wrong method: exit $code: $(cat out.txt)"
