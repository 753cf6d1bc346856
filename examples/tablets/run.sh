#!/bin/sh
# Trains a model for another product and applies it, in minutes on two cores.
#
# Usage: examples/tablets/run.sh [FOLDER]      (a new folder; by default out/tablets)
#
# Needs `pip install 'capsule-inspect[train]'`. The variable COUNT sets the number of pictures; EPOCHS
# and STEPS set the length of the training.
set -eu

here=$(dirname "$0")
out=${1:-out/tablets}

python "$here/draw_tablets.py" "$out/pictures" --count "${COUNT:-200}"

capsule-inspect prepare "$out/pictures" "$out/data" data.val=0.2 data.test=0.3

# The whole picture instead of a capsule, at any angle, in a small window: the area of 160 x 160
# pixels in the shape of the pictures, here a square.
capsule-inspect train -o "$out/run" --data "$out/data" experiment=whole_picture \
  model.roi.width=160 model.roi.height=160 train.augment.rotate=180 \
  train.epochs="${EPOCHS:-6}" train.steps="${STEPS:-25}" train.validate_every=3

capsule-inspect evaluate "$out/run" -o "$out/evaluation" --data "$out/data"

capsule-inspect export-tflite "$out/run" -o "$out/tablets.tflite" --data "$out/data"

capsule-inspect predict "$out/pictures" -r -o "$out/results" --model "$out/tablets.tflite"
