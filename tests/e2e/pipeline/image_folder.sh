#!/usr/bin/env bash
# A folder of images, made here, trains a network: the number of loader threads does not change the
# result, and a damaged image ends the run with its name.
. "$(dirname "$0")/common.sh"

python3 - <<'PY'
import os, random, struct, zlib

def png(width, height, color):
    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
    row = lambda: b"\0" + bytes(min(255, max(0, value + random.randrange(-30, 30)))
                                for _ in range(width) for value in color)
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) +
            chunk(b"IDAT", zlib.compress(b"".join(row() for _ in range(height)))) + chunk(b"IEND", b""))

random.seed(1)
for part, count in (("train", 20), ("val", 5)):
    for name, color in (("leaf", (60, 160, 60)), ("sky", (60, 90, 170)), ("sand", (190, 160, 100))):
        os.makedirs(f"images/{part}/{name}")
        for i in range(count):
            image = png(20 + i, 25, color)
            open(f"images/{part}/{name}/{i}.png", "wb").write(image)
PY
cat > images.json <<'JSON'
{
  "general": {"seed": 1, "threads": 1},
  "pipeline": ["train"],
  "train": {
    "pipe_step": {"type": "TrainPipeStep"},
    "network": {"type": "ResNetCifar", "depth": 8, "base_channels": 4, "num_classes": 3, "image_size": 16},
    "dataset": {"type": "ImageFolder", "num_classes": 3, "image_size": 16, "resize": 18},
    "data_loader": {"train_portion": 0.8, "batch_size": 8, "augment": {"horizontal_flip": true}},
    "trainer": {"epochs": 3, "optimizer": {"type": "SGD", "lr": 0.05}}
  }
}
JSON
data=(--set "train.dataset.data_path=$work/images")

for workers in 0 3; do
  run images.json "workers$workers" "${data[@]}" --set "train.data_loader.workers=$workers"
done
diff <(timeless tasks/workers0/output/train/output.csv) \
  <(timeless tasks/workers3/output/train/output.csv) || fail "loader threads changed the result"
cmp tasks/workers{0,3}/output/train/models/1/weights.safetensors || fail "loader threads changed weights"
accuracy=$(column accuracy tasks/workers0/output/train/output.csv)
python3 -c "import sys; sys.exit(float(sys.argv[1]) < 0.9)" "$accuracy" ||
  fail "test accuracy $accuracy on three colors"

damaged=images/train/sky/7.png
head -c 200 "$damaged" > cut.png
mv cut.png "$damaged"
got=0
run images.json cut "${data[@]}" > out.txt 2>&1 || got=$?
[ "$got" = 4 ] || fail "exit $got for a damaged image, expected 4: $(cat out.txt)"
grep -q "$damaged: damaged PNG image" out.txt || fail "the damaged image is not named: $(cat out.txt)"
