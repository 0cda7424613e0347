"""Every shape that is answered, with its keys in the order in which the original sends them.

`message` and `messege` are one text in two spellings, because clients read either. `output` of a request that is not
done is empty: clients take a filled one for the end.
"""

from typing import Any, Literal, NotRequired, TypeAlias

from typing_extensions import TypedDict  # pydantic cannot describe typing.TypedDict before Python 3.12


class Success(TypedDict):
    status: Literal["success"]
    generationTime: float
    id: int
    output: list[str]
    proxy_links: list[str]
    nsfw_content_detected: bool
    webhook_status: str
    meta: dict[str, Any]
    tip: str
    warning: NotRequired[str]


class Processing(TypedDict):
    status: Literal["processing"]
    tip: str
    tip_1: str
    eta: float
    messege: str
    message: str
    webhook_status: str
    fetch_result: str
    id: int
    output: list[str]
    meta: dict[str, Any]
    future_links: list[str]
    warning: NotRequired[str]


class RealtimeProcessing(TypedDict):
    status: Literal["processing"]
    eta: float
    message: str
    messege: str
    fetch_result: str
    id: int
    output: list[str]
    future_links: list[str]
    proxy_links: list[str]
    meta: dict[str, Any]
    tip: str
    warning: NotRequired[str]


class Fetched(TypedDict):
    status: Literal["success"]
    id: int
    output: list[str]
    proxy_links: list[str]
    generationTime: float
    meta: dict[str, Any]
    tip: str
    warning: NotRequired[str]


class StillProcessing(TypedDict):
    status: Literal["processing"]
    messege: str
    message: str
    output: list[str]
    tip: str
    id: int
    eta: float
    fetch_result: str


class Failed(TypedDict):
    """Without pictures: unknown, failed or cancelled. `tip` says which and what may be done."""

    status: Literal["failed"]
    id: str
    message: str
    messege: str
    output: str
    tip: str


class ToldOfPictures(TypedDict):
    status: Literal["success"]
    id: int
    output: list[str]
    generationTime: float
    track_id: str | int | None
    meta: dict[str, Any]


class ToldOfFailure(TypedDict):
    status: Literal["failed"]
    id: int
    message: str
    track_id: str | int | None


Told: TypeAlias = ToldOfPictures | ToldOfFailure
"""The body of a webhook."""


class Error(TypedDict):
    status: Literal["error"]
    message: str
    messege: str
    tip: NotRequired[str]
    retry_after: NotRequired[int]


class Balance(TypedDict):
    balance: float
    currency: Literal["USD"]


class Spending(TypedDict):
    """What the key itself may spend, in dollars; said of a key with a cap."""

    cap: float | None
    monthly_cap: float | None
    left: float


class WalletBalance(TypedDict):
    status: Literal["success"]
    data: Balance
    key: NotRequired[Spending]


class ModelReloaded(TypedDict):
    status: Literal["success"]
    message: str
    messege: str


class ListedModel(TypedDict):
    model_id: str
    status: Literal["model_ready", "not_installed"]
    created_at: str | None
    instance_prompt: str | None
    model_name: str
    description: str
    screenshots: str
