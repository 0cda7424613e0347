"""Which paths there are, in every spelling that clients use."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from easel.gateway.dialects.modelslab.schemas import ControlNet, Img2Img, Inpaint, Pictured, Text2Img


class Operation(StrEnum):
    """What is drawn from what."""

    TEXT2IMG = "text2img"
    IMG2IMG = "img2img"
    INPAINT = "inpaint"
    CONTROLNET = "controlnet"


SCHEMAS: Final[Mapping[Operation, type[Pictured]]] = MappingProxyType(
    {
        Operation.TEXT2IMG: Text2Img,
        Operation.IMG2IMG: Img2Img,
        Operation.INPAINT: Inpaint,
        Operation.CONTROLNET: ControlNet,
    }
)

EVERYWHERE: Final = (Operation.TEXT2IMG, Operation.IMG2IMG, Operation.INPAINT)
"""Operations that every prefix has."""

HYPHENATED: Final[Mapping[Operation, str]] = MappingProxyType(
    {Operation.TEXT2IMG: "text-to-image", Operation.IMG2IMG: "image-to-image"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """A path that takes orders, and the fetch path that its answers name."""

    path: str
    fetch: str
    operation: Operation
    chooses_model: bool = True
    """Whether it heeds model_id; otherwise the installation's default model draws."""
    realtime: bool = False
    """Whether its answers have the keys of the realtime routes."""

    @property
    def schema(self) -> type[Pictured]:
        return SCHEMAS[self.operation]


def _family(
    prefix: str,
    *,
    operations: Iterable[Operation] = Operation,
    names: Mapping[Operation, str] = MappingProxyType({}),
    chooses_model: bool = True,
    realtime: bool = False,
) -> Iterator[Door]:
    """Operations below a prefix. `names` are those that it does not call as everybody does; "" is the prefix."""
    for operation in operations:
        name = names.get(operation, operation.value)
        yield Door(
            path=f"{prefix}/{name}".rstrip("/"),
            fetch=f"{prefix}/fetch",
            operation=operation,
            chooses_model=chooses_model,
            realtime=realtime,
        )


ENTERPRISE: Final = (
    "/api/v1/enterprise",
    "/api/v1/enterprise/images",
    "/api/v1/enterprise/community",
    "/api/v1/enterprise/txt2img",
    "/api/v1/enterprise/realtime",
)
"""A server of one's own, as the documents and four clients spell it."""

ALIASES: Final = tuple(f"{prefix}/" for prefix in ENTERPRISE[1:])

DREAMBOOTH: Final = ("/api/v3/dreambooth", "/api/v4/dreambooth")

DOORS: Final = (
    *_family("/api/v6/images"),
    *_family("/api/v6/realtime", operations=EVERYWHERE, chooses_model=False, realtime=True),
    *_family("/api/v7/images", names=HYPHENATED),
    *_family("/api/v5/images"),
    Door(path="/api/v5/controlnet", fetch="/api/v5/images/fetch", operation=Operation.CONTROLNET),
    *_family("/api/v3", operations=EVERYWHERE, chooses_model=False),
    *(door for prefix in DREAMBOOTH for door in _family(prefix, operations=EVERYWHERE, names={Operation.TEXT2IMG: ""})),
    *(door for prefix in ENTERPRISE[:-1] for door in _family(prefix)),
    *_family(ENTERPRISE[-1], operations=EVERYWHERE, chooses_model=False, realtime=True),
)

FETCH: Final = tuple(dict.fromkeys(door.fetch for door in DOORS))
"""Any id may be fetched at any of these."""


def below(prefixes: tuple[str, ...], *names: str) -> tuple[str, ...]:
    return tuple(f"{prefix}/{name}" for prefix in prefixes for name in names)


MODEL_RELOAD: Final = ("/api/v6/images/model_reload", *below(DREAMBOOTH, "model_reload"))
NSFW_IMAGE_CHECK: Final = ("/api/v3/nsfw_image_check", *below(ENTERPRISE, "nsfw_image_check"))
MODEL_LIST: Final = ("/api/v4/dreambooth/model_list", "/api/v3/dreambooth/model_list")
