#!/usr/bin/env bash
# Every stage for a moment: a minute or two on one core. The pictures are noise; the path is the real one. For CI.
set -euo pipefail
cd "$(dirname "$0")/.."
RUN=${RUN:-.runs/starter-tiny}
EASEL=${EASEL:-.venv/bin/easel}
train() { "$EASEL" train "$@"; }

rm -rf "$RUN"
train text-encoder "$RUN" --minutes 0.1 --batch 16
train autoencoder "$RUN" --minutes 0.1 --batch 4
train cache "$RUN" --shards 1
train denoiser "$RUN" --steps 6 --batch 8 --channels 16 --channels 32
train denoiser "$RUN" --steps 10 --batch 8 --channels 16 --channels 32 --resume
train autoencoder "$RUN" --minutes 0.1 --batch 2 --grow-to 256 --imitation 5
train export "$RUN" "$RUN/model"
train evaluate "$RUN/model" --count 2 --steps 4 --out "$RUN/report.json"
train plot "$RUN" --out "$RUN/loss.png"
train card "$RUN" "$RUN/model" "$RUN/report.json"
train lora "$RUN/model" "$RUN/pixelated" --steps 4 --batch 2 --pictures 10
