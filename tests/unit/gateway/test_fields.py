"""No field of ModelsLab's documents, and none of ours, without a word about what becomes of it."""

import pytest
from pydantic import AliasChoices, BaseModel

from easel.gateway.dialects.modelslab.loading import LoadModel
from easel.gateway.dialects.modelslab.paths import SCHEMAS, Operation
from easel.gateway.dialects.modelslab.unserved import NAMES_A_MODEL, SAID, WITHOUT_A_WORD, Unserved

OF_TEXT = """
model_id model prompt negative_prompt width height samples num_inference_steps steps guidance_scale seed scheduler
safety_checker safety_checker_type enhance_prompt enhance_style use_karras_sigmas algorithm_type tomesd vae lora_model
lora_strength embeddings_model embeddings clip_skip multi_lingual panorama self_attention upscale highres_fix
ip_adapter_id ip_adapter_scale ip_adapter_image base64 temp instant_response webhook track_id watermark free_u
injected_noise_alpha sigma_threshold true_cfg_scale use_cfg_zero_star use_zero_init zero_steps loadbalancer aspect_ratio
""".split()
OF_PICTURES = [*OF_TEXT, "init_image", "strength"]
OF_MASKS = [*OF_PICTURES, "mask_image"]
OF_HINTS = [
    *OF_MASKS,
    *"controlnet_model controlnet_type auto_hint guess_mode control_image controlnet_conditioning_scale".split(),
]
OF_LOADING = """
url model_id model_name model_format model_category model_type model_subcategory model_visibility model_image revision
force_load hf_upload from_safetensors webhook vae_id vae_url vae_type
""".split()

DOCUMENTED = {
    Operation.TEXT2IMG: OF_TEXT,
    Operation.IMG2IMG: OF_PICTURES,
    Operation.INPAINT: OF_MASKS,
    Operation.CONTROLNET: OF_HINTS,
}
"""What ModelsLab's documents, old and new, say that each kind of route may be sent, beside the key."""


def names_of(schema: type[BaseModel]) -> set[str]:
    """Its fields, in all of their spellings."""
    spelt = {
        str(choice)
        for field in schema.model_fields.values()
        if isinstance(field.validation_alias, AliasChoices)
        for choice in field.validation_alias.choices
    }
    return {*schema.model_fields, *spelt}


@pytest.mark.parametrize("operation", Operation)
def test_a_documented_field_is_honoured_or_named(operation: Operation) -> None:
    """On every route: fields of the other routes as well, for clients send them all."""
    heard = {*names_of(SCHEMAS[operation]), *Unserved.model_fields, *WITHOUT_A_WORD}
    assert [name for name in DOCUMENTED[operation] if name not in heard] == []
    assert [name for name in OF_HINTS if name not in heard] == []


def test_every_documented_field_of_load_model_is_known() -> None:
    assert set(OF_LOADING) - names_of(LoadModel) == set()
    assert [name for name, field in LoadModel.model_fields.items() if not field.description] == []


@pytest.mark.parametrize("operation", Operation)
def test_a_field_that_is_honoured_says_what_it_does(operation: Operation) -> None:
    silent = [name for name, field in SCHEMAS[operation].model_fields.items() if not field.description]
    assert silent == []


def test_a_field_that_is_not_honoured_says_what_was_done() -> None:
    assert set(Unserved.model_fields) == {*SAID, *NAMES_A_MODEL, "ip_adapter_image"}
