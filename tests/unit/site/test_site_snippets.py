"""The examples are code: what a shell or Python reads in them is the form, whatever was typed."""

import ast
import json
import shutil
import subprocess

import pytest

from easel.catalogue.limits import Defaults
from easel.domain.sampling import Sampler, Spacing
from easel.gateway.dialects.modelslab.schedulers import Choice, choose
from easel.site.form import PlaygroundForm
from easel.site.snippets import SCHEDULERS, Snippet, path_for, request_body, snippets, unsaid

PROMPTS = ["three red stars", "it's a 'quoted' \"star\"", "a\nb\\n", "$(rm -rf /) `x` ${y} !z", "é 星 </script>", ""]


def asked(prompt: str) -> dict[str, Snippet]:
    form = PlaygroundForm(prompt=prompt, size="128x96", steps="25", guidance="4", samples="1")
    found = snippets("http://easel.test", request_body("easel-starter", form))
    return {snippet.language: snippet for snippet in found}


def body(prompt: str) -> dict[str, object]:
    return {
        "key": "YOUR_KEY",
        "model_id": "easel-starter",
        "prompt": prompt,
        "width": 128,
        "height": 96,
        "samples": 1,
        "num_inference_steps": 25,
        "guidance_scale": 4,
    }


@pytest.mark.parametrize("prompt", PROMPTS)
def test_a_shell_reads_the_form_in_the_curl_line(prompt: str) -> None:
    script = "curl() { printf '%s\\0' \"$@\"; }\n" + asked(prompt)["shell"].code
    said = subprocess.run(["sh", "-c", script], capture_output=True, check=True).stdout.decode().split("\0")
    assert said[:-2] == ["http://easel.test/api/v6/images/text2img", "-H", "Content-Type: application/json", "-d"]
    assert json.loads(said[-2]) == body(prompt)


@pytest.mark.parametrize("language", ["python", "modelslab", "openai"])
@pytest.mark.parametrize("prompt", PROMPTS)
def test_python_reads_the_form_in_the_scripts(prompt: str, language: str) -> None:
    script = ast.parse(asked(prompt)[language].code)
    [request] = [node for node in ast.walk(script) if isinstance(node, ast.Dict)]
    assert ast.literal_eval(request) == body(prompt)


@pytest.mark.parametrize("language", ["javascript", "openai-js", "php"])
@pytest.mark.parametrize("prompt", PROMPTS)
def test_the_other_languages_hold_the_body_as_it_is(prompt: str, language: str) -> None:
    """JSON is JavaScript, and PHP reads it from between two words that no line of it is."""
    snippet = asked(prompt)[language]
    assert json.loads(snippet.body) == body(prompt)
    assert "JSON" not in {line.strip() for line in snippet.body.splitlines()}


@pytest.mark.skipif(shutil.which("node") is None, reason="there is no Node.js here")
@pytest.mark.parametrize("prompt", PROMPTS)
def test_javascript_sends_the_form(prompt: str) -> None:
    sent = "globalThis.fetch = async (_, { body }) => (console.log(body), { json: async () => 0 });\n"
    script = sent + asked(prompt)["javascript"].code
    said = subprocess.run(["node", "--input-type=module"], input=script.encode(), capture_output=True, check=True)
    assert json.loads(said.stdout.decode().splitlines()[0]) == body(prompt)


def test_a_seed_is_in_the_request_when_it_is_typed() -> None:
    assert request_body("m", PlaygroundForm(prompt="a", seed="7"))["seed"] == 7


def test_a_form_that_cannot_be_read_yet_says_what_it_can() -> None:
    said = request_body("m", PlaygroundForm(prompt="a", steps="many"))
    assert said == {"key": "YOUR_KEY", "model_id": "m", "prompt": "a"}


def test_only_what_a_client_can_send_is_written_for_it() -> None:
    languages = {one.language for one in snippets("", {"key": "k"}, "/api/v6/images/img2img")}
    assert languages == {"python", "javascript", "shell", "php", "modelslab"}


def test_a_whole_form_is_in_the_request_and_what_the_model_does_anyway_is_not() -> None:
    usual = Defaults(width=128, height=96, steps=25, guidance=4, sampler=Sampler.DDIM, spacing=Spacing.MODEL)
    plain = PlaygroundForm(prompt="a").filled(usual)
    assert set(request_body("m", plain, defaults=usual)) == {
        "key", "model_id", "prompt", "width", "height", "samples", "num_inference_steps", "guidance_scale",
    }  # fmt: skip
    form = plain.model_copy(
        update={
            "negative_prompt": "b",
            "sampler": "dpmpp_2m_sde",
            "spacing": "karras",
            "clip_skip": "2",
            "lora": ["x", "y"],
            "lora_strength": ["0.5", "1"],
            "style": "anime",
            "picture": "p",
            "strength": "0.5",
            "second_pass": "yes",
            "upscale": "2",
            "safety": "black",
        }
    )
    said = request_body("m", form, defaults=usual)
    assert (said["scheduler"], said["algorithm_type"]) == ("DPMSolverMultistepScheduler", "dpmsolver+++")
    assert (said["use_karras_sigmas"], said["clip_skip"], said["negative_prompt"]) == ("yes", 2, "b")
    assert (said["lora_model"], said["lora_strength"]) == ("x,y", "0.5,1")
    assert (said["enhance_prompt"], said["enhance_style"]) == ("yes", "anime")
    assert (said["highres_fix"], said["upscale"]) == ("yes", 2)
    assert (said["safety_checker"], said["safety_checker_type"]) == ("yes", "black")
    assert (said["init_image"], said["strength"]) == ("ADDRESS_OF_YOUR_PICTURE", 0.5)
    assert "width" not in said
    assert path_for(form) == "/api/v6/images/img2img"
    masked = form.model_copy(update={"mask": "q"})
    assert {"mask_image", "width"} <= set(request_body("m", masked))
    assert path_for(masked) == "/api/v6/images/inpaint"
    assert unsaid(form, usual) == []
    assert unsaid(form.model_copy(update={"spacing": "beta", "format": "webp"}), usual) == ["spacing", "file format"]


def test_every_sampler_is_asked_for_as_the_api_knows_it() -> None:
    for sampler in Sampler:
        names = SCHEDULERS[sampler]
        assert choose(names["scheduler"], names.get("algorithm_type")) == Choice(sampler)
