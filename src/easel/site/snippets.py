"""The request that the form stands for, as code to paste. static/js/snippets.js writes the same body as one types."""

import json
from dataclasses import dataclass
from typing import Any, Final

from easel.domain.errors import InvalidRequest
from easel.site.form import PlaygroundForm

PATH: Final = "/api/v6/images/text2img"
YOUR_KEY: Final = "YOUR_KEY"


@dataclass(frozen=True)
class Snippet:
    name: str
    language: str
    before: str
    body: str
    after: str


def snippets(base_url: str, model_id: str, form: PlaygroundForm) -> list[Snippet]:
    body = json.dumps(request_body(model_id, form), indent=2, ensure_ascii=False)
    address = base_url + PATH
    return [
        Snippet(
            name="cURL",
            language="shell",
            before=f"curl {address} \\\n  -H 'Content-Type: application/json' \\\n  -d '",
            body=body.replace("'", "'\\''"),
            after="'",
        ),
        Snippet(
            name="Python",
            language="python",
            before=f'import requests\n\nresponse = requests.post("{address}", json=',
            body=body,
            after=")\nresponse.raise_for_status()\nprint(response.json())",
        ),
    ]


def request_body(model_id: str, form: PlaygroundForm) -> dict[str, Any]:
    """In the API's own words. A form that cannot be read yet gives what can be said already."""
    body: dict[str, Any] = {"key": YOUR_KEY, "model_id": model_id, "prompt": form.prompt}
    try:
        draft = form.draft(model_id)
    except InvalidRequest:
        return body
    body |= {"width": draft.width, "height": draft.height, "samples": draft.samples}
    body |= {"num_inference_steps": draft.steps, "guidance_scale": _plain(draft.guidance), "seed": draft.seed}
    return {name: value for name, value in body.items() if value is not None}


def _plain(value: float | None) -> float | int | None:
    """4.0 is written 4, as JavaScript does."""
    return int(value) if value is not None and value.is_integer() else value
