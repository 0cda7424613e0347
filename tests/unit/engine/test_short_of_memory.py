"""What the real runner does when memory is short, numbers are not, or a picture is large."""

import hashlib
from typing import Any

import numpy as np
import pytest
import torch

from easel.catalogue.weights import PACKAGE, weights_folder
from easel.domain.sampling import Sampler
from easel.engine import tiles
from easel.engine.calling import Caller
from easel.engine.engine import Engine
from easel.engine.events import Failed, Finished, Preview
from easel.engine.failures import OutOfMemory
from easel.engine.faults import bytes_named, faults_named
from easel.engine.previews import PreviewMap
from easel.engine.request import Alteration, Checkpoint
from easel.engine.runner import TorchRunner


class Cramped(TorchRunner):
    """There is memory for so many rows; beyond them torch itself is asked for more than there is."""

    def __init__(self, most_rows: int) -> None:
        super().__init__("cpu")
        self.most_rows = most_rows
        self.latents: dict[str, torch.Tensor] = {}

    def _call(self, family, batch, canvases, latents):
        answers = super()._call(family, batch, canvases, latents)
        if len(batch.rows) > self.most_rows:
            torch.empty(2**60)
        return answers

    def decode(self, picture):
        self.latents[picture.id] = self._canvases[picture.id].latents.clone()
        return super().decode(picture)


def weights_hash(runner: TorchRunner, checkpoint: Checkpoint) -> str:
    digest = hashlib.sha256()
    networks = networks_of(runner._family(checkpoint), set())
    assert len(networks) >= 3
    for network in networks:
        for name, tensor in sorted(network.state_dict().items()):
            digest.update(name.encode() + tensor.numpy().tobytes())
    return digest.hexdigest()


def networks_of(owner: Any, seen: set[int]) -> list[torch.nn.Module]:
    """All that it holds, however deep."""
    seen.add(id(owner))
    found: list[torch.nn.Module] = []
    for held in vars(owner).values():
        if isinstance(held, torch.nn.Module):
            found.append(held)
        elif type(held).__module__.startswith("easel.") and hasattr(held, "__dict__") and id(held) not in seen:
            found += networks_of(held, seen)
    return found


def test_a_call_that_did_not_fit_is_made_in_parts_and_no_noise_is_lost(make_picture, drain, draw, checkpoint) -> None:
    """With samplers that draw at every step: a step taken again takes the noise that was drawn for it."""
    requests = [
        make_picture(str(number), checkpoint=checkpoint, sampler=sampler, seed=number, steps=4)
        for number, sampler in enumerate([Sampler.EULER_ANCESTRAL, Sampler.DDPM, Sampler.DPMPP_2M_SDE, Sampler.LCM])
    ]
    runner = Cramped(most_rows=4)
    before = weights_hash(runner, checkpoint)
    engine = Engine(runner, max_rows=8, deterministic=False)
    for request in requests:
        engine.add(request)
    ended = drain(engine)
    assert all(isinstance(end, Finished) for end in ended.values())
    assert weights_hash(runner, checkpoint) == before
    roomy, _ = draw(*requests, deterministic=False)
    for request in requests:
        assert torch.allclose(runner.latents[request.id], roomy.latents[request.id], atol=1e-4, rtol=1e-4)


class OneRow(Caller):
    """There is memory for one row at a time."""

    def _answer(self, family, rows):
        if len(rows) > 1:
            torch.empty(2**60)
        return super()._answer(family, rows)


class RowByRow(TorchRunner):
    def __init__(self) -> None:
        super().__init__("cpu")
        self._caller = OneRow(self.adapters, self.controls, self.costs)
        self.latents: dict[str, torch.Tensor] = {}

    def decode(self, picture):
        self.latents[picture.id] = self._canvases[picture.id].latents.clone()
        return super().decode(picture)


def test_a_guided_picture_of_which_one_row_fits_is_drawn_row_by_row(make_picture, drain, draw, checkpoint) -> None:
    request = make_picture(checkpoint=checkpoint, prompt="a red cat AND a blue dog", steps=4)
    runner = RowByRow()
    engine = Engine(runner)
    engine.add(request)
    assert isinstance(drain(engine)["a"], Finished)
    roomy, _ = draw(request)
    assert torch.allclose(runner.latents["a"], roomy.latents["a"], atol=1e-4)
    assert runner.calls == 3 * request.steps


def test_a_panorama_of_which_one_row_fits_is_drawn_row_by_row_and_led_so(make_picture, drain, draw, checkpoint) -> None:
    request = make_picture(
        checkpoint=checkpoint, steps=1, guidance=1.0, width=72, window=64, alteration=Alteration(self_attention=0.75)
    )
    runner = RowByRow()
    engine = Engine(runner)
    engine.add(request)
    assert isinstance(drain(engine)["a"], Finished)
    roomy, _ = draw(request)
    assert torch.allclose(runner.latents["a"], roomy.latents["a"], atol=1e-4)
    assert runner.calls == 2 * 2


def test_a_picture_that_does_not_fit_alone_is_refused_and_others_are_drawn(
    make_picture, drain, draw, checkpoint
) -> None:
    request = make_picture("small", checkpoint=checkpoint, guidance=1.0)
    runner = Cramped(most_rows=1)
    before = weights_hash(runner, checkpoint)
    engine = Engine(runner, max_rows=8, deterministic=False)
    engine.add(make_picture("large", checkpoint=checkpoint, guidance=5.0))
    engine.add(request)
    ended = drain(engine)
    assert isinstance(ended["large"], Failed)
    assert "4,398,046,511,104 MiB of memory more than this machine has free" in ended["large"].error
    assert weights_hash(runner, checkpoint) == before
    alone, _ = draw(request)
    assert torch.equal(runner.latents["small"], alone.latents["small"])


@pytest.mark.parametrize(
    ("said", "bytes"),
    [
        ("CUDA out of memory. Tried to allocate 2.50 GiB. GPU 0 has a total capacity of 79.11 GiB", 2.5 * 2**30),
        ("CUDA out of memory. Tried to allocate 20.00 MiB. GPU", 20 * 2**20),
        ("DefaultCPUAllocator: can't allocate memory: you tried to allocate 4096 bytes. Error code 12", 4096),
        ("something else", None),
    ],
)
def test_the_bytes_are_read_out_of_torchs_own_words(said: str, bytes: float | None) -> None:
    assert bytes_named(said) == bytes


def test_torchs_own_refusal_is_named_and_a_fault_is_not() -> None:
    with pytest.raises(OutOfMemory) as caught, faults_named():
        torch.empty(2**60)
    assert caught.value.needed == 2**62
    with pytest.raises(RuntimeError, match="must match"), faults_named():
        torch.zeros(2) + torch.zeros(3)


@pytest.mark.parametrize("beside", [False, True])
def test_a_decode_beside_is_the_same_bit_for_bit(make_picture, drain, checkpoint, beside: bool) -> None:
    runner = TorchRunner("cpu", decodes_beside=beside)
    engine = Engine(runner)
    for number in range(3):
        engine.add(make_picture(str(number), checkpoint=checkpoint, seed=number, steps=2 + number))
    together = drain(engine)
    plain = Engine(TorchRunner("cpu"))
    plain.add(make_picture("1", checkpoint=checkpoint, seed=1, steps=3))
    assert np.array_equal(together["1"].image, drain(plain)["1"].image)


@pytest.fixture(scope="module")
def starter() -> Checkpoint:
    return Checkpoint(name="starter", family="sd2", folder=weights_folder(f"{PACKAGE}easel-starter"))


@torch.inference_mode()
def test_tiles_are_the_whole_but_for_what_is_global(starter: Checkpoint) -> None:
    """Group norms take their statistics from a tile; in ones of the usual size the difference is half of this."""
    autoencoder = TorchRunner("cpu")._family(starter).autoencoder
    coarse = torch.rand((1, 3, 6, 9), generator=torch.Generator().manual_seed(0))
    picture = torch.nn.functional.interpolate(coarse, size=(400, 528), mode="bicubic")[0].clamp(0, 1).permute(1, 2, 0)
    whole, in_tiles = tiles.Tiling(), tiles.Tiling(largest_whole=0, side=320, overlap=96)
    latents = tiles.encode(autoencoder, picture, torch.zeros(autoencoder.latent_shape(528, 400)), whole)
    of_tiles = tiles.encode(autoencoder, picture, torch.zeros(latents.shape), in_tiles)
    assert of_tiles.shape == latents.shape
    assert float((of_tiles - latents).abs().mean()) < 0.15 * float(latents.std())
    expected, found = (tiles.decode(autoencoder, latents, tiling) for tiling in (whole, in_tiles))
    assert found.shape == expected.shape == (400, 528, 3)
    assert float((found - expected).abs().mean()) < 5 / 255
    assert float((found - expected).abs().max()) < 24 / 255


def test_tiles_cover_every_pixel_and_their_weights_leave_no_seam() -> None:
    class Plain:
        """An autoencoder that is the same everywhere: what is left are the seams."""

        pixels = 8

        def decode(self, latents: torch.Tensor) -> torch.Tensor:
            return latents[:3].repeat_interleave(8, 1).repeat_interleave(8, 2).permute(1, 2, 0)

        def encode(self, picture: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
            return picture[::8, ::8].permute(2, 0, 1)

    latents = torch.rand((3, 130, 301), generator=torch.Generator().manual_seed(0))
    whole = Plain().decode(latents)
    assert torch.allclose(tiles.decode(Plain(), latents, tiles.ALWAYS), whole, atol=1e-6)
    assert torch.allclose(tiles.encode(Plain(), whole, latents, tiles.ALWAYS), latents, atol=1e-6)


def test_a_decode_that_does_not_fit_is_made_in_tiles_and_says_so(make_picture, drain, checkpoint) -> None:
    class Small:
        """An autoencoder with memory for a tile and no more."""

        def __init__(self, whole: Any) -> None:
            self.whole, self.pixels, self.latent_shape = whole, whole.pixels, whole.latent_shape

        def decode(self, latents: torch.Tensor) -> torch.Tensor:
            if latents.shape[1] * latents.shape[2] > 96 * 96:
                torch.empty(2**60)
            return self.whole.decode(latents)

    runner = TorchRunner("cpu")
    family = runner._family(checkpoint)
    family.autoencoder = Small(family.autoencoder)
    engine = Engine(runner)
    engine.add(make_picture(checkpoint=checkpoint, width=832, height=712, steps=1, guidance=1.0))
    finished = drain(engine)["a"]
    assert isinstance(finished, Finished)
    assert finished.image.shape == (712, 832, 3)
    assert any("decoded in tiles" in note for note in finished.notes)


class TestPreviews:
    @torch.inference_mode()
    def test_the_map_finds_a_linear_decoder_again(self) -> None:
        class Linear:
            pixels = 4
            colours = torch.tensor([[0.05, 0.0, 0.02], [0.0, 0.06, 0.0], [0.01, 0.0, 0.04]])

            def latent_shape(self, width: int, height: int) -> tuple[int, int, int]:
                return 3, height // 4, width // 4

            def decode(self, latents: torch.Tensor) -> torch.Tensor:
                small = torch.einsum("chw,ck->hwk", latents, self.colours) + 0.5
                return small.repeat_interleave(4, 0).repeat_interleave(4, 1)

        found = PreviewMap.fit(Linear(), torch.device("cpu"))
        assert torch.allclose(found.weights[:-1], Linear.colours, atol=1e-3)
        assert torch.allclose(found.weights[-1], torch.full((3,), 0.5), atol=1e-2)
        assert torch.equal(found.weights, PreviewMap.fit(Linear(), torch.device("cpu")).weights)

    @torch.inference_mode()
    def test_what_is_not_a_number_is_shown_black(self) -> None:
        shown = PreviewMap(torch.ones((5, 3))).show(torch.full((4, 2, 2), float("nan")))
        assert shown.tolist() == np.zeros((2, 2, 3)).tolist()

    @pytest.mark.parametrize("sampler", [Sampler.DDIM, Sampler.LMS, Sampler.HEUN])
    def test_an_engine_shows_small_pictures_that_change_nothing(
        self, make_picture, draw, checkpoint, sampler: Sampler
    ) -> None:
        plain = make_picture(checkpoint=checkpoint, sampler=sampler, steps=5, width=72)
        runner = TorchRunner("cpu")
        engine = Engine(runner)
        engine.add(make_picture(checkpoint=checkpoint, sampler=sampler, steps=5, width=72, preview_every=1))
        events = []
        while not engine.is_idle:
            events += engine.step()
        previews = [event for event in events if isinstance(event, Preview)]
        assert [preview.step for preview in previews] == [1, 2, 3, 4]
        assert all(preview.image.shape == (8, 9, 3) for preview in previews)
        _, ended = draw(plain)
        assert np.array_equal(events[-1].image, ended["a"].image)


def test_a_preview_is_near_the_picture_of_the_starter(starter: Checkpoint, make_picture, drain) -> None:
    """With real weights the last preview is the picture made small, within what one linear map can say."""
    engine = Engine(TorchRunner("cpu"))
    engine.add(
        make_picture(
            checkpoint=starter,
            prompt="a red circle on a blue background",
            width=256,
            height=256,
            steps=8,
            preview_every=7,
        )
    )
    events = []
    while not engine.is_idle:
        events += engine.step()
    preview = next(event for event in events if isinstance(event, Preview)).image.astype(float)
    picture = events[-1].image.astype(float)
    rows, columns, _ = preview.shape
    small = picture.reshape(rows, 256 // rows, columns, 256 // columns, 3).mean(axis=(1, 3))
    assert np.abs(preview - small).mean() < 24
