"""The samplers and spacings a request may name. The engine implements each; the wire's spellings are the dialects'."""

from enum import StrEnum


class Sampler(StrEnum):
    """The solver that takes a picture from noise to latents."""

    DDIM = "ddim"
    EULER = "euler"
    DPMPP_2M = "dpmpp_2m"
    EULER_ANCESTRAL = "euler_ancestral"
    HEUN = "heun"
    KDPM2 = "kdpm2"
    KDPM2_ANCESTRAL = "kdpm2_ancestral"
    UNIPC = "unipc"
    DEIS = "deis"
    LMS = "lms"
    DDPM = "ddpm"
    DPMPP_2M_SDE = "dpmpp_2m_sde"
    DPMPP_2S = "dpmpp_2s"
    LCM = "lcm"
    PNDM = "pndm"
    IPNDM = "ipndm"


class Spacing(StrEnum):
    """Where on the noise schedule the steps stand. MODEL is what the checkpoint's own scheduler file says."""

    MODEL = "model"
    KARRAS = "karras"
    EXPONENTIAL = "exponential"
    BETA = "beta"
    SGM_UNIFORM = "sgm_uniform"


def steps_taken(steps: int, strength: float) -> int:
    """How many of `steps` a run from a picture takes: their last part, rounded down as the field does, at least one."""
    # 0.29 * 100 is a hair under 29.
    return max(1, int(steps * strength + 1e-9))
