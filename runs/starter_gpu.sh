#!/usr/bin/env bash
# The starter model on a single large GPU: a network ten times as large, 128x128 first, then 256x256 from there.
#
# NOT YET RUN. The commands exist and are tested on the CPU; sizes and minutes are estimates. Whoever runs it first
# writes a dated entry in docs/log/ and corrects this file.
set -euo pipefail
cd "$(dirname "$0")/.."
RUN=${RUN:-.runs/starter-gpu}
EASEL=${EASEL:-.venv/bin/easel}
CORES=${CORES:-8} # drawing and the small encoders stay on the CPU
train() { "$EASEL" train "$@"; }

train text-encoder "$RUN" --minutes 5 --processes "$CORES"
train autoencoder "$RUN" --minutes 5 --processes "$CORES"
train cache "$RUN" --shards 100 --processes "$CORES"
train denoiser "$RUN" --device cuda --minutes 10 --batch 512 --channels 128 --channels 256 --channels 384 --layers 2

# Second stage: the same scenes at twice the resolution, resumed from the first (as Stable Diffusion 2 was made).
mkdir -p "$RUN-256"
cp -r "$RUN/text_encoder" "$RUN/autoencoder" "$RUN-256/"
train autoencoder "$RUN-256" --minutes 5 --processes "$CORES" --resolution 256 --decoder-only --rate 1e-3
train cache "$RUN-256" --shards 100 --resolution 256 --processes "$CORES"
train denoiser "$RUN-256" --device cuda --minutes 15 --batch 256 --rate 7e-4 --resolution 256 \
  --channels 128 --channels 256 --channels 384 --layers 2 --start-from "$RUN"

train export "$RUN-256" "$RUN-256/model"
train evaluate "$RUN-256/model" --count 100 --out "$RUN-256/report.json" --samples "$RUN-256/samples.png"
train plot "$RUN-256" --out "$RUN-256/loss.png"
train card "$RUN-256" "$RUN-256/model" "$RUN-256/report.json"
