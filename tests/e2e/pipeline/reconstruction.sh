#!/usr/bin/env bash
# Reconstruction through the program: better than rounding to the nearest, the same again, its models evaluated
# alone, messages.
. "$(dirname "$0")/common.sh"
smoke=$source/pipelines/smoke/reconstruction_resnet20_synthetic.json
run "$smoke" whole >out.txt
out=tasks/whole/output
grep -q "layer2.0: error .* in 100 iterations" tasks/whole/run.log || fail "no line of a unit in run.log"
python3 - "$out" <<'PY' || fail "what the steps left"
import csv, sys
def rows(step):
    with open(f"{sys.argv[1]}/{step}/output.csv") as f:
        return {r["encoding"]: r for r in csv.DictReader(f)}
whole, tuned, nearest = rows("float"), rows("ptq"), rows("nearest")
policy = next(e for e in tuned if e != "float32")
accuracy = lambda table, key: float(table[key]["accuracy"])
print(accuracy(whole, "float32"), accuracy(tuned, policy), accuracy(nearest, policy))
assert accuracy(tuned, "float32") == accuracy(whole, "float32")
assert accuracy(tuned, policy) > accuracy(nearest, policy) + 0.1
assert accuracy(tuned, policy) > accuracy(whole, "float32") - 0.1
PY
run "$smoke" again --set 'pipeline=["float","ptq"]' >/dev/null
for file in $(cd $out/ptq && find models -name '*.safetensors'); do
  cmp "$out/ptq/$file" "tasks/again/output/ptq/$file" || fail "$file differs with the same seed"
done

"$deneb" validate "$smoke" --set ptq.weights= >message 2>&1 && fail "accepted no weights"
grep -q "BlockReconstruction rebuilds a trained network" message || { cat message; fail "no word of the weights"; }
"$deneb" validate "$smoke" --set ptq.trainer.temperature_end=30 >message 2>&1 && fail "accepted temperatures"
grep -q "is above temperature_start" message || fail "no word of the temperatures"
"$deneb" validate "$smoke" --set ptq.trainer.loss=mean >message 2>&1 && fail "accepted a loss"
cat >evaluate.json <<JSON
{
  "general": {"seed": 5, "threads": 1},
  "pipeline": ["evaluate"],
  "evaluate": {
    "pipe_step": {"type": "EvaluatePipeStep", "models_folder": "$work/$out/ptq"},
    "network": {"ref": "$smoke#float.network"},
    "dataset": {"ref": "$smoke#float.dataset"},
    "data_loader": {"ref": "$smoke#float.data_loader"},
    "quantizer": {"ref": "$smoke#ptq.quantizer"}
  }
}
JSON
run evaluate.json evaluate >/dev/null
[ "$(column accuracy tasks/evaluate/output/evaluate/output.csv | sort)" = \
  "$(column accuracy $out/ptq/output.csv | sort)" ] || fail "evaluated alone, the models are others"
