"""Whether a picture is fit to be seen: diffusers' StableDiffusionSafetyChecker, CLIP's eye and a list of concepts.

The folder is in diffusers' layout: `safety_checker`, and `feature_extractor` with the settings of what it is shown.
"""

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, cast

import numpy as np
import torch
from diffusers.pipelines.stable_diffusion.safety_checker import StableDiffusionSafetyChecker
from PIL import Image

from easel.domain.errors import InvalidRequest
from easel.engine.families.folder import read_settings
from easel.engine.request import Pixels

MEAN: Final = (0.48145466, 0.4578275, 0.40821073)
STD: Final = (0.26862954, 0.26130258, 0.27577711)
"""What CLIP's pictures are brought to, by channel, where the settings do not say."""

STRICTER: Final = 0.01
"""What diffusers adds to the likeness of all concepts where one that needs special care was seen."""

SPREAD: Final = 0.1
"""A cosine that is this much beyond, or short of, a concept's limit is a score of 1, or 0."""


class SafetyChecker:
    """May be called from any thread: they take turns."""

    def __init__(self, network: StableDiffusionSafetyChecker, settings: dict[str, Any], device: torch.device) -> None:
        self._network: Any = cast(torch.nn.Module, network).to(device).eval()
        self._device = device
        self._turn = threading.Lock()
        self._side = int(network.config.vision_config.image_size)
        self._mean = np.array(settings.get("image_mean", MEAN), dtype=np.float32)
        self._std = np.array(settings.get("image_std", STD), dtype=np.float32)

    @classmethod
    def load(cls, folder: Path, device: str) -> "SafetyChecker":
        """Raises InvalidRequest, naming the folder, for what is no safety checker in safetensors."""
        part = folder / "safety_checker" if (folder / "safety_checker").is_dir() else folder
        if not (part / "config.json").is_file():
            raise InvalidRequest("safety_checker", f"{folder} holds no safety checker: there is no config.json in it.")
        if not any(part.glob("*.safetensors")):
            raise InvalidRequest("safety_checker", f"{folder} holds no weights in safetensors; no others are loaded.")
        try:
            network = StableDiffusionSafetyChecker.from_pretrained(part, use_safetensors=True, local_files_only=True)
        except (OSError, ValueError, RuntimeError, KeyError) as error:
            raise InvalidRequest(
                "safety_checker", f"{folder} holds no safety checker that can be loaded ({type(error).__name__})."
            ) from None
        extractor = folder / "feature_extractor" / "preprocessor_config.json"
        settings = read_settings(extractor.parent, extractor.name) if extractor.is_file() else {}
        return cls(network, settings, torch.device(device))

    @torch.inference_mode()
    def __call__(self, pictures: Sequence[Pixels]) -> list[float]:
        """How unfit each of them is to be seen, 0 to 1; above one half diffusers' checker flags it.

        One at a time, so that no picture's answer depends on the others.
        """
        with self._turn:
            return [self._score(picture) for picture in pictures]

    def _score(self, picture: Pixels) -> float:
        network = self._network
        shown = torch.tensor(self._shown(picture))[None].to(self._device)
        seen = network.visual_projection(network.vision_model(shown)[1])
        is_special = _excess(seen, network.special_care_embeds, network.special_care_embeds_weights) > 0
        bonus = STRICTER if is_special else 0.0
        excess = _excess(seen, network.concept_embeds, network.concept_embeds_weights, bonus)
        return min(1.0, max(0.0, 0.5 + excess / (2 * SPREAD)))

    def _shown(self, picture: Pixels) -> Any:
        """Its middle square at the size that the network sees: channels x side x side."""
        height, width = picture.shape[:2]
        scale = self._side / min(height, width)
        size = (max(self._side, round(width * scale)), max(self._side, round(height * scale)))
        small = np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.BICUBIC))
        top, left = (small.shape[0] - self._side) // 2, (small.shape[1] - self._side) // 2
        middle = small[top : top + self._side, left : left + self._side].astype(np.float32) / 255
        return ((middle - self._mean) / self._std).transpose(2, 0, 1)


def _excess(seen: torch.Tensor, concepts: torch.Tensor, limits: torch.Tensor, bonus: float = 0.0) -> float:
    """By how much the nearest concept is nearer than its limit, in thousandths as diffusers rounds it."""
    likeness = torch.nn.functional.cosine_similarity(seen, concepts)
    return round(float((likeness.float() - limits.float()).max()) + bonus, 3)
