"""The examples are code: what a shell or Python reads in them is the form, whatever was typed."""

import ast
import json
import subprocess

import pytest

from easel.site.form import PlaygroundForm
from easel.site.snippets import Snippet, snippets

PROMPTS = ["three red stars", "it's a 'quoted' \"star\"", "a\nb\\n", "$(rm -rf /) `x` ${y} !z", "é 星 </script>", ""]


def whole(snippet: Snippet) -> str:
    return snippet.before + snippet.body + snippet.after


def asked(prompt: str) -> list[Snippet]:
    form = PlaygroundForm(prompt=prompt, size="128x96", steps="25", guidance="4", samples="1")
    return snippets("http://easel.test", "easel-starter", form)


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
    curl, _ = asked(prompt)
    script = "curl() { printf '%s\\0' \"$@\"; }\n" + whole(curl)
    said = subprocess.run(["sh", "-c", script], capture_output=True, check=True).stdout.decode().split("\0")
    assert said[:-2] == ["http://easel.test/api/v6/images/text2img", "-H", "Content-Type: application/json", "-d"]
    assert json.loads(said[-2]) == body(prompt)


@pytest.mark.parametrize("prompt", PROMPTS)
def test_python_reads_the_form_in_the_script(prompt: str) -> None:
    _, python = asked(prompt)
    [call] = [node for node in ast.walk(ast.parse(whole(python))) if isinstance(node, ast.Dict)]
    assert ast.literal_eval(call) == body(prompt)


def test_a_seed_is_in_the_request_when_it_is_typed() -> None:
    [curl, _] = snippets("", "m", PlaygroundForm(prompt="a", seed="7"))
    assert '"seed": 7' in curl.body


def test_a_form_that_cannot_be_read_yet_says_what_it_can() -> None:
    [curl, _] = snippets("", "m", PlaygroundForm(prompt="a", steps="many"))
    assert json.loads(curl.body) == {"key": "YOUR_KEY", "model_id": "m", "prompt": "a"}
