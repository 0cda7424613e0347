"""What there is beside drawing and fetching: who may do it, at which paths, and in which words OpenAPI tells of it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from pydantic import BaseModel

from easel.accounts.tables import Scope
from easel.gateway.dialects.modelslab import answers, listing, loading, models, pictures, shapes, utilities
from easel.gateway.dialects.modelslab.calls import Act
from easel.gateway.dialects.modelslab.paths import DREAMBOOTH, ENTERPRISE, MODEL_LIST, MODEL_RELOAD, below
from easel.gateway.dialects.modelslab.pictures import Kept, Make
from easel.gateway.dialects.modelslab.schemas import ModelNamed


@dataclass(frozen=True, slots=True)
class Deed:
    """An act, at all of its paths."""

    title: str
    paths: tuple[str, ...]
    act: Act
    shape: Any
    asks: type[BaseModel] | None = None
    scope: Scope = Scope.READ


@dataclass(frozen=True, slots=True)
class Keep:
    """A picture that is taken in, made something of and kept."""

    title: str
    paths: tuple[str, ...]
    make: Make
    say: Callable[[Kept], Any]
    shape: Any
    asks: type[BaseModel]


LOOK: Final = (
    Deed("All models", MODEL_LIST, models.model_list, list[shapes.ListedModel]),
    Deed("Search models", ("/api/v7/models",), models.model_search, shapes.FoundModels, listing.Search),
    Deed("Whether a model is ready", MODEL_RELOAD, models.model_reload, shapes.Said, ModelNamed),
    Deed("Models trained by the account", ("/api/v3/finetune_list",), models.finetune_list, shapes.FinetuneList),
    Deed(
        "Whether a model is installed", below(ENTERPRISE, "verify_model"), models.verify_model, shapes.Said, ModelNamed
    ),
    Deed("Installed models", below(ENTERPRISE, "get_all_models"), models.get_all_models, shapes.ModelsOnServer),
    Deed("Schedulers", below(ENTERPRISE, "schedulers_list"), models.schedulers_list, shapes.Schedulers),
    Deed(
        "What was drawn",
        ("/api/assets_generated", "/api/v6/assets_generated"),
        utilities.assets_generated,
        shapes.Assets,
        utilities.Generated,
    ),
    Deed(
        "How many requests are under way",
        ("/api/v6/processing/request_count",),
        utilities.request_count,
        shapes.Processed,
    ),
    Deed(
        "What the plan gives", ("/api/subscribed_products",), utilities.subscribed_products, shapes.SubscribedProducts
    ),
    Deed("How long the queue is", ("/api/v3/system_load",), utilities.system_load, shapes.SystemLoad),
    Deed("What the server does", below(ENTERPRISE, "system_details"), utilities.system_details, shapes.SystemDetails),
    Deed("Look at a prompt", ("/api/check_nsfw_cp",), utilities.check_nsfw, shapes.LookedAt, utilities.Screened),
    Deed("Clear the cache", ("/api/v5/clear_cache", "/api/v3/clear_cache"), utilities.clear_cache, shapes.Said),
    Deed("Clear the cache", below(ENTERPRISE, "clear_cache"), utilities.clear_server_cache, shapes.Said),
)

"""By GET as well as by POST."""

CHANGE: Final = (
    Deed(
        "Delete pictures",
        ("/api/v3/delete_image",),
        utilities.delete_image,
        shapes.Said,
        utilities.Deleted,
        Scope.GENERATE,
    ),
    Deed(
        "Cancel what one has queued",
        below(ENTERPRISE, "clear_queue"),
        utilities.clear_queue,
        shapes.Said,
        scope=Scope.GENERATE,
    ),
)

OPERATE: Final = (
    Deed(
        "Take a model out of use",
        below(ENTERPRISE, "delete_model"),
        models.delete_model,
        shapes.Said,
        ModelNamed,
        Scope.ADMIN,
    ),
    Deed(
        "Bring the catalogue up to date",
        below(ENTERPRISE, "sync_models"),
        models.sync_models,
        shapes.ModelsSynced,
        scope=Scope.ADMIN,
    ),
    Deed(
        "Restart",
        below(ENTERPRISE, "restart_server", "restart"),
        utilities.restart_server,
        shapes.Said,
        scope=Scope.ADMIN,
    ),
    Deed(
        "Update", below(ENTERPRISE, "update", "update_server"), utilities.update_server, shapes.Said, scope=Scope.ADMIN
    ),
    Deed("Change the store", below(ENTERPRISE, "update_s3"), utilities.update_s3, shapes.Said, scope=Scope.ADMIN),
    Deed(
        "Install a model",
        ("/api/v3/load_model", *below(ENTERPRISE, "load_model", "load_model_v2")),
        loading.load_model,
        shapes.Loaded,
        loading.LoadModel,
        Scope.ADMIN,
    ),
    Deed(
        "Install a VAE",
        below(ENTERPRISE, "load_vae"),
        loading.load_vae,
        shapes.Loaded,
        loading.LoadModel,
        Scope.ADMIN,
    ),
)

NOT_HERE: Final = (
    Deed(
        "Buy",
        ("/api/v3/buy_subscription", "/api/v3/cancel_subscription", *below(DREAMBOOTH, "buy_model")),
        utilities.buy,
        shapes.Said,
    ),
    Deed(
        "Train",
        (
            "/api/v3/lora_fine_tune",
            "/api/v3/fine_tune",
            "/api/v3/fine_tune_status/{id}",
            "/api/v3/cancle_training/{id}",
            "/api/v3/cancel_training/{id}",
            "/api/v3/finetune/delete/{id}",
            "/api/v3/delete/{id}",
        ),
        utilities.train,
        shapes.Said,
    ),
)
"""What the original has, and is refused with a sentence that says where it is instead."""

DEEDS: Final = (*LOOK, *CHANGE, *OPERATE, *NOT_HERE)

KEEPS: Final = (
    Keep("Crop a picture", ("/api/v3/base64_crop",), pictures.crop, answers.cropped, shapes.Cropped, pictures.Cropped),
    Keep(
        "Upload a picture",
        ("/api/v6/base64_to_url", "/api/v6/image_editing/base64_to_url"),
        pictures.upload,
        answers.uploaded,
        shapes.Uploaded,
        pictures.Uploaded,
    ),
    Keep(
        "Upload a picture to the server",
        below(ENTERPRISE, "upload_image"),
        pictures.upload,
        answers.image_uploaded,
        shapes.ImageUploaded,
        pictures.Uploaded,
    ),
    Keep(
        "Enlarge a picture",
        ("/api/v3/super_resolution", "/api/v6/image_editing/super_resolution", *below(ENTERPRISE, "super_resolution")),
        pictures.enlarge,
        answers.enlarged,
        shapes.Enlarged,
        pictures.Enlarged,
    ),
)
