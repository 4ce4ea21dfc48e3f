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
fliqs/minilm_sst2_blocks.json fetch_data.sh.minilm"
export DENEB_DATA=$work/no_data
others=()
while read -r name needed; do
  others+=(! -path "*/$name")
  code=0
  "$deneb" validate "$source/pipelines/$name" 2> message || code=$?
  [ $code = 4 ] && grep -q "$needed" message || fail "$name: $code, $(cat message)"
done <<< "$needs_files"
# Files of pipelines/protocols are no pipelines: their blocks are checked where pipelines take them.
# Nor are the policies of an allocations folder.
find "$source/pipelines" \( -name protocols -o -name allocations \) -prune -o -name '*.json' "${others[@]}" -print0 |
  sort -z > files
[ -s files ] || fail "no pipeline files below $source/pipelines"
xargs -0 "$deneb" validate < files

for protocol in "$source"/pipelines/protocols/*.json; do
  name=$(basename "$protocol")
  grep -rqF --exclude-dir=protocols "\"../protocols/$name#" "$source/pipelines" || fail "no pipeline refers to $name"
done
