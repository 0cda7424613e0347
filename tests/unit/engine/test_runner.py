"""The real runner on Stable Diffusion networks of a few thousand random weights."""

import json
import shutil
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from easel.domain.errors import InvalidRequest
from easel.domain.sampling import Sampler, Spacing
from easel.engine.batch import BatchKey
from easel.engine.costs import Costs
from easel.engine.engine import Engine
from easel.engine.events import Failed, Finished
from easel.engine.library import STAMP_SECONDS
from easel.engine.request import Checkpoint
from easel.engine.runner import TorchRunner

SLOT_MIXES = [["ddim", "euler"], ["dpmpp_2m", "ddim", "euler"]]


@pytest.mark.parametrize("joins_at", [0, 1, 3])
@pytest.mark.parametrize("samplers", SLOT_MIXES)
def test_deterministic_pictures_are_the_same_bit_for_bit_whoever_the_neighbours(
    make_picture, draw, watch, drain, checkpoint, joins_at: int, samplers: list[str]
) -> None:
    request = make_picture("it", checkpoint=checkpoint, seed=9)
    alone, _ = draw(request)
    runner = watch()
    engine = Engine(runner, deterministic=True)
    for number, sampler in enumerate(samplers):
        neighbour = make_picture(f"n{number}", checkpoint=checkpoint, steps=4 + number, guidance=1.0 + number)
        engine.add(replace(neighbour, sampler=Sampler(sampler)))
    for _ in range(joins_at):
        engine.step()
    engine.add(request)
    drain(engine)
    assert torch.equal(runner.latents["it"], alone.latents["it"])


def test_pictures_that_share_calls_differ_from_solo_ones_by_kernels_last_bits_only(
    make_picture, draw, checkpoint
) -> None:
    """All samplers, with and without guidance, in one batch: another row count may change a kernel's last bits."""
    requests = [
        make_picture(
            str(sampler), checkpoint=checkpoint, sampler=sampler, seed=number, steps=3, guidance=1.0 + number % 3
        )
        for number, sampler in enumerate(Sampler)
    ]
    together, ended = draw(*requests, deterministic=False)
    assert together.calls == 5
    for request in requests:
        _, solo = draw(request)
        difference = np.abs(ended[request.id].image.astype(int) - solo[request.id].image).max()
        assert difference <= 2, request.id


def test_a_request_drawn_again_after_others_is_the_same(make_picture, watch, drain, checkpoint) -> None:
    runner = watch()
    engine = Engine(runner)
    first = make_picture("first", checkpoint=checkpoint)
    for request in (first, make_picture("other", checkpoint=checkpoint, prompt="b"), replace(first, id="again")):
        engine.add(request)
        drain(engine)
    assert torch.equal(runner.latents["first"], runner.latents["again"])


@pytest.mark.parametrize(
    ("sampler", "spacing"),
    [*((sampler, Spacing.MODEL) for sampler in Sampler), *((Sampler.EULER, spacing) for spacing in Spacing)],
)
def test_every_sampler_and_every_spacing_draws(make_picture, draw, checkpoint, sampler, spacing) -> None:
    request = make_picture(checkpoint=checkpoint, sampler=sampler, spacing=spacing, width=72, height=40, steps=3)
    _, ended = draw(request)
    assert isinstance(ended["a"], Finished)
    assert ended["a"].image.shape == (40, 72, 3)


@pytest.fixture
def copy_of(checkpoint: Checkpoint, tmp_path: Path) -> Checkpoint:
    folder = tmp_path / "copy"
    shutil.copytree(checkpoint.folder, folder)
    return Checkpoint(name="copy", family="sd2", folder=folder)


def rewrite(file: Path, change) -> None:
    weights = load_file(file)
    save_file({name: change(weight) for name, weight in weights.items()}, file, metadata={"format": "pt"})


def test_half_precision_weights_draw_in_full_precision(make_picture, draw, checkpoint, copy_of) -> None:
    for part in ("unet", "vae", "text_encoder"):
        (file,) = (copy_of.folder / part).glob("*.safetensors")
        rewrite(file, lambda weight: weight.half() if weight.is_floating_point() else weight)
    full, _ = draw(make_picture(checkpoint=checkpoint))
    half, _ = draw(make_picture(checkpoint=copy_of))
    assert half.latents["a"].dtype == torch.float32
    assert torch.allclose(full.latents["a"], half.latents["a"], atol=0.02, rtol=0.02)


def test_files_named_for_half_precision_are_found(make_picture, draw, checkpoint, copy_of) -> None:
    for part in ("unet", "vae", "text_encoder"):
        (file,) = (copy_of.folder / part).glob("*.safetensors")
        file.rename(file.with_suffix(".fp16.safetensors"))
    plain, _ = draw(make_picture(checkpoint=checkpoint))
    named, _ = draw(make_picture(checkpoint=copy_of))
    assert torch.equal(plain.latents["a"], named.latents["a"])


def test_weights_that_are_not_numbers_end_their_own_picture(make_picture, draw, checkpoint, copy_of) -> None:
    (file,) = (copy_of.folder / "unet").glob("*.safetensors")
    rewrite(file, lambda weight: torch.full_like(weight, float("nan")))
    _, ended = draw(make_picture("bad", checkpoint=copy_of), make_picture("good", checkpoint=checkpoint))
    assert isinstance(ended["good"], Finished)
    assert isinstance(ended["bad"], Failed)
    assert f"{file} has a tensor" in ended["bad"].error
    assert "not finite" in ended["bad"].error


def truncate(folder: Path) -> None:
    (file,) = (folder / "unet").glob("*.safetensors")
    file.write_bytes(file.read_bytes()[:1000])


def empty(folder: Path) -> None:
    (file,) = (folder / "vae").glob("*.safetensors")
    file.write_bytes(b"")


def lie_about_the_header(folder: Path) -> None:
    (file,) = (folder / "text_encoder").glob("*.safetensors")
    file.write_bytes(b"\xff" * 8 + file.read_bytes()[8:])


def lose_a_part(folder: Path) -> None:
    shutil.rmtree(folder / "vae")


def pickle_it(folder: Path) -> None:
    (file,) = (folder / "unet").glob("*.safetensors")
    file.rename(file.with_name("diffusion_pytorch_model.bin"))


def lose_the_weights(folder: Path) -> None:
    (file,) = (folder / "unet").glob("*.safetensors")
    file.unlink()


def lose_a_tensor(folder: Path) -> None:
    for part in ("unet", "vae", "text_encoder"):
        (file,) = (folder / part).glob("*.safetensors")
        weights = load_file(file)
        weights.pop(next(name for name in weights if name.endswith("norm1.weight")))
        save_file(weights, file, metadata={"format": "pt"})


def become_sdxl(folder: Path) -> None:
    path = folder / "unet" / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "addition_embed_type": "text_time"}))


def become_an_upscaler(folder: Path) -> None:
    path = folder / "unet" / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "in_channels": 7}))


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (truncate, "is cut short"),
        (empty, "is cut short"),
        (lie_about_the_header, "is cut short"),
        (lose_a_part, "no .safetensors"),
        (pickle_it, "save_pretrained"),
        (lose_the_weights, "no .safetensors"),
        (lose_a_tensor, "1 of its tensors are missing"),
        (become_an_upscaler, "takes 7 channels"),
        (become_sdxl, "of another family"),
    ],
)
def test_a_damaged_checkpoint_fails_its_own_picture_with_a_sentence(
    make_picture, draw, checkpoint, copy_of, damage, said: str
) -> None:
    damage(copy_of.folder)
    _, ended = draw(make_picture("bad", checkpoint=copy_of), make_picture("good", checkpoint=checkpoint))
    assert isinstance(ended["good"], Finished)
    assert isinstance(ended["bad"], Failed)
    assert said in ended["bad"].error


def forget_the_schedule(folder: Path) -> None:
    (folder / "scheduler" / "scheduler_config.json").unlink()


def garble_the_schedule(folder: Path) -> None:
    (folder / "scheduler" / "scheduler_config.json").write_text("{")


def ask_for_an_unknown_prediction(folder: Path) -> None:
    (folder / "scheduler" / "scheduler_config.json").write_text('{"prediction_type": "tea_leaves"}')


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (forget_the_schedule, "is missing"),
        (garble_the_schedule, "cannot be read"),
        (ask_for_an_unknown_prediction, "tea_leaves"),
    ],
)
def test_a_checkpoint_without_a_noise_schedule_is_refused_at_once(make_picture, copy_of, damage, said: str) -> None:
    damage(copy_of.folder)
    engine = Engine(TorchRunner("cpu"))
    with pytest.raises(InvalidRequest, match=said):
        engine.add(make_picture(checkpoint=copy_of))
    assert engine.is_idle


def test_an_unknown_family_is_refused_at_once(make_picture, checkpoint) -> None:
    engine = Engine(TorchRunner("cpu"))
    with pytest.raises(InvalidRequest, match="sd9 cannot be drawn; known are sd1, sd2"):
        engine.add(make_picture(checkpoint=replace(checkpoint, family="sd9")))


def test_checkpoints_beyond_the_room_for_weights_leave_memory(make_picture, drain, checkpoint, copy_of) -> None:
    runner = TorchRunner("cpu", weight_bytes=2**20)
    engine = Engine(runner)
    engine.add(make_picture("a", checkpoint=checkpoint))
    engine.add(make_picture("b", checkpoint=copy_of))
    ended = drain(engine)
    assert all(isinstance(end, Finished) for end in ended.values())
    assert runner.resident() == ["copy"]


def test_checkpoints_for_which_there_is_room_stay(make_picture, drain, checkpoint, copy_of) -> None:
    runner = TorchRunner("cpu", max_checkpoints=1)
    engine = Engine(runner)
    for id, used in (("a", checkpoint), ("b", copy_of), ("c", checkpoint)):
        engine.add(make_picture(id, checkpoint=used))
        assert isinstance(drain(engine)[id], Finished)
    assert runner.resident() == [checkpoint.name, "copy"]


def test_weights_exchanged_in_their_folder_are_noticed(make_picture, drain, checkpoint, copy_of) -> None:
    runner = TorchRunner("cpu")
    engine = Engine(runner)
    request = make_picture(checkpoint=copy_of)
    engine.add(request)
    before = drain(engine)["a"].image
    for part in ("unet", "text_encoder"):
        (file,) = (copy_of.folder / part).glob("*.safetensors")
        rewrite(file, lambda weight: weight * 0.5 if weight.is_floating_point() else weight)
    time.sleep(STAMP_SECONDS)
    engine.add(request)
    after = drain(engine)["a"].image
    fresh = Engine(TorchRunner("cpu"))
    fresh.add(request)
    assert np.array_equal(after, drain(fresh)["a"].image)
    assert not np.array_equal(after, before)


def test_calls_filled_up_to_a_size_answer_the_pictures_alone(make_picture, watch, drain, checkpoint) -> None:
    """As on a GPU, where each size of a call is recorded: three rows are a call of four."""
    requests = [make_picture(str(seed), checkpoint=checkpoint, seed=seed, guidance=1.0, steps=3) for seed in range(3)]
    drawn: list[dict[str, Finished | Failed]] = []
    for pads in (False, True):
        runner = watch()
        runner.costs = Costs(pads=pads)
        engine = Engine(runner, deterministic=False)
        for request in requests:
            engine.add(request)
        drawn.append(drain(engine))
        assert runner.calls == 3
    for plain, padded in zip(*(ended.values() for ended in drawn), strict=True):
        assert np.abs(padded.image.astype(int) - plain.image).max() <= 2


def test_what_calls_take_is_measured_as_they_are_made(make_picture, watch, drain, checkpoint) -> None:
    runner = watch()
    engine = Engine(runner)
    engine.add(make_picture(checkpoint=checkpoint))
    drain(engine)
    kind = BatchKey(checkpoint, 64, 64).kind
    assert runner.costs.seconds(kind, 2) > 0
    assert runner.costs.seconds(kind, 4) is None
