"""The samplers and spacings a request may name. The engine implements each; the wire's spellings are the dialects'."""

from enum import StrEnum


class Sampler(StrEnum):
    """The solver that takes a picture from noise to latents."""

    DDIM = "ddim"
    EULER = "euler"
    DPMPP_2M = "dpmpp_2m"


class Spacing(StrEnum):
    """Where on the noise schedule the steps stand. MODEL is what the checkpoint's own scheduler file says."""

    MODEL = "model"
    KARRAS = "karras"
