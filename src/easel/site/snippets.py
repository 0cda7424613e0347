"""A request as code to paste, in every language. static/playground/snippets.js writes the same body as one types."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from easel.catalogue.limits import Defaults
from easel.domain.errors import InvalidRequest
from easel.domain.request import Extras
from easel.domain.sampling import Sampler, Spacing
from easel.site.form import LABELS, PlaygroundForm
from easel.site.words import number

TEXT_TO_IMAGE: Final = "/api/v6/images/text2img"
IMAGE_TO_IMAGE: Final = "/api/v6/images/img2img"
INPAINT: Final = "/api/v6/images/inpaint"

YOUR_KEY: Final = "YOUR_KEY"
YOUR_PICTURE: Final = "ADDRESS_OF_YOUR_PICTURE"
YOUR_MASK: Final = "ADDRESS_OF_YOUR_MASK"

METHODS: Final = {
    TEXT_TO_IMAGE: ("text_to_image", "Text2Image"),
    IMAGE_TO_IMAGE: ("image_to_image", "Image2Image"),
    INPAINT: ("inpainting", "Inpainting"),
}
"""What ModelsLab's Python client calls a path, and its schema."""

SCHEDULERS: Final[Mapping[Sampler, Mapping[str, str]]] = {
    Sampler.DDIM: {"scheduler": "DDIMScheduler"},
    Sampler.EULER: {"scheduler": "EulerDiscreteScheduler"},
    Sampler.EULER_ANCESTRAL: {"scheduler": "EulerAncestralDiscreteScheduler"},
    Sampler.DPMPP_2M: {"scheduler": "DPMSolverMultistepScheduler"},
    Sampler.DPMPP_2M_SDE: {"scheduler": "DPMSolverMultistepScheduler", "algorithm_type": "dpmsolver+++"},
    Sampler.DPMPP_2S: {"scheduler": "DPMSolverSinglestepScheduler"},
    Sampler.HEUN: {"scheduler": "HeunDiscreteScheduler"},
    Sampler.KDPM2: {"scheduler": "KDPM2DiscreteScheduler"},
    Sampler.KDPM2_ANCESTRAL: {"scheduler": "KDPM2AncestralDiscreteScheduler"},
    Sampler.UNIPC: {"scheduler": "UniPCMultistepScheduler"},
    Sampler.DEIS: {"scheduler": "DEISMultistepScheduler"},
    Sampler.LMS: {"scheduler": "LMSDiscreteScheduler"},
    Sampler.DDPM: {"scheduler": "DDPMScheduler"},
    Sampler.LCM: {"scheduler": "LCMScheduler"},
    Sampler.PNDM: {"scheduler": "PNDMScheduler"},
    Sampler.IPNDM: {"scheduler": "IPNDMScheduler"},
}
"""How the API asks for a sampler: by names of diffusers' classes."""


@dataclass(frozen=True)
class Snippet:
    name: str
    language: str
    before: str
    body: str
    after: str

    @property
    def code(self) -> str:
        return self.before + self.body + self.after


def snippets(base_url: str, request: Mapping[str, Any], path: str = TEXT_TO_IMAGE) -> list[Snippet]:
    """The same call each time: `request` is the API's own body, sent to `path` of `base_url`.

    Whatever was typed into the prompt, a shell, Python, JavaScript or PHP reads back exactly that.
    """
    body = json.dumps(request, indent=2, ensure_ascii=False)
    address = base_url + path
    found = [_python(address, body), _javascript(address, body), _curl(address, body), _php(address, body)]
    if path in METHODS:
        found.append(_modelslab(base_url, body, *METHODS[path]))
    if path == TEXT_TO_IMAGE:
        found += [_openai_python(base_url, body), _openai_javascript(base_url, body)]
    return found


def request_body(
    model_id: str,
    form: PlaygroundForm,
    key: str = YOUR_KEY,
    *,
    defaults: Defaults | None = None,
    picture: str = YOUR_PICTURE,
    mask: str = YOUR_MASK,
) -> dict[str, Any]:
    """In the API's own words; what is the model's own way anyway is left out, as far as `defaults` say so.

    `picture` and `mask` are addresses. A form that cannot be read yet gives what can be said already.
    """
    body: dict[str, Any] = {"key": key, "model_id": form.base or model_id, "prompt": form.prompt}
    try:
        draft = form.draft(model_id)
    except InvalidRequest:
        return body
    extras = draft.extras
    # The size of image to image is the picture's.
    is_sized = extras.init_image is None or extras.mask_image is not None
    wire = SCHEDULERS[draft.sampler] if draft.sampler and not (defaults and draft.sampler == defaults.sampler) else {}
    body |= {
        "negative_prompt": draft.negative_prompt or None,
        "width": draft.width if is_sized else None,
        "height": draft.height if is_sized else None,
        "samples": draft.samples,
        "num_inference_steps": draft.steps,
        "guidance_scale": _plain(draft.guidance),
        "seed": draft.seed,
        **wire,
        "use_karras_sigmas": _karras(draft.spacing, defaults),
        "clip_skip": extras.clip_skip if extras.clip_skip > 1 else None,
        "lora_model": ",".join(use.model_id for use in extras.adapters) or None,
        "lora_strength": ",".join(number(use.strength) for use in extras.adapters) or None,
        "enhance_prompt": "yes" if draft.enhance else None,
        "enhance_style": draft.style,
        "highres_fix": "yes" if extras.second_pass else None,
        "upscale": extras.upscale if extras.upscale > 1 else None,
        "safety_checker": "yes" if extras.safety else None,
        "safety_checker_type": extras.safety,
        "init_image": picture if extras.init_image else None,
        "mask_image": mask if extras.mask_image else None,
        "strength": _plain(extras.strength) if extras.init_image else None,
    }
    return {name: value for name, value in body.items() if value is not None}


def path_for(form: PlaygroundForm) -> str:
    """Where the same is asked of the API."""
    if not form.picture:
        return TEXT_TO_IMAGE
    return INPAINT if form.mask else IMAGE_TO_IMAGE


def unsaid(form: PlaygroundForm, defaults: Defaults) -> list[str]:
    """Labels of what stands in the form and that API has no field for."""
    spacing_said = form.spacing in ("", defaults.spacing, Spacing.KARRAS, Spacing.MODEL)
    edge_said = not form.mask or form.soft_edge in ("", number(Extras().mask_blur))
    said = {"spacing": spacing_said, "format": form.format in ("", "png"), "soft_edge": edge_said}
    return [LABELS[field].lower() for field, is_said in said.items() if not is_said]


def _karras(spacing: Spacing | None, defaults: Defaults | None) -> str | None:
    if spacing is None or (defaults and spacing == defaults.spacing):
        return None
    return {Spacing.KARRAS: "yes", Spacing.MODEL: "no"}.get(spacing)


def _python(address: str, body: str) -> Snippet:
    return Snippet(
        name="Python",
        language="python",
        before=f'import requests\n\nresponse = requests.post("{address}", json=',
        body=body,
        after=")\nprint(response.json())",
    )


def _javascript(address: str, body: str) -> Snippet:
    return Snippet(
        name="JavaScript",
        language="javascript",
        before=f'const response = await fetch("{address}", {{\n'
        '  method: "POST",\n  headers: { "Content-Type": "application/json" },\n  body: JSON.stringify(',
        body=body,
        after="),\n});\nconsole.log(await response.json());",
    )


def _curl(address: str, body: str) -> Snippet:
    return Snippet(
        name="cURL",
        language="shell",
        before=f"curl {address} \\\n  -H 'Content-Type: application/json' \\\n  -d '",
        body=body.replace("'", "'\\''"),
        after="'",
    )


def _php(address: str, body: str) -> Snippet:
    """No line of a JSON text begins with the word that ends the string."""
    return Snippet(
        name="PHP",
        language="php",
        before="<?php\n\n$request = <<<'JSON'\n",
        body=body,
        after=f'\nJSON;\n\n$call = curl_init("{address}");\ncurl_setopt_array($call, [\n'
        "  CURLOPT_POST => true,\n  CURLOPT_POSTFIELDS => $request,\n"
        '  CURLOPT_HTTPHEADER => ["Content-Type: application/json"],\n  CURLOPT_RETURNTRANSFER => true,\n]);\n'
        "print_r(json_decode(curl_exec($call), true));",
    )


def _modelslab(base_url: str, body: str, method: str, schema: str) -> Snippet:
    """As it stands: the client's schemas have no room for several strengths of LoRAs, nor for `upscale` as a number."""
    return Snippet(
        name="ModelsLab SDK",
        language="modelslab",
        before="# pip install modelslab_py\n"
        "from modelslab_py.core.apis.community import Community\n"
        "from modelslab_py.core.client import Client\n"
        f"from modelslab_py.schemas.community import {schema}\n\nrequest = ",
        body=body,
        after=f'\nclient = Client(api_key=request["key"])\nclient.base_url = "{base_url}/api/"\n'
        f"print(Community(client).{method}({schema}.model_construct(**request)))",
    )


def _openai_python(base_url: str, body: str) -> Snippet:
    return Snippet(
        name="OpenAI SDK",
        language="openai",
        before="# pip install openai\n"
        "# OpenAI's API has fields for these four; the rest is the model's own way.\n"
        "from openai import OpenAI\n\nrequest = ",
        body=body,
        after=f'\nclient = OpenAI(base_url="{base_url}/v1", api_key=request["key"])\n'
        "pictures = client.images.generate(\n"
        '    model=request["model_id"],\n    prompt=request["prompt"],\n    n=request["samples"],\n'
        "    size=f\"{request['width']}x{request['height']}\",\n    response_format=\"url\",\n)\n"
        "print(pictures.data[0].url)",
    )


def _openai_javascript(base_url: str, body: str) -> Snippet:
    return Snippet(
        name="OpenAI SDK (JS)",
        language="openai-js",
        before="// npm install openai\n"
        "// OpenAI's API has fields for these four; the rest is the model's own way.\n"
        'import OpenAI from "openai";\n\nconst request = ',
        body=body,
        after=f';\nconst client = new OpenAI({{ baseURL: "{base_url}/v1", apiKey: request.key }});\n'
        "const pictures = await client.images.generate({\n"
        "  model: request.model_id,\n  prompt: request.prompt,\n  n: request.samples,\n"
        '  size: `${request.width}x${request.height}`,\n  response_format: "url",\n});\n'
        "console.log(pictures.data[0].url);",
    )


def _plain(value: float | None) -> float | int | None:
    """4.0 is written 4, as JavaScript does."""
    return int(value) if value is not None and value.is_integer() else value
