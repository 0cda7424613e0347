"""A request as code to paste, in every language. static/js/snippets.js writes the same body as one types."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from easel.domain.errors import InvalidRequest
from easel.site.form import PlaygroundForm

TEXT_TO_IMAGE: Final = "/api/v6/images/text2img"
YOUR_KEY: Final = "YOUR_KEY"

METHODS: Final = {
    TEXT_TO_IMAGE: ("text_to_image", "Text2Image"),
    "/api/v6/images/img2img": ("image_to_image", "Image2Image"),
    "/api/v6/images/inpaint": ("inpainting", "Inpainting"),
}
"""What ModelsLab's Python client calls a path, and its schema."""


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


def request_body(model_id: str, form: PlaygroundForm, key: str = YOUR_KEY) -> dict[str, Any]:
    """In the API's own words. A form that cannot be read yet gives what can be said already."""
    body: dict[str, Any] = {"key": key, "model_id": model_id, "prompt": form.prompt}
    try:
        draft = form.draft(model_id)
    except InvalidRequest:
        return body
    body |= {"width": draft.width, "height": draft.height, "samples": draft.samples}
    body |= {"num_inference_steps": draft.steps, "guidance_scale": _plain(draft.guidance), "seed": draft.seed}
    return {name: value for name, value in body.items() if value is not None}


def _python(address: str, body: str) -> Snippet:
    return Snippet(
        name="Python",
        language="python",
        before=f'import requests\n\nresponse = requests.post("{address}", json=',
        body=body,
        after=")\nresponse.raise_for_status()\nprint(response.json())",
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
    return Snippet(
        name="ModelsLab SDK",
        language="modelslab",
        before="# pip install modelslab_py\n"
        "from modelslab_py.core.apis.community import Community\n"
        "from modelslab_py.core.client import Client\n"
        f"from modelslab_py.schemas.community import {schema}\n\nrequest = ",
        body=body,
        after=f'\nclient = Client(api_key=request["key"])\nclient.base_url = "{base_url}/api/"\n'
        f"print(Community(client).{method}({schema}(**request)))",
    )


def _openai_python(base_url: str, body: str) -> Snippet:
    return Snippet(
        name="OpenAI SDK",
        language="openai",
        before="# pip install openai\nfrom openai import OpenAI\n\nrequest = ",
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
        before='// npm install openai\nimport OpenAI from "openai";\n\nconst request = ',
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
