#!/usr/bin/env bash
# The starter model on a single large GPU, in under half an hour: a network ten times as large, and 512x512 pictures.
#
# NOT YET RUN on a GPU. The commands exist and are tested on the CPU; sizes and minutes are estimates. Whoever runs it
# first writes a dated entry in docs/log/ and corrects this file.
set -euo pipefail
cd "$(dirname "$0")/.."
RUN=${RUN:-.runs/starter-gpu}
EASEL=${EASEL:-.venv/bin/easel}
CORES=${CORES:-8} # drawing and the small encoders stay on the CPU
train() { "$EASEL" train "$@"; }
network=(--device cuda --channels 128 --channels 256 --channels 384 --layers 2)

train text-encoder "$RUN" --minutes 3 --batch 384 --processes "$CORES"
train autoencoder "$RUN" --minutes 3 --batch 48 --processes "$CORES"
train cache "$RUN" --shards 100 --processes "$CORES"
train denoiser "$RUN" "${network[@]}" --minutes 6 --batch 512

# Second stage: the autoencoder grows to pictures of twice the side. The same scenes at that size have four times the
# latents, and the denoiser goes on from the first stage (as Stable Diffusion 2 was made).
SECOND="$RUN-second"
mkdir -p "$SECOND"
cp -r "$RUN/text_encoder" "$RUN/autoencoder" "$SECOND/"
train autoencoder "$SECOND" --minutes 4 --processes "$CORES" --grow-to 256 --rate 1.2e-3 --noise 0.1
train cache "$SECOND" --shards 60 --resolution 512 --processes "$CORES"
train denoiser "$SECOND" "${network[@]}" --minutes 7 --batch 256 --rate 7e-4 --start-from "$RUN"

train export "$SECOND" "$SECOND/model"
train evaluate "$SECOND/model" --count 40 --run "$SECOND" --out "$SECOND/report.json" --samples "$SECOND/samples.png"
train plot "$SECOND" --out "$SECOND/loss.png"
train card "$SECOND" "$SECOND/model" "$SECOND/report.json"
