#!/bin/sh
# Draw the pictures that come with Easel for the models that come with it. Again after each training of the starter:
# a page promises that the same prompt and seed give the same picture.
#
#   runs/showcase.sh [FOLDER]      keeps what is in the folder already; remove it to draw anew
set -eu
folder=${1:-showcase}
adapter=src/easel/weights/easel-pixelated/adapter_model.safetensors
mkdir -p "$folder"

draw() { # NAME SEED PROMPT [OPTION...]
  name=$1 seed=$2 prompt=$3
  shift 3
  [ -e "$folder/$name.png" ] || easel generate "$prompt" --seed "$seed" -o "$folder/$name.png" "$@"
}

draw hearts 6 "two pink hearts on a green background"
draw tree 4 "a green tree in a field"
draw sailboat 4 "a sailboat with red sails on the sea"
draw stars 3 "three red stars on a blue background"
draw both 4 "an orange square and a blue star"
draw sunset 2 "mountains at sunset"
draw heart 3 "a large green heart above a small black ring"
draw house 3 "a house with yellow walls"
draw pixelated-heart 4 "a red heart" --lora "$adapter:1"
draw pixelated-ring 3 "a large blue ring" --lora "$adapter:1"
draw pixelated-tree 3 "a green tree in a field" --lora "$adapter:1"

python - "$folder" <<'PYTHON'
import json
import sys
from pathlib import Path

from PIL import Image

from easel.artifacts.thumbnails import as_webp, thumbhash_of

shown = {"easel-starter": [], "easel-pixelated": []}
static = Path("src/easel/site/static/showcase")
static.mkdir(exist_ok=True)
for file in sorted(Path(sys.argv[1]).glob("*.png"), key=lambda file: file.stat().st_mtime):
    picture = Image.open(file)
    lines = picture.info["parameters"].splitlines()
    seed = lines[-1].partition("Seed: ")[2].partition(",")[0]
    picture = picture.convert("RGB")
    (static / f"{file.stem}.webp").write_bytes(as_webp(picture, 90))
    about = {"file": f"{file.stem}.webp", "prompt": lines[0].partition("<lora:")[0].strip(), "seed": int(seed)}
    about |= {"thumbhash": thumbhash_of(picture), "width": picture.width, "height": picture.height}
    shown["easel-pixelated" if file.stem.startswith("pixelated") else "easel-starter"].append(about)
text = "# The pictures that come with Easel, made by runs/showcase.sh. A model's first one is its cover.\n"
for model_id, pictures in shown.items():
    for about in pictures:
        text += f"\n[[{model_id}]]\n" + "".join(f"{name} = {json.dumps(value)}\n" for name, value in about.items())
Path("src/easel/site/showcase.toml").write_text(text)
PYTHON
