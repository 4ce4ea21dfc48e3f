#!/usr/bin/env bash
# Every pipeline of the repository fits the plugins.
. "$(dirname "$0")/common.sh"

# These start from files that are not ours to ship: they have to say which.
needs_files="limpq/resnet50_imagenet_w3a4_cr12.2.json resnet50_indicators.json
limpq/resnet18_imagenet.json resnet18_float.safetensors
limpq/mobilenet_v1_imagenet_w4a4.json mobilenet_v1_float.safetensors
emq/resnet18_imagenet_ptq.json resnet18_float.safetensors
emq/resnet18_imagenet_qat.json resnet18_float.safetensors
emq/resnet50_imagenet_qat.json resnet50_float.safetensors
emq/mobilenet_v2_imagenet_ptq.json mobilenet_v2_float.safetensors
baselines/minilm_sst2_float.json fetch_data.sh.minilm
baselines/minilm_spam_float.json fetch_data.sh.minilm
baselines/minilm_sst2_uniform.json fetch_data.sh.minilm
baselines/minilm_spam_uniform.json fetch_data.sh.minilm
fliqs/minilm_sst2_blocks.json fetch_data.sh.minilm
fliqs/minilm_spam_blocks.json fetch_data.sh.minilm
fliqs/bert_mrpc_blocks.json bert-base-uncased/config.json
fliqs/gpt2_sst2_single.json gpt2/config.json
fliqs/resnet18_cifar10.json resnet18/model.safetensors
fliqs/resnet18_imagenet.json resnet18/model.safetensors
fliqs/resnet50_imagenet.json resnet50/model.safetensors
fliqs/mobilenet_v2_imagenet.json mobilenet_v2/model.safetensors
fliqs/efficientnet_b0_imagenet.json efficientnet_b0/model.safetensors
fliqs/efficientnet_b0_imagenet_w8a8.json efficientnet_b0/model.safetensors
fliqs/deit_base_imagenet.json deit_base_patch16_224/model.safetensors"
export DENEB_DATA=$work/no_data
others=() incomplete=()
while read -r name _; do
  others+=(! -path "*/$name")
  incomplete+=("$source/pipelines/$name")
done <<< "$needs_files"
"$deneb" validate "${incomplete[@]}" > out.txt 2>&1 || true
! grep ': ok' out.txt || fail "ok without its weights"
while read -r name needed; do
  # The messages before the line that ends what is said of a file.
  awk -v RS=': not ok \\(exit code 4\\)\n' -v file="$name" -v needed="$needed" \
    '$0 ~ file "$" && $0 ~ needed { found = 1 } END { exit !found }' out.txt ||
    fail "$name: no $needed in: $(cat out.txt)"
done <<< "$needs_files"
# Files of pipelines/protocols are no pipelines: their blocks are checked where pipelines take them.
# Nor are the policies of an allocations folder.
find "$source/pipelines" \( -name protocols -o -name allocations \) -prune -o -name '*.json' "${others[@]}" -print0 |
  sort -z > files
[ -s files ] || fail "no pipeline files below $source/pipelines"
xargs -0 "$deneb" validate < files

# Everything else about those that lack weights alone.
"$deneb" validate "$source"/pipelines/fliqs/{resnet18,resnet50,mobilenet_v2,efficientnet_b0,deit_base}_imagenet.json \
  --set nas.weights=
"$deneb" validate "$source/pipelines/fliqs/efficientnet_b0_imagenet_w8a8.json" --set fully_train.weights=
"$deneb" validate "$source/pipelines/fliqs/resnet18_cifar10.json" --set nas.weights= --set 'nas.fresh=[]'

for protocol in "$source"/pipelines/protocols/*.json; do
  name=$(basename "$protocol")
  grep -rqF --exclude-dir=protocols "\"../protocols/$name#" "$source/pipelines" || fail "no pipeline refers to $name"
done
