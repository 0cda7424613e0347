"""Text encoders: CLIP networks with the tokenizers that they were trained with."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from transformers import CLIPTokenizer

from easel.domain.errors import InvalidRequest
from easel.domain.prompt import Reading
from easel.engine.families.folder import unreadable
from easel.engine.families.source import Source
from easel.engine.prompts.chunks import Alphabet, Chunk, Chunks, chunks_of
from easel.engine.prompts.embeddings import Embedding, read_embedding
from easel.engine.request import WeightsFile


class TextEncoder:
    """One network and its tokenizer."""

    def __init__(self, tokenizer: CLIPTokenizer, network: Any) -> None:
        self.network = network
        self.width: int = network.config.hidden_size
        self._tokenizer = tokenizer
        comma = self._tokens(",")
        self.alphabet = Alphabet(
            tokens=self._tokens,
            room=min(tokenizer.model_max_length, network.config.max_position_embeddings) - 2,
            begin=tokenizer.bos_token_id,
            end=tokenizer.eos_token_id,
            padding=tokenizer.pad_token_id,
            comma=comma[0] if len(comma) == 1 else None,
        )

    @classmethod
    def load(cls, kind: type[Any], source: Source, *, number: str = "") -> "TextEncoder":
        """`number` is what the names of a second encoder's parts end in."""
        network = source.network(kind, f"text_encoder{number}")
        folder = source.folder / f"tokenizer{number}"
        try:
            tokenizer = CLIPTokenizer.from_pretrained(folder, local_files_only=True)
        except Exception as error:
            raise unreadable(folder, type(error).__name__) from error
        return cls(tokenizer, network)

    @property
    def silence(self) -> Chunk:
        """The chunk of an empty text."""
        return chunks_of(((),), self.alphabet, {})[0]

    def run(self, chunk: Chunk, vectors: Mapping[WeightsFile, torch.Tensor], clip_skip: int, *, first: int = 1) -> Any:
        """The network's own answer to the chunk, with all its hidden states where they are needed.

        `first` is the layer, counted from the end, that a clip_skip of 1 means. Raises InvalidRequest for one beyond.
        """
        most = self.network.config.num_hidden_layers - first + 1
        if clip_skip > most:
            raise InvalidRequest("clip_skip", f"clip_skip must be 1 to {most} for this model, not {clip_skip}.")
        tokens = torch.tensor([chunk.tokens], device=self.network.device)
        with self._saying(chunk, vectors):
            return self.network(tokens, output_hidden_states=clip_skip + first > 2)

    def normed(self, states: torch.Tensor) -> torch.Tensor:
        """The final norm, which the network applies to its last layer's states alone."""
        return getattr(self.network, "text_model", self.network).final_layer_norm(states)

    def spelled(self, chunk: Chunk) -> str:
        return self._tokenizer.decode(chunk.tokens[1 : chunk.length + 1])

    def _tokens(self, text: str) -> list[int]:
        return self._tokenizer(text, add_special_tokens=False, truncation=False, verbose=False).input_ids

    @contextmanager
    def _saying(self, chunk: Chunk, vectors: Mapping[WeightsFile, torch.Tensor]) -> Iterator[None]:
        """For the one call, embeddings' vectors stand where the chunk places them. No weight changes."""
        if not chunk.placed:
            yield
            return

        def put(_: torch.nn.Module, __: Any, words: torch.Tensor) -> torch.Tensor:
            words = words.clone()
            for placed in chunk.placed:
                words[0, placed.at] = vectors[placed.embedding][placed.number].to(words)
            return words

        hook = self.network.get_input_embeddings().register_forward_hook(put)
        try:
            yield
        finally:
            hook.remove()


class TextEncoders:
    """A family's text encoders, the same text in each."""

    def __init__(self, *encoders: TextEncoder) -> None:
        self._encoders = encoders

    def chunks(self, reading: Reading, embeddings: Mapping[WeightsFile, Embedding]) -> list[Chunks]:
        """Chunk by chunk, for each encoder."""
        counted = {file: embedding.count for file, embedding in embeddings.items()}
        read = [chunks_of(reading, encoder.alphabet, counted) for encoder in self._encoders]
        most = max(len(chunks) for chunks in read)
        for chunks, encoder in zip(read, self._encoders, strict=True):  # tokenizers of a family seldom differ
            chunks += [encoder.silence] * (most - len(chunks))
        return list(zip(*read, strict=True))

    def spelled(self, chunks: Sequence[Chunks]) -> str:
        """The text of the chunks, as the first encoder's tokens spell it."""
        return " ".join(self._encoders[0].spelled(chunk[0]) for chunk in chunks).strip()

    def load_embedding(self, file: WeightsFile) -> Embedding:
        """Raises InvalidRequest, naming `embeddings_model`, for one that was made for other encoders."""
        room = min(encoder.alphabet.room for encoder in self._encoders)
        return read_embedding(file, [encoder.width for encoder in self._encoders], room)


def weighted(states: torch.Tensor, chunk: Chunk) -> torch.Tensor:
    """tokens x width -> the same: each token's state times its weight, then all scaled until their mean is what it was.

    AUTOMATIC1111's "original" emphasis, chunk by chunk.
    """
    if not chunk.weights:
        return states
    exact = states.float()
    emphasised = exact * torch.tensor(chunk.weights, dtype=torch.float32, device=states.device)[:, None]
    mean = emphasised.mean()
    scale = exact.mean() / mean if mean != 0 else 1.0
    return (emphasised * scale).to(states.dtype)
