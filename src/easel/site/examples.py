"""Prompts to start from."""

from typing import Final

STARTER: Final = (
    "three red stars on a blue background",
    "a large green heart above a small black ring",
    "two orange triangles",
    "a red house under a blue sky",
    "a sailboat with white sails on the sea",
)
ANY: Final = (
    "a lighthouse on a cliff at dawn, oil painting",
    "a portrait of an old fisherman, soft window light",
    "an empty train station in the rain, cinematic",
    "a bowl of lemons on a wooden table, still life",
)


def prompts_for(model_id: str) -> tuple[str, ...]:
    """What the model is likely to draw well."""
    return STARTER if model_id == "easel-starter" else ANY
