"""Networks out of folders: as the libraries load them, however their files are named, and beside others that draw."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from safetensors.torch import load_file, save_file
from transformers import CLIPTextModel, CLIPTextModelWithProjection

from easel.domain.errors import InvalidRequest
from easel.engine.engine import Engine
from easel.engine.events import Failed, Finished, Progress
from easel.engine.families.source import HostWeights, Source, weights_size, weights_stamp
from easel.engine.request import Checkpoint
from easel.engine.runner import TorchRunner

CPU, PARTS = torch.device("cpu"), ("unet", "vae", "text_encoder")
KINDS = {
    "unet": UNet2DConditionModel,
    "vae": AutoencoderKL,
    "text_encoder": CLIPTextModel,
    "text_encoder_2": CLIPTextModelWithProjection,
}


@pytest.fixture
def folder(make_checkpoint, tmp_path: Path) -> Path:
    return Path(shutil.copytree(make_checkpoint("sdxl").folder, tmp_path / "folder"))


def source(folder: Path, **more) -> Source:
    return Source(folder, CPU, torch.float32, **more)


def only_file(folder: Path, part: str) -> Path:
    (file,) = (folder / part).glob("*.safetensors")
    return file


@pytest.mark.parametrize("part", KINDS)
def test_a_network_is_the_one_that_the_libraries_load(folder: Path, part: str) -> None:
    ours = source(folder).network(KINDS[part], part)
    theirs = KINDS[part].from_pretrained(folder / part)
    wanted = {**dict(theirs.named_parameters()), **dict(theirs.named_buffers())}
    found = {**dict(ours.named_parameters()), **dict(ours.named_buffers())}
    assert found.keys() == wanted.keys()
    assert all(torch.equal(found[name], tensor) for name, tensor in wanted.items())
    assert not ours.training
    assert not any(parameter.requires_grad for parameter in ours.parameters())


def rename(folder: Path, part: str, change: Callable[[str], str]) -> None:
    file = only_file(folder, part)
    save_file({change(name): tensor for name, tensor in load_file(file).items()}, file)


def test_older_names_of_tensors_are_understood(folder: Path) -> None:
    wanted = {part: source(folder).network(KINDS[part], part).state_dict() for part in KINDS}
    former = {"to_q": "query", "to_k": "key", "to_v": "value", "to_out.0": "proj_attn"}
    for new, old in former.items():
        rename(folder, "vae", lambda name, new=new, old=old: name.replace(f".{new}.", f".{old}."))
    rename(folder, "text_encoder", lambda name: f"text_model.{name}")
    assert "decoder.mid_block.attentions.0.query.weight" in load_file(only_file(folder, "vae"))
    for part in ("vae", "text_encoder"):
        found = source(folder).network(KINDS[part], part).state_dict()
        assert all(torch.equal(found[name], tensor) for name, tensor in wanted[part].items())


def test_weights_in_several_files_are_one_network_and_one_that_lacks_is_said(folder: Path) -> None:
    file = only_file(folder, "unet")
    wanted = load_file(file)
    names = sorted(wanted)
    shards = [file.with_name(f"diffusion_pytorch_model-0000{number}-of-00002.safetensors") for number in (1, 2)]
    for shard, half in zip(shards, (names[::2], names[1::2]), strict=True):
        save_file({name: wanted[name] for name in half}, shard)
    file.unlink()
    found = source(folder).network(UNet2DConditionModel, "unet").state_dict()
    assert all(torch.equal(found[name], tensor) for name, tensor in wanted.items())
    shards[0].unlink()
    with pytest.raises(InvalidRequest, match="holds 1 of 2 files"):
        source(folder).network(UNet2DConditionModel, "unet")


def test_the_size_is_known_before_a_number_is_read(folder: Path) -> None:
    networks = [source(folder).network(KINDS[part], part) for part in PARTS]
    taken = sum(tensor.nbytes for network in networks for tensor in network.parameters())
    assert weights_size(folder, PARTS, torch.float32) == taken
    assert weights_size(folder, PARTS, torch.bfloat16) == taken // 2


def test_the_stamp_changes_with_any_file(folder: Path) -> None:
    seen = {weights_stamp(folder, PARTS)}
    for part in PARTS:
        os.utime(only_file(folder, part), ns=(1, 1))
        seen.add(weights_stamp(folder, PARTS))
    (folder / "unet" / "config.json").unlink()
    assert len(seen | {weights_stamp(folder, PARTS)}) == 5


def test_what_host_memory_holds_is_not_read_again(folder: Path) -> None:
    host = HostWeights()
    first = source(folder, host=host).network(AutoencoderKL, "vae")
    assert host.bytes == sum(tensor.nbytes for tensor in first.parameters())
    only_file(folder, "vae").unlink()
    again = source(folder, host=host).network(AutoencoderKL, "vae")
    assert all(torch.equal(again.state_dict()[name], tensor) for name, tensor in first.state_dict().items())


def shape(folder: Path) -> None:
    rename_settings(folder, "vae", norm_num_groups=8, layers_per_block=2)


def wider(folder: Path) -> None:
    rename_settings(folder, "unet", cross_attention_dim=48)


def integers(folder: Path) -> None:
    file = only_file(folder, "unet")
    tensors = load_file(file)
    tensors["conv_in.bias"] = tensors["conv_in.bias"].to(torch.int32)
    save_file(tensors, file)


def odd(folder: Path) -> None:
    rename_settings(folder, "unet", down_block_types=["NoSuchBlock"])


def endless(folder: Path) -> None:
    rename_settings(folder, "unet", layers_per_block=10**9)


def link_out(folder: Path) -> None:
    file = only_file(folder, "unet")
    outside = folder.parent / "outside.safetensors"
    file.rename(outside)
    file.symlink_to(outside)


def link_settings_out(folder: Path) -> None:
    file = folder / "unet" / "config.json"
    file.rename(folder.parent / "config.json")
    file.symlink_to(folder.parent / "config.json")


def huge_settings(folder: Path) -> None:
    (folder / "unet" / "config.json").write_text(" " * 2**21)


def rename_settings(folder: Path, part: str, **changed) -> None:
    path = folder / part / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changed))


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (shape, "of its tensors are missing, the first is"),
        (wider, "in the file and"),
        (integers, "conv_in.bias is of type I32, which no weight is"),
        (odd, "its settings make no network"),
        (endless, "more than 1000 layers"),
        (link_out, "is a link that leads out"),
        (link_settings_out, "is a link that leads out"),
        (huge_settings, "longer than any settings"),
    ],
)
def test_what_does_not_hold_together_is_refused_by_file(folder: Path, damage, said: str) -> None:
    damage(folder)
    part = "vae" if damage is shape else "unet"
    with pytest.raises(InvalidRequest) as refusal:
        source(folder).network(KINDS[part], part)
    assert said in refusal.value.message
    assert str(folder) in refusal.value.message


def test_links_into_the_blobs_of_the_hubs_cache_are_its_way(folder: Path, tmp_path: Path) -> None:
    repository = tmp_path / "models--any--model"
    (repository / "blobs").mkdir(parents=True)
    snapshot = Path(shutil.copytree(folder, repository / "snapshots" / "0123"))
    for number, file in enumerate([*snapshot.rglob("*.safetensors"), snapshot / "unet" / "config.json"]):
        blob = repository / "blobs" / str(number)
        file.rename(blob)
        file.symlink_to(os.path.relpath(blob, file.parent))
    assert source(snapshot).network(UNet2DConditionModel, "unet")


def test_a_networks_neighbours_in_the_process_are_left_as_they_are() -> None:
    """What the libraries do while they load would give a module made meanwhile in another thread no memory."""
    from easel.engine.families.source import _WithoutMemory

    with _WithoutMemory():
        assert torch.nn.Linear(2, 2).weight.is_meta
        seen = run_in_thread(lambda: torch.nn.Linear(2, 2).weight.is_meta)
    assert seen is False


def run_in_thread(act: Callable[[], bool]) -> bool:
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(act).result()


class TestWhileOthersDraw:
    """The real runner. Its first answer for a checkpoint that is not there is always that it loads."""

    @pytest.fixture
    def other(self, checkpoint: Checkpoint, tmp_path: Path) -> Checkpoint:
        return Checkpoint(name="other", family="sd2", folder=Path(shutil.copytree(checkpoint.folder, tmp_path / "o")))

    def test_a_picture_under_way_moves_while_another_checkpoint_loads(
        self, make_picture, drain, checkpoint: Checkpoint, other: Checkpoint
    ) -> None:
        engine = Engine(TorchRunner("cpu"))
        engine.add(make_picture("a", checkpoint=checkpoint, steps=30))
        while not engine.step():
            pass
        engine.add(make_picture("b", checkpoint=other, steps=1))
        [moved] = engine.step()
        assert isinstance(moved, Progress)
        assert moved.id == "a"
        assert engine.why_waiting("b") == "checkpoint other is loading"
        assert all(isinstance(end, Finished) for end in drain(engine).values())

    def test_one_that_does_not_load_disturbs_nobody(
        self, make_picture, drain, checkpoint: Checkpoint, other: Checkpoint
    ) -> None:
        integers(other.folder)
        engine = Engine(TorchRunner("cpu"))
        engine.add(make_picture("good", checkpoint=checkpoint, steps=10))
        for number in range(3):
            engine.add(make_picture(f"bad{number}", checkpoint=other))
        ended = drain(engine)
        assert isinstance(ended.pop("good"), Finished)
        assert all(isinstance(end, Failed) and "which no weight is" in end.error for end in ended.values())

    def test_pictures_are_the_same_whether_their_checkpoints_stay_or_take_turns(
        self, make_picture, drain, checkpoint: Checkpoint, other: Checkpoint
    ) -> None:
        file = only_file(other.folder, "unet")
        save_file({name: tensor * 0.5 for name, tensor in load_file(file).items()}, file)
        pictures = []
        for weight_bytes in (2**20, None):
            engine = Engine(TorchRunner("cpu", weight_bytes=weight_bytes))
            for number in range(4):
                engine.add(make_picture(str(number), checkpoint=(checkpoint, other)[number % 2], seed=number))
            pictures.append(drain(engine))
        for id in "0123":
            assert (pictures[0][id].image == pictures[1][id].image).all()
        assert (pictures[0]["0"].image != pictures[0]["1"].image).any()
