"""The text encoder: a small CLIPTextModel, taught to read the scene's attributes out of the caption, then frozen.

Trained jointly from random weights with the denoiser it collapses, and the caption is ignored. Taught on its own it
takes minutes: every position from the end of the text on has to hold the whole scene (count, shapes, colours, sizes,
relation, background), so that the denoiser's attention finds it anywhere in the padding. In a pair whose relation is
said, slot "a" is the left or upper object, however the sentence turns it: the encoder does the parsing.
"""

import random
import time
from pathlib import Path

import torch
import torch.nn.functional as F
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from easel.train import tokenizer as tokens
from easel.train import world
from easel.train.captions import ATTRIBUTES, HELD_OUT, TRAINING, caption
from easel.train.checkpoint import append_log, read_json, write_json
from easel.train.parallel import average_gradients, launch, share

WIDTH = 192
HELD_OUT_SEED = 3_000_000  # captions for judging come from seeds that training does not reach


def build(vocabulary: CLIPTokenizer, *, width: int = WIDTH, layers: int = 3, heads: int = 4) -> CLIPTextModel:
    config = CLIPTextConfig(
        vocab_size=len(vocabulary), hidden_size=width, intermediate_size=4 * width, num_hidden_layers=layers,
        num_attention_heads=heads, max_position_embeddings=tokens.LENGTH, hidden_act="quick_gelu",
        bos_token_id=vocabulary.bos_token_id, eos_token_id=vocabulary.eos_token_id,
        pad_token_id=vocabulary.pad_token_id,
        projection_dim=width,
    )  # fmt: skip
    network = CLIPTextModel(config)
    with (
        torch.no_grad()
    ):  # CLIP's own initialisation is meant for a long training: embeddings of 0.02 learn nothing here
        network.get_input_embeddings().weight.mul_(20)
        for name, parameter in network.named_parameters():
            if "position_embedding" in name:
                parameter.mul_(10)
    return network


class Reader(torch.nn.Module):
    """One linear layer per attribute: whatever it can read is linearly there for the denoiser too."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.heads = torch.nn.ModuleList(torch.nn.Linear(width, classes) for classes in ATTRIBUTES.values())

    def forward(self, states: torch.Tensor) -> list[torch.Tensor]:
        return [head(states) for head in self.heads]


def embed(network: CLIPTextModel, ids: torch.Tensor) -> torch.Tensor:
    """What the denoiser sees: the last hidden state, exactly as the diffusers pipeline takes it."""
    return network(input_ids=ids).last_hidden_state  # type: ignore[no-any-return]


def examples(rng: random.Random, count: int, *, held_out: bool = False) -> tuple[list[str], torch.Tensor]:
    """Captions and their attributes, in the phrasings of training or in the held-out ones.

    This stage reads words only, so it may read of every combination; no stage ever sees a picture of a held-out one.
    Without them it learns that "green" is never said of hearts, and misreads one such caption in thirty.
    """
    texts, labels = [], []
    first = HELD_OUT_SEED if held_out else 0
    for _ in range(count):
        scene = world.scene(first + rng.randrange(1_000_000), held_out=True)
        said = caption(scene, rng, HELD_OUT if held_out else TRAINING)
        texts.append(said.text)
        labels.append(said.attributes)
    return texts, torch.tensor(labels)


def train(
    out: Path,
    minutes: float,
    *,
    batch: int = 96,
    rate: float = 1e-3,
    processes: int = 1,
    start_from: Path | None = None,
) -> None:
    """`start_from` names a trained text encoder to go on from (its vocabulary is kept)."""
    launch(_train, processes, out, minutes, batch // processes, rate, start_from)


def _train(
    rank: int, processes: int, out: Path, minutes: float, batch: int, rate: float, start_from: Path | None
) -> None:
    torch.manual_seed(11)
    vocabulary = CLIPTokenizer.from_pretrained(start_from / "tokenizer") if start_from else tokens.build()
    network = CLIPTextModel.from_pretrained(start_from) if start_from else build(vocabulary)
    network.train()
    rng = random.Random(f"captions of process {rank} {start_from is not None}")
    reader = Reader(network.config.hidden_size)
    parameters = [*network.parameters(), *reader.parameters()]
    optimizer = torch.optim.AdamW(parameters, lr=rate, betas=(0.9, 0.98), weight_decay=0.01, fused=True)
    began, step = time.monotonic(), 0
    while (done := share((time.monotonic() - began) / 60 / minutes)) < 1 or not step:
        for group in optimizer.param_groups:
            group["lr"] = rate * min(1.0, (step + 1) / 100) * max(0.02, 1 - done)
        texts, labels = examples(rng, batch)
        ids = torch.tensor(tokens.encode(vocabulary, texts))
        states = embed(network, ids)
        loss = read_out_loss(reader, states, ids, labels, vocabulary.eos_token_id, rng)
        loss.backward()
        average_gradients(parameters)
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        step += 1
        if step % 50 == 0 and rank == 0:
            append_log(
                out / "log.jsonl", {"step": step, "loss": loss.item(), "minutes": (time.monotonic() - began) / 60}
            )
    if rank > 0:
        return
    read = {
        "seen": accuracy(network, reader, vocabulary),
        "held_out": accuracy(network, reader, vocabulary, held_out=True),
    }
    settle(network)  # after judging: the reader knows the states at their trained scale
    network.save_pretrained(out)
    tokens.save(vocabulary, out / "tokenizer")
    before = read_json(start_from / "training.json") if start_from else {"minutes": 0, "steps": 0}
    write_json(out / "training.json", {
        "minutes": before["minutes"] + minutes, "steps": before["steps"] + step, "batch": batch * processes,
        "read_out": read,
    })  # fmt: skip
    print(f"text encoder: {step} steps, whole captions read right: {read['seen']['all']:.3f}, "
          f"held-out combinations and phrasings: {read['held_out']['all']:.3f}, saved in {out}")  # fmt: skip


def read_out_loss(
    reader: Reader, states: torch.Tensor, ids: torch.Tensor, labels: torch.Tensor, end: int, rng: random.Random
) -> torch.Tensor:
    """Cross-entropy at the end of the text and at two random places in the padding behind it."""
    ends = (ids == end).int().argmax(1)
    rows = torch.arange(len(ids))
    loss = torch.zeros(())
    for place in range(3):
        spread = torch.tensor([0.0 if place == 0 else rng.random() for _ in range(len(ids))])
        at = (ends + spread * (ids.shape[1] - ends)).long().clamp(max=ids.shape[1] - 1)
        for logits, label in zip(reader(states[rows, at]), labels.T, strict=True):
            loss = loss + F.cross_entropy(logits, label)
    return loss / 3


@torch.no_grad()
def settle(network: CLIPTextModel) -> None:
    """The final LayerNorm's scale is folded so that a hidden state has a root mean square of one."""
    norm = next(module for name, module in network.named_modules() if name.endswith("final_layer_norm"))
    size = (norm.weight.square() + norm.bias.square()).mean().sqrt()
    norm.weight /= size
    norm.bias /= size


@torch.no_grad()
def accuracy(
    network: CLIPTextModel, reader: Reader, vocabulary: CLIPTokenizer, *, held_out: bool = False, count: int = 1500
) -> dict[str, float]:
    """How often each attribute, and all of them at once, is read right at the last position."""
    texts, labels = examples(random.Random(5), count, held_out=held_out)
    states = embed(network, torch.tensor(tokens.encode(vocabulary, texts)))[:, -1]
    right = torch.stack([logits.argmax(1) == label for logits, label in zip(reader(states), labels.T, strict=True)], 1)
    each = {name: float(right[:, i].float().mean()) for i, name in enumerate(ATTRIBUTES)}
    return {"all": float(right.all(1).float().mean()), **each}
