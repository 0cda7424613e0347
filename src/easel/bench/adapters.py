"""Scenario 4: pictures with none, one, eight and thirty-two LoRAs, each picture another one, in shared turns."""

import time
from pathlib import Path

from easel.bench import peers
from easel.bench.measure import prompt
from easel.bench.models import Subject
from easel.bench.scenario import Bench, Line, Report
from easel.engine.engine import Engine
from easel.engine.request import AdapterMix, WeightsFile
from easel.engine.runner import TorchRunner

STEPS = 20
RANK = 16
TARGET = 0.85
LAYERS = ("to_q", "to_k", "to_v", "to_out.0")


def run(bench: Bench) -> Report:
    files = [write(bench.subject, bench.work / "adapters" / f"{number}.safetensors", number) for number in range(32)]
    pictures = 8 if bench.quick else 32
    runner = TorchRunner(bench.device, backend=bench.backends[0], cache=bench.cache)
    deterministic = bench.device == "cpu"
    rates: dict[int, float] = {}
    for distinct in (0, 1, 8) if bench.quick else (0, 1, 8, 32):
        chosen = files[:distinct]
        _rate(bench, runner, chosen, max(4, distinct), deterministic=deterministic)
        rates[distinct] = _rate(bench, runner, chosen, pictures, deterministic=deterministic)
    first_use = _first_use(bench, files[0])
    lines = [
        Line(f"{distinct} LoRAs of rank {RANK}", f"{rate:.2f} pictures/s", "none", rate / rates[0], TARGET)
        for distinct, rate in rates.items()
        if distinct
    ]
    lines.append(Line("a LoRA's first use", f"{1000 * first_use:.0f} ms"))
    figures = {"pictures_a_second": {str(distinct): rate for distinct, rate in rates.items()}, "rank": RANK}
    return Report(lines, figures | {"first_use_seconds": first_use, "steps": STEPS, "pictures": pictures})


def write(subject: Subject, file: Path, seed: int) -> WeightsFile:
    """A LoRA of random numbers over the U-Net's attention, named as kohya's scripts do."""
    import torch
    from diffusers import UNet2DConditionModel
    from safetensors.torch import save_file

    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        with torch.device("meta"):
            unet = UNet2DConditionModel.from_config(UNet2DConditionModel.load_config(subject.folder / "unet"))
        generator = torch.Generator().manual_seed(seed)
        tensors: dict[str, torch.Tensor] = {}
        for name, layer in unet.named_modules():
            if name.endswith(LAYERS) and isinstance(layer, torch.nn.Linear):
                stem = f"lora_unet_{name.replace('.', '_')}"
                tensors[f"{stem}.lora_down.weight"] = 0.02 * torch.randn(RANK, layer.in_features, generator=generator)
                tensors[f"{stem}.lora_up.weight"] = 0.02 * torch.randn(layer.out_features, RANK, generator=generator)
                tensors[f"{stem}.alpha"] = torch.tensor(float(RANK))
        save_file(tensors, file)
    return WeightsFile(name=f"lora{seed}", file=file)


def _rate(bench: Bench, runner: TorchRunner, files: list[WeightsFile], pictures: int, *, deterministic: bool) -> float:
    """Pictures a second, all in flight at once."""
    engine = Engine(runner, max_rows=8 if bench.device == "cpu" else 32, deterministic=deterministic)
    started = time.perf_counter()
    for number in range(pictures):
        adapters = (AdapterMix(adapter=files[number % len(files)]),) if files else ()
        engine.add(peers.request(bench.subject, str(number), prompt(number), number, STEPS, adapters=adapters))
    peers.drain(engine)
    return pictures / (time.perf_counter() - started)


def _first_use(bench: Bench, file: WeightsFile) -> float:
    """Seconds by which a picture of one step is slower with a LoRA that was never seen: read, fitted and drawn with."""
    runner = TorchRunner(bench.device, backend=bench.backends[0], cache=bench.cache)
    engine = Engine(runner)

    def step(id: str, *adapters: AdapterMix) -> float:
        started = time.perf_counter()
        engine.add(peers.request(bench.subject, id, "a red circle", 1, 1, adapters=adapters))
        peers.drain(engine)
        return time.perf_counter() - started

    plain = min(step(f"plain {number}") for number in range(4))
    return step("first", AdapterMix(adapter=file)) - plain
