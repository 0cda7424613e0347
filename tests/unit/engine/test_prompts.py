"""What networks read of a prompt, against transformers and diffusers on the same random weights."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import diffusers
import pytest
import torch
from safetensors.torch import save_file
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

from easel.domain.errors import InvalidRequest
from easel.engine.adapters.shelf import TextAdapters
from easel.engine.batch import Row
from easel.engine.engine import Engine
from easel.engine.events import Failed, Finished, Progress
from easel.engine.prompts.encoding import MOST_CHUNKS, CacheReport, Encoding
from easel.engine.prompts.guidance import guided
from easel.engine.prompts.lengths import groups, stacked
from easel.engine.prompts.script import Script
from easel.engine.request import Checkpoint, WeightsFile
from easel.engine.runner import TorchRunner

LAYERS = 4
NO_ADAPTERS = TextAdapters((), {}, {})
ROOM = 14
LONG = "a b c d e f g h i j k l m n o p q r s t u v w x y z 0 1 2 3"


@pytest.fixture(scope="module", params=["sd2", "sdxl"])
def deep(request, make_checkpoint, tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    """A checkpoint whose text encoders have layers to skip."""
    folder = tmp_path_factory.mktemp("deep") / request.param
    shutil.copytree(make_checkpoint(request.param).folder, folder)
    torch.manual_seed(1)
    kinds = {"text_encoder": CLIPTextModel, "text_encoder_2": CLIPTextModelWithProjection}
    for part, kind in kinds.items():
        if (folder / part).exists():
            config = CLIPTextConfig.from_pretrained(folder / part)
            config.num_hidden_layers = LAYERS
            kind(config).save_pretrained(folder / part)
    return Checkpoint(name="deep", family=request.param, folder=folder)


@pytest.fixture(scope="module")
def read(make_picture) -> Callable[..., tuple[list[Any], tuple[str, ...]]]:
    """The conditionings of a request, its prompts' first, and the notes."""
    runner = TorchRunner("cpu")

    def conditionings(checkpoint: Checkpoint, prompt: str, **asked: Any) -> tuple[list[Any], tuple[str, ...]]:
        request = make_picture(checkpoint=checkpoint, prompt=prompt, **{"guidance": 1.0, **asked})
        family = runner._family(checkpoint)
        with torch.inference_mode():
            found, notes = Encoding(bytes=2**20).read(family, request, Script.of(request, request.steps), NO_ADAPTERS)
        return list(found.values()), notes

    return conditionings


@torch.inference_mode()
def transformers_states(folder: Path, tokens: list[int], weights: list[float] | None = None) -> tuple[Any, Any]:
    """The states of one chunk as the pipelines of diffusers use them, each encoder weighted, and what is pooled."""
    is_xl = (folder / "text_encoder_2").exists()
    parts = [(CLIPTextModel, "text_encoder")] + [(CLIPTextModelWithProjection, "text_encoder_2")] * is_xl
    sides, pooled = [], torch.zeros(0)
    for kind, part in parts:
        answer = kind.from_pretrained(folder / part)(torch.tensor([tokens]), output_hidden_states=True)
        states = answer.hidden_states[-2] if is_xl else answer.last_hidden_state
        if weights:
            mean = states.mean()
            states = states * torch.tensor(weights).view(1, -1, 1)
            states = states * (mean / states.mean())
        sides.append(states[0])
        pooled = answer.text_embeds[0] if part == "text_encoder_2" else pooled
    return torch.cat(sides, dim=-1), pooled


def tokenizer_of(checkpoint: Checkpoint) -> CLIPTokenizer:
    return CLIPTokenizer.from_pretrained(checkpoint.folder / "tokenizer")


def chunk_of(checkpoint: Checkpoint, text: str) -> list[int]:
    """Begin, text, end and padding, by the tokenizer's own means."""
    return tokenizer_of(checkpoint)(text, padding="max_length", max_length=ROOM + 2).input_ids


@pytest.mark.parametrize("prompt", ["a red cat", " A  red\ncat, \\(no\\) "])
def test_a_plain_prompt_is_what_transformers_makes_of_it_bit_for_bit(deep, read, prompt: str) -> None:
    [conditioning], notes = read(deep, prompt)
    states, pooled = transformers_states(deep.folder, chunk_of(deep, prompt.replace("\\", "")))
    assert torch.equal(conditioning.states, states)
    assert torch.equal(conditioning.pooled, pooled)
    assert notes == ()


def test_weighted_words_are_weighted_and_the_mean_is_kept(deep, read) -> None:
    [conditioning], _ = read(deep, "(ab:1.5) c [d]")
    weights = [1, 1.5, 1.5, 1, 1 / 1.1, *[1] * 11]
    tokens = chunk_of(deep, "ab c d")
    states, pooled = transformers_states(deep.folder, tokens, weights)
    assert torch.allclose(conditioning.states, states, atol=1e-6)
    assert torch.equal(conditioning.pooled, pooled)
    plain, _ = transformers_states(deep.folder, tokens)
    assert float((plain - states).abs().max()) > 0.1


def test_a_long_prompt_is_its_chunks_one_after_the_other(deep, read) -> None:
    [conditioning], notes = read(deep, LONG)
    words = LONG.split()
    parts = [" ".join(words[at : at + ROOM]) for at in range(0, len(words), ROOM)]
    chunks = [transformers_states(deep.folder, chunk_of(deep, part)) for part in parts]
    assert len(chunks) == 3
    assert torch.equal(conditioning.states, torch.cat([states for states, _ in chunks]))
    assert torch.equal(conditioning.pooled, chunks[0][1])
    assert notes == ()


def test_no_text_is_zeros_where_the_checkpoint_says_so_and_encoded_elsewhere(deep, read) -> None:
    [conditioning], _ = read(deep, "")
    states, _ = transformers_states(deep.folder, chunk_of(deep, ""))
    assert torch.equal(conditioning.states, torch.zeros_like(states) if deep.family == "sdxl" else states)


def test_what_is_beyond_the_last_chunk_is_left_out_and_noted(deep, read) -> None:
    prompt = " ".join("x" * ROOM * MOST_CHUNKS) + " tail of it"
    [conditioning], notes = read(deep, prompt)
    assert len(conditioning.states) == MOST_CHUNKS * (ROOM + 2)
    [note] = notes
    assert note.startswith("The prompt is longer than 16 chunks")
    assert note.replace(" ", "").endswith('leftout:"tailofit"')


@pytest.mark.parametrize("clip_skip", [1, 2, 3])
def test_clip_skip_is_that_of_diffusers_and_one_more(deep, read, clip_skip: int) -> None:
    [conditioning], _ = read(deep, "a red cat", clip_skip=clip_skip)
    pipeline = encoding_pipeline(deep)
    # Where diffusers looks for the final norm, which transformers has moved one level up.
    pipeline.text_encoder.__dict__["text_model"] = pipeline.text_encoder
    with torch.inference_mode():
        states = pipeline.encode_prompt(
            "a red cat",
            device="cpu",
            num_images_per_prompt=1,
            do_classifier_free_guidance=False,
            clip_skip=clip_skip - 1 or None,
        )[0]
    assert torch.equal(conditioning.states, states[0])


def test_a_layer_that_there_is_not_is_refused(deep, read) -> None:
    with pytest.raises(InvalidRequest, match="clip_skip must be 1 to") as refusal:
        read(deep, "a", clip_skip=5)
    assert refusal.value.field == "clip_skip"


def encoding_pipeline(checkpoint: Checkpoint) -> Any:
    """As much of diffusers' pipeline as encodes."""
    folder = checkpoint.folder
    parts: dict[str, Any] = {
        "tokenizer": tokenizer_of(checkpoint),
        "text_encoder": CLIPTextModel.from_pretrained(folder / "text_encoder"),
        "unet": None,
        "vae": None,
        "scheduler": None,
    }
    if checkpoint.family != "sdxl":
        return diffusers.StableDiffusionPipeline(
            **parts, safety_checker=None, feature_extractor=None, requires_safety_checker=False
        )
    return diffusers.StableDiffusionXLPipeline(
        **parts,
        tokenizer_2=CLIPTokenizer.from_pretrained(folder / "tokenizer_2"),
        text_encoder_2=CLIPTextModelWithProjection.from_pretrained(folder / "text_encoder_2"),
        add_watermarker=False,
    )


class TestEmbeddings:
    """Textual inversions."""

    @pytest.fixture
    def make(self, tmp_path: Path) -> Callable[..., WeightsFile]:
        def save(name: str, tensors: dict[str, torch.Tensor]) -> WeightsFile:
            save_file(tensors, tmp_path / f"{name}.safetensors")
            return WeightsFile(name=name, file=tmp_path / f"{name}.safetensors")

        return save

    @pytest.mark.parametrize("count", [1, 3])
    def test_one_is_read_as_diffusers_reads_it(self, deep, read, make, count: int) -> None:
        first, second = torch.randn(count, 32), torch.randn(count, 32)
        is_xl = deep.family == "sdxl"
        style = make("my-style", {"clip_l": first, "clip_g": second} if is_xl else {"emb_params": first})
        [conditioning], notes = read(deep, "a My-Style cat", embeddings=(style,))
        pipeline = encoding_pipeline(deep)
        sides = [(first, pipeline.tokenizer, pipeline.text_encoder)]
        if is_xl:
            sides.append((second, pipeline.tokenizer_2, pipeline.text_encoder_2))
        for vectors, tokenizer, encoder in sides:
            pipeline.load_textual_inversion({"<it>": vectors}, token="<it>", tokenizer=tokenizer, text_encoder=encoder)
        with torch.inference_mode():
            expected = pipeline.encode_prompt(
                "a <it> cat", device="cpu", num_images_per_prompt=1, do_classifier_free_guidance=False
            )
        assert torch.allclose(conditioning.states, expected[0][0], atol=1e-6)
        assert notes == ()

    def test_one_is_for_its_own_request_alone(self, deep, read, make) -> None:
        vectors = vectors_for(deep)
        before, _ = read(deep, "a style")
        with_it, _ = read(deep, "a style", embeddings=(make("style", vectors),))
        after, _ = read(deep, "a style")
        assert torch.equal(before[0].states, after[0].states)
        assert not torch.equal(before[0].states, with_it[0].states)

    def test_one_that_no_prompt_names_is_noted(self, deep, read, make) -> None:
        vectors = vectors_for(deep)
        _, notes = read(deep, "a cat", embeddings=(make("style", vectors),))
        assert notes == ("No prompt names the embedding style.",)

    def test_a_negative_prompt_may_name_one(self, deep, read, make) -> None:
        vectors = vectors_for(deep)
        _, notes = read(deep, "a cat", negative_prompt="(bad:1.2)", guidance=5.0, embeddings=(make("bad", vectors),))
        assert notes == ()

    @pytest.mark.parametrize(
        ("tensors", "said"),
        [
            ({"emb_params": (2, 48)}, "has vectors of 48 numbers, and the text encoder of this model reads 32"),
            ({"clip_l": (2, 32), "clip_g": (2, 40)}, "has vectors of 32 and 40 numbers, and .* for another family"),
            ({"emb_params": (15, 32)}, "has 15 vectors, and the text encoder of this model reads 14"),
            ({"emb_params": (2, 3, 32)}, "holds no list of vectors"),
            ({"emb_params": (0, 32)}, "holds 0 vectors"),
            ({"clip_l": (2, 32), "clip_g": (3, 32)}, "holds 2 and 3 vectors"),
            ({"one": (2, 32), "two": (2, 32)}, "holds no tensor named emb_params, nor clip_l and clip_g"),
        ],
    )
    def test_one_that_does_not_fit_is_refused_by_name(self, checkpoint, read, make, tensors, said: str) -> None:
        style = make("style", {name: torch.zeros(shape) for name, shape in tensors.items()})
        with pytest.raises(InvalidRequest, match=f"Embedding style .*{said}") as refusal:
            read(checkpoint, "style", embeddings=(style,))
        assert refusal.value.field == "embeddings_model"

    @pytest.mark.parametrize("tensors", [{"<token>": (2, 32)}, {"clip_l": (32,)}, {"emb_params": (1, 32)}])
    def test_any_of_the_fields_layouts_is_read(self, checkpoint, read, make, tensors) -> None:
        style = make("style", {name: torch.randn(shape) for name, shape in tensors.items()})
        _, notes = read(checkpoint, "a style", embeddings=(style,))
        assert notes == ()

    @pytest.mark.parametrize(
        ("name", "data", "said"),
        [
            ("style.pt", b"pickle", "is style.pt, no .safetensors file; other formats can run code"),
            ("style.bin", b"pickle", "never loaded. If you trust it, convert it"),
            ("style.safetensors", b"not one", "style.safetensors has a header that is no JSON|cut short"),
            (None, b"", "gone.safetensors is no file"),
        ],
    )
    def test_what_is_no_safetensors_file_is_never_read(self, deep, read, tmp_path, name, data, said: str) -> None:
        file = tmp_path / (name or "gone.safetensors")
        if name:
            file.write_bytes(data)
        with pytest.raises(InvalidRequest, match=said):
            read(deep, "style", embeddings=(WeightsFile(name="style", file=file),))

    def test_one_that_does_not_fit_ends_its_own_picture(self, make_picture, draw, make, checkpoint) -> None:
        misfit = make("style", {"emb_params": torch.zeros(1, 7)})
        _, ended = draw(
            make_picture("bad", checkpoint=checkpoint, embeddings=(misfit,)),
            make_picture("good", checkpoint=checkpoint),
        )
        assert isinstance(ended["good"], Finished)
        assert isinstance(ended["bad"], Failed)
        assert "Embedding style" in ended["bad"].error


class TestLengths:
    """Texts of unlike length."""

    @pytest.mark.parametrize(
        ("lengths", "expected"),
        [
            ([16], [[0]]),
            ([16, 16, 16], [[0, 1, 2]]),
            ([16, 48, 16], [[0, 1, 2]]),
            ([32, 48], [[0, 1]]),
            ([48, 64, 16, 32], [[1, 2, 3], [0]]),
            ([80, 112], [[1], [0]]),
        ],
    )
    def test_those_of_a_near_multiple_share_a_call(self, lengths, expected) -> None:
        assert groups(lengths) == expected

    def test_the_shorter_are_repeated(self) -> None:
        short, long = torch.randn(2, 3), torch.randn(6, 3)
        together = stacked([short, long])
        assert torch.equal(together[0], torch.cat([short] * 3))
        assert torch.equal(together[1], long)

    def test_a_network_reads_a_repeated_text_as_the_text(self, deep) -> None:
        family = TorchRunner("cpu")._family(deep)
        latents, times = torch.randn(2, 4, 8, 8), torch.tensor([500.0, 20.0])
        texts = [conditioning(length, deep.family) for length in (16, 48)]
        with torch.inference_mode():
            together = family.predict(latents, times, texts, family.adaptable.no_factors)
            for row in range(2):
                only = slice(row, row + 1)
                alone = family.predict(latents[only], times[only], texts[only], family.adaptable.no_factors)
                assert torch.allclose(together[row], alone[0], atol=1e-5)

    def test_a_picture_does_not_depend_on_longer_or_shorter_neighbours(self, make_picture, draw, checkpoint) -> None:
        it = make_picture("it", checkpoint=checkpoint, prompt=LONG)
        neighbours = [
            make_picture("n1", checkpoint=checkpoint, prompt="a"),
            make_picture("n2", checkpoint=checkpoint, prompt=LONG[:30], negative_prompt=LONG),
        ]
        alone, _ = draw(it)
        deterministic, _ = draw(*neighbours, it)
        assert torch.equal(alone.latents["it"], deterministic.latents["it"])
        together, _ = draw(*neighbours, it, deterministic=False)
        assert torch.allclose(alone.latents["it"], together.latents["it"], atol=1e-4)

    def test_prompts_of_near_lengths_share_calls_and_others_do_not(self, make_picture, draw, checkpoint) -> None:
        one, three, four = "a", LONG, f"{LONG} {LONG[:30]}"
        for prompts, share in (((one, three), True), ((three, four), False)):
            requests = [make_picture(prompt, checkpoint=checkpoint, prompt=prompt) for prompt in prompts]
            runner, _ = draw(*requests, deterministic=False)
            # One call more may go into learning what rows cost.
            assert (runner.calls <= 6) == share


def vectors_for(checkpoint: Checkpoint) -> dict[str, torch.Tensor]:
    names = ("clip_l", "clip_g") if checkpoint.family == "sdxl" else ("emb_params",)
    return {name: torch.randn(2, 32) for name in names}


def conditioning(length: int, family: str) -> Any:
    from easel.engine.families.base import Conditioning

    torch.manual_seed(length)
    return Conditioning(torch.randn(length, 64 if family == "sdxl" else 32), torch.randn(24))


class TestSchedules:
    """Prompts that change by step."""

    @pytest.mark.parametrize(
        ("prompt", "same"),
        [("[cat:dog:99]", "cat"), ("[cat:dog:0]", "dog"), ("[cat|cat]", "cat"), ("(cat:1.0)", "cat")],
    )
    def test_a_change_that_changes_nothing_is_the_plain_prompt(
        self, make_picture, draw, checkpoint, prompt: str, same: str
    ) -> None:
        changing, _ = draw(make_picture(checkpoint=checkpoint, prompt=prompt))
        plain, _ = draw(make_picture(checkpoint=checkpoint, prompt=same))
        assert torch.equal(changing.latents["a"], plain.latents["a"])

    def test_steps_before_a_change_read_the_one_text_and_those_after_it_the_other(
        self, make_picture, checkpoint
    ) -> None:
        def after(steps: int, **asked: str) -> torch.Tensor:
            runner = TorchRunner("cpu")
            engine = Engine(runner)
            engine.add(make_picture(checkpoint=checkpoint, steps=5, **asked))
            while Progress("a", steps, 5) not in engine.step():
                pass
            return runner._canvases["a"].latents

        for field in ("prompt", "negative_prompt"):
            plain, changing = {field: "cat"}, {field: "[cat:dog:0.4]"}
            assert torch.equal(after(2, **plain), after(2, **changing))
            assert not torch.allclose(after(3, **plain), after(3, **changing), atol=1e-4)


class TestComposition:
    """Several prompts for one picture."""

    def test_answers_are_composed_by_weight_over_the_negative(self) -> None:
        answers = torch.randn(6, 4, 2, 2)
        rows = [
            Row(0, (), 3.0),
            Row(1, (), 1.0),
            Row(0, (), 0.0, is_negative=True),
            Row(0, (), 1.5),
            Row(0, (), -3.0),
            Row(1, (), 0.25),
        ]
        first, second = guided(rows, answers, 2)
        negative = answers[2]
        expected = negative + 3 * (answers[0] - negative) + 1.5 * (answers[3] - negative) - 3 * (answers[4] - negative)
        assert torch.allclose(first, expected, atol=1e-5)
        assert torch.allclose(second, 0.75 * answers[1] + 0.25 * answers[5], atol=1e-5)

    @pytest.mark.parametrize("guidance", [1.0, 6.0])
    def test_a_prompt_joined_to_itself_by_halves_is_the_prompt(
        self, make_picture, draw, checkpoint, guidance: float
    ) -> None:
        joined, _ = draw(make_picture(checkpoint=checkpoint, prompt="cat :0.5 AND cat :0.5", guidance=guidance))
        plain, _ = draw(make_picture(checkpoint=checkpoint, prompt="cat", guidance=guidance))
        other, _ = draw(make_picture(checkpoint=checkpoint, prompt="cat AND dog", guidance=guidance))
        assert torch.allclose(joined.latents["a"], plain.latents["a"], atol=1e-4)
        assert not torch.allclose(other.latents["a"], plain.latents["a"], atol=1e-2)

    def test_one_shares_calls_with_plain_pictures(self, make_picture, draw, checkpoint) -> None:
        composed = make_picture("it", checkpoint=checkpoint, prompt="cat AND dog :0.5 AND z", negative_prompt="n")
        alone, _ = draw(composed)
        together, _ = draw(make_picture("n", checkpoint=checkpoint), composed, deterministic=False)
        assert together.calls <= 6
        assert torch.allclose(alone.latents["it"], together.latents["it"], atol=1e-4)


class TestCache:
    """What was encoded before."""

    @pytest.fixture
    def runner(self) -> TorchRunner:
        return TorchRunner("cpu")

    @pytest.fixture
    def drawn(self, runner: TorchRunner, make_picture, drain, checkpoint) -> Callable[..., CacheReport]:
        def draw(**asked: Any) -> CacheReport:
            engine = Engine(runner)
            engine.add(make_picture(checkpoint=checkpoint, steps=1, **asked))
            (ended,) = drain(engine).values()
            assert isinstance(ended, Finished)
            return runner.text_cache

        return draw

    def test_a_text_is_encoded_once(self, drawn: Callable[..., CacheReport]) -> None:
        assert (drawn(seed=1).hits, drawn(seed=1).misses) == (0, 2)
        report = drawn(seed=2, width=72)
        assert (report.hits, report.misses, report.chunks) == (4, 2, 2)
        assert report.bytes == 2 * 16 * 32 * 4

    def test_a_long_text_shares_the_chunks_that_are_the_same(self, drawn: Callable[..., CacheReport]) -> None:
        drawn(prompt=LONG, guidance=1.0)
        report = drawn(prompt=LONG.replace("3", "9"), guidance=1.0)
        assert (report.hits, report.misses) == (2, 4)

    def test_whatever_matters_is_encoded_anew(self, drawn: Callable[..., CacheReport], tmp_path: Path) -> None:
        files = []
        for name in ("one", "two"):
            save_file({"emb_params": torch.randn(1, 32)}, tmp_path / f"{name}.safetensors")
            files.append(WeightsFile(name="cat", file=tmp_path / f"{name}.safetensors"))
        asked: list[dict[str, Any]] = [
            {"prompt": "cat"},
            {"prompt": "(cat:1.2)"},
            {"prompt": "cat", "clip_skip": 2},
            {"prompt": "cat", "embeddings": (files[0],)},
            {"prompt": "cat", "embeddings": (files[1],)},
        ]
        assert [drawn(**one, guidance=1.0).misses for one in asked] == [1, 2, 3, 4, 5]
        assert [drawn(**one, guidance=1.0).misses for one in asked] == [5] * 5
