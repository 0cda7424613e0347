#!/usr/bin/env bash
# The starter model on two CPU cores, in under three hours: 128x128 pictures first, then 256x256 from the same latents.
#
#   bash runs/starter_cpu.sh                 # writes .runs/starter-cpu/model
#   RUN=elsewhere MINUTES=60 bash runs/starter_cpu.sh
#
# Every stage can be killed; run the script again and finished stages are skipped, the denoiser resumes.
set -euo pipefail
cd "$(dirname "$0")/.."
RUN=${RUN:-.runs/starter-cpu}
MINUTES=${MINUTES:-100} # for the denoiser; the other stages take about an hour together
CORES=${CORES:-2}
EASEL=${EASEL:-.venv/bin/easel}
train() { nice -n 19 "$EASEL" train "$@"; }

# First stage: 128x128 pictures, 16x16 latents.
[ -e "$RUN/text_encoder/training.json" ] || train text-encoder "$RUN" --minutes 9 --processes "$CORES"
[ -e "$RUN/autoencoder/training.json" ] || train autoencoder "$RUN" --minutes 7 --processes "$CORES"
train cache "$RUN" --shards 36 --processes "$CORES" # shards that are there are kept
if [ -e "$RUN/denoiser/checkpoint.pt" ]; then RESUME=--resume; else RESUME=--no-resume; fi
train denoiser "$RUN" --minutes "$MINUTES" --channels 48 --channels 96 --channels 128 --processes "$CORES" \
  --batch 64 --rate 1e-3 --mix.single 0.36 --mix.count 0.25 --mix.pair 0.35 --mix.landscape 0.04 "$RESUME"

# Second stage: the autoencoder grows to 256x256 pictures with the same 16x16 latents, so the denoiser stays as it is.
# Its decoder learns on latents with a little noise: what the denoiser makes is never quite a drawing's latent.
[ -e "$RUN/decoder.done" ] || train autoencoder "$RUN" --minutes 8 --processes "$CORES" --decoder-only --rate 1e-3 --noise 0.2
touch "$RUN/decoder.done"
[ -e "$RUN/grown.done" ] || train autoencoder "$RUN" --minutes 22 --processes "$CORES" --grow-to 256 --rate 1.5e-3 --noise 0.2
touch "$RUN/grown.done"

train export "$RUN" "$RUN/model"
train evaluate "$RUN/model" --count 40 --run "$RUN" --out "$RUN/report.json" --samples "$RUN/samples.png"
train evaluate "$RUN/model" --count 40 --run "$RUN" --prompts second --out "$RUN/second.json"
train plot "$RUN" --out "$RUN/loss.png"
train card "$RUN" "$RUN/model" "$RUN/report.json" --second "$RUN/second.json"

# A style of drawing for it, as an adapter.
train lora "$RUN/model" "$RUN/pixelated" --minutes 5
