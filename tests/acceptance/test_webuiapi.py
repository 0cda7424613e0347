"""`webuiapi`, the client of AUTOMATIC1111's API, as published, against a real server with the starter model."""

import threading
import time
from urllib.parse import urlsplit

import pytest
from conftest import Server
from PIL import Image, ImageChops
from webuiapi import HiResUpscaler, WebUIApi, WebUIApiResult

PROMPT = "a red circle on a blue background"
SIZE = {"width": 128, "height": 128}

# The client leaves its session open.
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")


@pytest.fixture(scope="module")
def api(server: Server) -> WebUIApi:
    address = urlsplit(server.base_url)
    return WebUIApi(
        host=address.hostname, port=address.port, sampler="DPM++ 2M Karras", steps=4, username="me", password=server.key
    )


@pytest.fixture(scope="module")
def drawn(api: WebUIApi) -> WebUIApiResult:
    return api.txt2img(prompt=PROMPT, seed=7, **SIZE)


def test_text_to_image(drawn: WebUIApiResult) -> None:
    assert drawn.image.size == (128, 128)
    assert (drawn.info["seed"], drawn.info["sampler_name"], drawn.info["steps"]) == (7, "DPM++ 2M", 4)
    assert drawn.info["extra_generation_params"]["Schedule type"] == "Karras"
    assert drawn.info["easel"]["warnings"] == [], "what the client always sends is nothing to speak of"
    assert drawn.parameters["prompt"] == PROMPT
    assert drawn.info["infotexts"][0].startswith(PROMPT)


def test_a_batch_begins_with_the_same_picture(api: WebUIApi, drawn: WebUIApiResult) -> None:
    batch = api.txt2img(prompt=PROMPT, seed=7, batch_size=2, n_iter=1, **SIZE)
    assert batch.info["all_seeds"] == [7, 8]
    assert batch.images[0].tobytes() == drawn.image.tobytes()
    assert batch.images[1].tobytes() != drawn.image.tobytes()


def test_what_a_picture_says_of_itself(api: WebUIApi, drawn: WebUIApiResult) -> None:
    read = api.png_info(drawn.image)
    assert read.info == drawn.info["infotexts"][0]
    again = read.json["parameters"]
    assert (again["Prompt"], again["Seed"], again["Steps"], again["Size-1"]) == (PROMPT, "7", "4", "128")


def test_image_to_image(api: WebUIApi, drawn: WebUIApiResult) -> None:
    kept = api.img2img(images=[drawn.image], prompt=PROMPT, denoising_strength=0.3, seed=7, **SIZE)
    changed = api.img2img(images=[drawn.image], prompt="a green star", denoising_strength=1.0, seed=8, **SIZE)
    assert difference(kept.image, drawn.image) < difference(changed.image, drawn.image)
    assert kept.info["denoising_strength"] == 0.3
    assert kept.parameters["init_images"] is None


@pytest.mark.parametrize("whole", [True, False])
def test_inpainting_keeps_what_the_mask_keeps(api: WebUIApi, drawn: WebUIApiResult, whole: bool) -> None:
    before = drawn.image.convert("RGB")
    mask = Image.new("L", before.size)
    mask.paste(255, (0, 0, 64, 128))
    after = api.img2img(
        images=[drawn.image],
        mask_image=mask,
        mask_blur=2,
        inpainting_fill=1,
        inpaint_full_res=not whole,
        inpaint_full_res_padding=8,
        prompt="a yellow star on a green background",
        denoising_strength=0.9,
        **SIZE,
    ).image
    assert after.size == before.size
    kept, redrawn = (80, 0, 128, 128), (0, 0, 56, 128)
    assert after.crop(kept).tobytes() == before.crop(kept).tobytes()
    assert after.crop(redrawn).tobytes() != before.crop(redrawn).tobytes()


def test_progress_with_a_preview_and_interrupt(api: WebUIApi) -> None:
    results: list[WebUIApiResult] = []

    def draw() -> None:
        results.append(api.txt2img(prompt=PROMPT, steps=100, batch_size=4, width=512, height=512))

    client = threading.Thread(target=draw)
    client.start()
    seen = {}
    for _ in range(600):
        seen = api.get_progress()
        if seen["current_image"]:
            break
        time.sleep(0.1)
    assert seen["state"]["job_count"] == 1
    assert 0 < seen["progress"] < 1
    assert 0 < seen["state"]["sampling_step"] < seen["state"]["sampling_steps"] == 100
    assert api.interrupt() == {}
    client.join(60)
    [result] = results
    assert result.images == []
    assert "was interrupted" in result.info["easel"]["warnings"][0]
    api.util_wait_for_ready(check_interval=0.1)
    assert api.get_progress()["state"]["interrupted"]


def test_options(api: WebUIApi) -> None:
    api.util_set_model("easel-starter")
    assert api.util_get_current_model().startswith("easel-starter")
    api.set_options({"samples_format": "jpg", "jpeg_quality": 70})
    try:
        assert api.txt2img(prompt=PROMPT, **SIZE).image.format == "JPEG"
        one = api.txt2img(prompt=PROMPT, override_settings={"samples_format": "webp"}, **SIZE)
        assert one.image.format == "WEBP"
        assert one.info["infotexts"][0].startswith(PROMPT)
        assert api.get_options()["samples_format"] == "jpg"
    finally:
        api.set_options({"samples_format": "png"})


def test_lists(api: WebUIApi) -> None:
    assert any(title.startswith("easel-starter") for title in api.util_get_model_names())
    assert "DPM++ 2M" in api.util_get_sampler_names()
    assert "karras" in api.util_get_scheduler_names()
    assert "easel-pixelated" in [lora["name"] for lora in api.get_loras()]
    assert "Lanczos" in [upscaler["name"] for upscaler in api.get_upscalers()]
    assert api.get_scripts()["txt2img"] is not None
    assert api.get_memory()["ram"]["total"] > 0
    assert api.get_embeddings()["loaded"] == {}
    lists = (api.get_sd_vae, api.get_hypernetworks, api.get_face_restorers, api.get_realesrgan_models)
    assert [get() for get in (*lists, api.get_artists)] == [[]] * 5
    assert "anime" in [style["name"] for style in api.get_prompt_styles()]
    assert api.controlnet_model_list() == []
    assert "canny" in api.controlnet_module_list()
    assert api.get_cmd_flags()["api"] is True
    assert api.refresh_checkpoints() is None
    assert api.skip() is None


def test_a_lora_in_the_prompt(api: WebUIApi, drawn: WebUIApiResult) -> None:
    styled = api.txt2img(prompt=f"{PROMPT} <lora:easel-pixelated:1>", seed=7, **SIZE)
    assert styled.image.tobytes() != drawn.image.tobytes()
    assert "<lora:easel-pixelated:1>" in styled.info["infotexts"][0]


def test_a_larger_picture(api: WebUIApi, drawn: WebUIApiResult) -> None:
    larger = api.extra_single_image(drawn.image, upscaler_1="Lanczos", upscaling_resize=1.5)
    assert larger.image.size == (192, 192)
    both = api.extra_batch_images([drawn.image, drawn.image], upscaler_1="Nearest", upscaling_resize=2)
    assert [image.size for image in both.images] == [(256, 256)] * 2


def test_errors_are_the_clients_own(api: WebUIApi) -> None:
    with pytest.raises(RuntimeError, match="422"):
        api.txt2img(prompt=PROMPT, steps=1000)
    with pytest.raises(RuntimeError, match="404"):
        api.txt2img(prompt=PROMPT, sampler_name="nobody")
    with pytest.raises(RuntimeError, match="404"):
        api.interrogate(Image.new("RGB", (8, 8)))


def test_a_second_pass_is_drawn_or_named(api: WebUIApi) -> None:
    answer = api.txt2img(
        prompt=PROMPT, enable_hr=True, hr_scale=1.5, hr_upscaler=HiResUpscaler.Latent, denoising_strength=0.5, **SIZE
    )
    assert answer.image.size == (192, 192)


def difference(one: Image.Image, other: Image.Image) -> float:
    histogram = ImageChops.difference(one.convert("L"), other.convert("L")).histogram()
    return sum(level * count for level, count in enumerate(histogram)) / (one.width * one.height)
