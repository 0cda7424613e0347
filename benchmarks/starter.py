"""What the starter can do, strictly judged: every figure that the project tells of it, in one file.

    python -m benchmarks.starter RUN MODEL [--adapter FILE] [--count 40] [--jobs 2]

RUN is the folder of its training, MODEL the exported folder. Each judgement is an `easel train evaluate` of its own,
with one thread; `--jobs` of them run at a time, for none of them is timed. Their reports stay in RUN/judged.
"""

import argparse
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

from diffusers import AutoencoderKL

from benchmarks.record import save
from easel.train import autoencoder, checkpoint

GOALS: Final = {
    "single object": 0.99, "colour": 0.97, "counting": 0.9, "two objects": 0.93, "position": 0.9,
    "colour attribution": 0.9, "background": 0.99, "overall": 0.93, "psnr_db": 30,
}  # fmt: skip
JUDGEMENTS: Final[dict[str, list[str]]] = {
    "first_set": [], "second_set": ["--prompts", "second"],
    "quick_12": ["--steps", "12"],
    "openvino_int8": ["--backend", "openvino-int8"],
    "inpaint": ["--task", "inpaint"], "img2img": ["--task", "img2img"],
}  # fmt: skip


def judge(name: str, run: Path, model: Path, count: int) -> dict[str, Any]:
    out = run / "judged" / f"{name}.json"
    options = [*JUDGEMENTS[name], "--count", str(count), "--out", str(out)]
    if name == "first_set":
        options += ["--samples", str(run / "judged" / "samples.png")]
    if name.endswith("_set"):
        options += ["--run", str(run)]
    subprocess.run([sys.executable, "-m", "easel", "train", "evaluate", str(model), *options], check=True)
    report: dict[str, Any] = checkpoint.read_json(out)
    return report


def adapted(adapter: Path, run: Path, model: Path) -> dict[str, Any]:
    """How far pictures are from the adapter's style, without and with it."""
    found: dict[str, Any] = {"prompts": 10}
    for name, options in (("without", []), ("with", ["--adapter", str(adapter)])):
        out = run / "judged" / f"adapter_{name}.json"
        command = ["evaluate", str(model), "--count", "1", "--style", "pixelated", "--out", str(out), *options]
        subprocess.run([sys.executable, "-m", "easel", "train", *command], check=True)
        found[f"distance_{name}"] = checkpoint.read_json(out)["style_distance"]
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("model", type=Path)
    parser.add_argument("--adapter", type=Path)
    parser.add_argument("--count", type=int, default=40, help="prompts a category")
    parser.add_argument("--jobs", type=int, default=2)
    asked = parser.parse_args()
    (asked.run / "judged").mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(asked.jobs) as pool:
        judged = pool.map(lambda name: judge(name, asked.run, asked.model, asked.count), JUDGEMENTS)
        style = pool.submit(adapted, asked.adapter, asked.run, asked.model) if asked.adapter else None
        reports = dict(zip(JUDGEMENTS, judged, strict=True))
    loop = checkpoint.load(asked.run / "denoiser" / "checkpoint.pt")["loop"]
    decoder = AutoencoderKL.from_pretrained(asked.model / "vae")
    ceiling = reports["first_set"]["ceiling"]
    for report in reports.values():
        report.pop("failures", None)
        report.pop("ceiling", None)
    save("starter", {
        "what": f"easel train evaluate on the weights of this commit, {asked.count} prompts a category",
        "training": {
            "samples": loop["samples"], "steps": loop["step"], "minutes": loop["seconds"] / 60,
            "smoothed_loss": loop["loss"], "autoencoder_psnr_db": autoencoder.psnr(decoder, decoder.config.sample_size),
        },
        "goals": GOALS, "ceiling": ceiling, **reports, "adapter": style.result() if style else None,
        "curve": checkpoint.read_log(asked.run / "denoiser" / "scores.jsonl"),
    })  # fmt: skip


if __name__ == "__main__":
    main()
