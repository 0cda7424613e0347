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
    nsfw_content_detected: NotRequired[bool]
    """Where a picture was flagged."""
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


class Said(TypedDict):
    """That something was done."""

    status: Literal["success"]
    message: str
    messege: str


class Loaded(TypedDict):
    """What became of a model that is to be installed: it began, it goes on, it is done, or it failed."""

    status: Literal["success", "processing", "error"]
    message: str
    messege: str
    model_id: str
    warning: NotRequired[str]


class ListedModel(TypedDict):
    model_id: str
    status: Literal["model_ready", "not_installed"]
    created_at: str | None
    instance_prompt: str | None
    model_name: str
    description: str
    screenshots: str


Pagination = TypedDict(
    "Pagination",
    {"current_page": int, "per_page": int, "total": int, "last_page": int, "from": int | None, "to": int | None},
)


class FoundModel(TypedDict):
    model_id: str
    name: str
    model_name: str
    provider: str
    model_category: str
    model_subcategory: str | None
    model_type: str
    feature: Literal["imagen"]
    base_model: str | None
    description: str
    licence: str
    tags: list[str]
    status: Literal["model_ready", "not_installed"]
    price: float


class FoundModels(TypedDict):
    status: Literal["success"]
    data: list[FoundModel]
    pagination: Pagination


class Envelope(TypedDict):
    """Of the agents' API. `data` or `error` is null."""

    data: Any
    error: dict[str, Any] | None
    meta: dict[str, Any]


class FinetuneList(TypedDict):
    status: Literal["success"]
    messege: str
    message: str
    data: list[str]


class ModelOnServer(TypedDict):
    load_data: str
    model_id: str


class ModelsOnServer(TypedDict):
    models: list[ModelOnServer]
    status: Literal["success"]


class ModelsSynced(TypedDict):
    status: Literal["success"]
    message: str
    model_list: list[str]


class Schedulers(TypedDict):
    schedulers: list[str]


class SystemLoad(TypedDict):
    queue_num: int
    queue_time: float
    status: Literal["ok"]


class SystemDetails(TypedDict):
    model_count: int
    queue_time: float
    status: Literal["ok"]


class Asset(TypedDict):
    id: int
    output: list[str]


class Assets(TypedDict):
    status: Literal["success"]
    type: Literal["image"]
    data: list[Asset]
    pagination: Pagination


class Processed(TypedDict):
    status: Literal["success"]
    processing_count: int
    message: str
    messege: str


class Product(TypedDict):
    total_api_call: int | None
    api_call_remaining: int | None
    percentage_used: int


class Products(TypedDict):
    imagen: Product


class SubscribedProducts(TypedDict):
    status: Literal["success"]
    data: Products


class LookedAt(TypedDict):
    status: Literal["success"]
    is_cp: bool
    is_nsfw: bool
    original_prompt: str
    filtered_prompt: str


class PictureChecked(TypedDict):
    """The original has no status here."""

    images: str
    has_nsfw_concept: list[bool]


class Cropped(TypedDict):
    status: Literal["success"]
    messege: str
    message: str
    link: str
    request_id: int


class Uploaded(TypedDict):
    status: Literal["success"]
    id: int
    output: list[str]


class ImageUploaded(TypedDict):
    status: Literal["success"]
    message: str
    messege: str
    image_url: str


class Enlarged(TypedDict):
    """`output` is one link, not a list of them."""

    status: Literal["success"]
    generationTime: float
    id: int
    output: str
    warning: NotRequired[str]
