"""Where the engine meets torch: encode, call the network, advance, decode."""

import logging
from collections.abc import Collection
from pathlib import Path

import torch

from easel.domain.errors import InvalidRequest
from easel.domain.prompt import words_of
from easel.engine.adapters.shelf import AdapterShelf
from easel.engine.advance import Canvas, advance, draw_noise
from easel.engine.answering import answer
from easel.engine.autoencoders import Autoencoders
from easel.engine.backends.base import Backend
from easel.engine.backends.opening import Opener
from easel.engine.backends.stopwatch import Stopwatch
from easel.engine.batch import Batch
from easel.engine.beginnings import begin
from easel.engine.calling import Caller, Rows
from easel.engine.checkpoints import CheckpointLoader
from easel.engine.control.shelf import ControlShelf
from easel.engine.costs import Costs
from easel.engine.decoding import Decode
from easel.engine.events import Image
from easel.engine.families import family_named
from easel.engine.families.base import LoadedFamily
from easel.engine.families.words import note_strangers
from easel.engine.faults import faults_named
from easel.engine.finishing import Stream, decode_of
from easel.engine.inside.alteration import notes as not_altered
from easel.engine.library import Library, Readiness
from easel.engine.panorama import too_small_for_windows
from easel.engine.previews import PreviewMap
from easel.engine.prompts.encoding import CacheReport, Encoding
from easel.engine.request import AdapterMix, Checkpoint, PictureRequest
from easel.engine.residency import Residency
from easel.engine.samplers import Plan
from easel.engine.trajectory import Trajectory
from easel.kit.memory import share_of_memory

MIB = 2**20
GIB = 2**30
DEVICE_SHARE = 0.6
"""Of a GPU's memory; the rest is for activations and recordings."""


log = logging.getLogger(__name__)


class TorchRunner:
    """Draws with diffusers' networks on one device. Belongs to the thread of its engine."""

    def __init__(
        self,
        device: str = "auto",
        *,
        threads: int | None = None,
        max_checkpoints: int = 2,
        weight_bytes: int | None = None,
        device_weight_bytes: int | None = None,
        conditioning_bytes: int = 64 * MIB,
        vae_bytes: int = GIB,
        decodes_beside: bool | None = None,
        adapter_bytes: int = 2 * GIB,
        control_bytes: int = 4 * GIB,
        backend: Backend | str = Backend.AUTO,
        cache: Path | None = None,
    ) -> None:
        """`device` is `auto`, `cpu` or `cuda`; `threads` are those of CPU kernels, and the whole process has them.
        `backend` is how networks are run, and `cache` a folder for what that is spared at the next start.

        `weight_bytes` is room for weights in the machine's memory, `device_weight_bytes` in a GPU's; a share of what
        there is where they are not given.

        float32 on a CPU, where nothing smaller is faster; bfloat16 networks on a GPU, with float32 latents.
        `decodes_beside`: on a thread of their own, as by default on a GPU, whose host has cores to spare.
        """
        if threads is not None:
            torch.set_num_threads(threads)
        self._device = _device(device)
        self.max_checkpoints = max_checkpoints
        self._dtype = torch.float32 if self._device.type == "cpu" else torch.bfloat16
        host_bytes = share_of_memory() if weight_bytes is None else weight_bytes
        opener = Opener(backend, self._device, cache)
        self.costs = Costs(pads=opener.has_fixed_rows)
        """What its calls take, as it measures them."""
        self._backend = opener.backend
        self._stopwatch = Stopwatch(self._device)
        self._loader = CheckpointLoader(self._device, self._dtype, host_bytes=host_bytes, opener=opener)
        self._library: Library[Checkpoint, LoadedFamily] = Library(
            self._loader,
            bytes=host_bytes if self._device.type == "cpu" else _device_bytes(self._device, device_weight_bytes),
            forget=self._forget,
        )
        self.adapters = AdapterShelf(bytes=adapter_bytes)
        self._encoding = Encoding(bytes=conditioning_bytes)
        self._autoencoders = Autoencoders(self._device, self._dtype, bytes=vae_bytes)
        self.controls = ControlShelf(self._device, self._dtype, opener, bytes=control_bytes)
        self._caller = Caller(self.adapters, self.controls, self.costs)
        self._canvases: dict[str, Canvas] = {}
        self._row_by_row: set[str] = set()
        """Pictures whose rows do not fit into one call."""
        self._preview_maps: Residency[Checkpoint, PreviewMap] = Residency(lambda found: found.bytes, bytes=MIB)
        self.decodes_beside = self._device.type == "cuda" if decodes_beside is None else decodes_beside
        self._stream = Stream(self._device) if self.decodes_beside and self._device.type == "cuda" else None

    @property
    def device(self) -> str:
        """`cpu` or `cuda`."""
        return self._device.type

    def resident(self) -> list[str]:
        """Names of the checkpoints whose weights are in memory: those on the device first, the one used last first.

        May be called from any thread.
        """
        return list(dict.fromkeys(checkpoint.name for checkpoint in (*self._library.keys, *self._loader.in_host)))

    def ask(self, request: PictureRequest, beside: Collection[Checkpoint]) -> Readiness:
        readiness = self._library.ask(request.checkpoint, beside)
        if readiness is Readiness.READY:
            readiness = self._autoencoders.ask(request)
        if readiness is Readiness.READY:
            readiness = self.controls.ask(request)
        if readiness is Readiness.READY and not self.adapters.are_read(request):
            return Readiness.LOADING
        return readiness

    def wait(self, seconds: float) -> None:
        if self._autoencoders.is_loading:
            self._autoencoders.wait(seconds)
        elif self.controls.is_loading:
            self.controls.wait(seconds)
        elif self.adapters.is_reading:
            self.adapters.wait(seconds)
        else:
            self._library.wait(seconds)

    @property
    def calls(self) -> int:
        """Network calls made."""
        return self._caller.calls

    @property
    def text_cache(self) -> CacheReport:
        """How often a text had been encoded before."""
        return self._encoding.report

    def plan(self, request: PictureRequest) -> Plan:
        try:
            return family_named(request.checkpoint.family).plan(request.checkpoint.folder, request)
        except ValueError as error:
            raise InvalidRequest("steps", f"{error}.") from None

    def merged(self, request: PictureRequest) -> tuple[AdapterMix, ...]:
        return self.adapters.expect(request)

    @faults_named()
    @torch.inference_mode()
    def prepare(self, picture: Trajectory) -> tuple[str, ...]:
        request = picture.request
        family = self._family(request.checkpoint)
        notes = self.adapters.hold(request, family.adaptable)
        adapters = self.adapters.encoding(request, family.adaptable)
        conditioning, said = self._encoding.read(family, request, picture.script, adapters)
        autoencoder = self._autoencoders.hold(request, family.autoencoder)
        canvas = begin(request, picture.plan, conditioning, family, autoencoder, self._device)
        self.controls.hold(request, family, canvas.latents.shape)
        self._canvases[request.id] = canvas
        if request.alteration.is_any and self._backend.has_own_bits:
            log.info("picture %s is not drawn by %s, which knows no %s", request.id, self._backend, request.alteration)
        asked = words_of(picture.script.texts()["prompt"])
        own = [file.name for file in request.embeddings]
        said = (*said, *not_altered(family, request, canvas.latents.shape), *too_small_for_windows(request))
        return (*notes, *said, *note_strangers(request.checkpoint, asked, own))

    @faults_named()
    @torch.inference_mode()
    def denoise(self, batch: Batch) -> None:
        family = self._family(batch.key.checkpoint)
        self.adapters.wear(batch.pictures[0].request, batch.key.merged, family.adaptable)
        family.network.weights_changed = bool(batch.key.merged)
        canvases = [self._canvases[picture.id] for picture in batch.pictures]
        steps = [picture.step for picture in batch.pictures]
        draw_noise(canvases, steps)
        latents = torch.stack([canvas.latents for canvas in canvases])
        answers = self._call(family, batch, canvases, latents)
        advance(canvases, steps, latents, answers)

    def _call(self, family: LoadedFamily, batch: Batch, canvases: list[Canvas], latents: torch.Tensor) -> torch.Tensor:
        """The network's answer for each picture, guidance applied.

        Where memory is short of the rows of one picture alone, it is given them one by one from then on: the engine
        has nothing left to halve.
        """
        try:
            with faults_named():
                return self._called(family, batch, canvases, latents)
        except MemoryError:
            ids = [picture.id for picture in batch.pictures]
            if len(ids) > 1 or batch.pictures[0].rows == 1 or ids[0] in self._row_by_row:
                raise
            log.warning("no memory for the %d rows of picture %s; trying each alone", batch.pictures[0].rows, ids[0])
            self._row_by_row.add(ids[0])
            return self._called(family, batch, canvases, latents)

    def _called(
        self, family: LoadedFamily, batch: Batch, canvases: list[Canvas], latents: torch.Tensor
    ) -> torch.Tensor:
        rows = batch.rows
        timesteps = torch.tensor([batch.pictures[row.picture].step.timestep for row in rows], dtype=torch.float32)
        asked = Rows(
            requests=[batch.pictures[row.picture].request for row in rows],
            steerings=[self.controls.of(batch.pictures[row.picture], is_negative=row.is_negative) for row in rows],
            latents=_inputs(canvases, latents)[[row.picture for row in rows]],
            timesteps=timesteps.to(self._device),
            texts=[canvases[row.picture].conditioning[row.reading] for row in rows],
        )

        def record(seconds: float) -> None:
            if not any(asked.steerings):  # or ControlNets would make a row dearer to pictures that have none
                self.costs.record(batch.key.kind, sum(picture.rows for picture in batch.pictures), seconds)

        with self._stopwatch.time(record):
            alone = batch.pictures[0].id in self._row_by_row
            return answer(self._caller, family, batch, asked, one_by_one=alone)

    @faults_named()
    @torch.inference_mode()
    def preview(self, picture: Trajectory) -> Image:
        canvas, checkpoint = self._canvases[picture.id], picture.request.checkpoint
        autoencoder = self._family(checkpoint).autoencoder
        found = self._preview_maps.get(checkpoint, lambda: PreviewMap.fit(autoencoder, self._device))
        return found.show(canvas.latents if canvas.clean is None else canvas.clean)

    def decode(self, picture: Trajectory) -> Decode:
        autoencoder = self._autoencoders.of(picture.id, self._family(picture.request.checkpoint).autoencoder)
        return decode_of(autoencoder, self._canvases[picture.id].latents, picture.request, self._stream)

    def release(self, id: str) -> None:
        self._canvases.pop(id, None)
        self._row_by_row.discard(id)
        self._autoencoders.release(id)
        self.adapters.release(id)
        self.controls.release(id)

    def _family(self, checkpoint: Checkpoint) -> LoadedFamily:
        return self._library.get(checkpoint)

    def _forget(self, checkpoint: Checkpoint) -> None:
        """Its weights have left the device; when they come back, they may be others."""
        self._loader.left()
        self._encoding.forget(checkpoint)
        self._preview_maps.forget(lambda key: key == checkpoint)
        self.adapters.forget(checkpoint)


def _inputs(canvases: list[Canvas], latents: torch.Tensor) -> torch.Tensor:
    """What the network reads of each canvas: its latents, and what an inpainting network is given beside them."""
    beside = [canvas.beside for canvas in canvases if canvas.beside is not None]
    return torch.cat([latents, torch.stack(beside)], dim=1) if beside else latents


def _device(name: str) -> torch.device:
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(name)


def _device_bytes(device: torch.device, said: int | None) -> int:
    return int(DEVICE_SHARE * torch.cuda.mem_get_info(device)[1]) if said is None else said
