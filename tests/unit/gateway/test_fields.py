"""No field of ModelsLab's documents, and none of ours, without a word about what becomes of it."""

import pytest

from easel.gateway.dialects.modelslab.paths import SCHEMAS, Operation
from easel.gateway.dialects.modelslab.unserved import NAMES_A_MODEL, SAID, WITHOUT_A_WORD, Unserved

DOCUMENTED = """
model_id prompt negative_prompt width height samples num_inference_steps guidance_scale seed scheduler
safety_checker enhance_prompt enhance_style use_karras_sigmas algorithm_type tomesd vae lora_model
lora_strength embeddings_model clip_skip multi_lingual panorama self_attention upscale highres_fix
ip_adapter_id ip_adapter_scale ip_adapter_image base64 temp instant_response webhook track_id watermark free_u
injected_noise_alpha sigma_threshold true_cfg_scale use_cfg_zero_star use_zero_init zero_steps loadbalancer
aspect_ratio init_image strength mask_image control_image
""".split()
"""What routes that draw may be sent. safety_checker_type is heard together with safety_checker."""


@pytest.mark.parametrize("name", DOCUMENTED)
def test_a_documented_field_is_honoured_or_named(name: str) -> None:
    honoured = {field for schema in SCHEMAS.values() for field in schema.model_fields}
    assert name in honoured or name in Unserved.model_fields or name in WITHOUT_A_WORD


@pytest.mark.parametrize("operation", Operation)
def test_a_field_that_is_honoured_says_what_it_does(operation: Operation) -> None:
    silent = [name for name, field in SCHEMAS[operation].model_fields.items() if not field.description]
    assert silent == []


def test_a_field_that_is_not_honoured_says_what_was_done() -> None:
    assert set(Unserved.model_fields) == {*SAID, *NAMES_A_MODEL, "ip_adapter_image"}
