"""From a generation, or a refusal, to what is answered about it."""

from dataclasses import dataclass
from typing import Any, Final

from easel.artifacts.links import LinkSigner
from easel.billing.caps import Spending
from easel.catalogue.tables import Model
from easel.domain.money import Micros, dollars
from easel.domain.sampling import Spacing
from easel.gateway.dialects.modelslab.schedulers import is_stochastic_sampler, wire_name
from easel.gateway.dialects.modelslab.shapes import (
    Error,
    Failed,
    Fetched,
    ListedModel,
    Processing,
    StillProcessing,
    Success,
    Told,
    WalletBalance,
)
from easel.gateway.errors import Refusal
from easel.gateway.files import AS_TEXT
from easel.generations.expire import TEMPORARY
from easel.generations.queries import GenerationView
from easel.jobs.states import JobState

TIP_DONE: Final = "Send the seed from meta again and you get this very picture again."
TIP_WAIT: Final = "Pictures are drawn in the order they were asked for; fetch_result says when this one is there."
TIP_UNKNOWN: Final = "Check the id, and that the key belongs to the account that made the request."
TIP_CANCELLED: Final = "The request was cancelled; nothing was charged."
TIP_EXPIRED: Final = "Send the request again with the seed that its answer gave, and you get the very same picture."
TIP_FAILED: Final = "Nothing was charged."

HINTS: Final = (
    "1. Make sure you are passing Content-Type: application/json in header. "
    "2. Make sure you are doing POST request with valid JSON. "
    "3. Make sure your JSON does not have error, use jsonlint to validate json array."
)
KEY_HINT: Final = " 4. Make sure you have valid API key."


@dataclass(frozen=True, slots=True)
class Links:
    """Absolute links to a generation's pictures and to where its answer can be fetched."""

    base_url: str
    fetch_path: str
    signer: LinkSigner

    def pictures(self, view: GenerationView) -> list[str]:
        expires = view.created_at + TEMPORARY if view.temporary else None
        ending = AS_TEXT if view.details.get("base64") else ""
        return [f"{self.base_url}{self.signer.path(key, expires)}{ending}" for key in view.artifact_keys]

    def fetch_result(self, view: GenerationView) -> str:
        return f"{self.base_url}{self.fetch_path}/{view.id}"


def success(view: GenerationView, links: Links) -> Success:
    pictures = links.pictures(view)
    answer: Success = {
        "status": "success",
        "generationTime": round(view.seconds or 0.0, 2),
        "id": view.id,
        "output": pictures,
        "proxy_links": pictures,
        "nsfw_content_detected": False,
        "webhook_status": "",
        "meta": meta(view),
        "tip": TIP_DONE,
    }
    if said := warning(view):
        answer["warning"] = said
    return answer


def processing(view: GenerationView, links: Links, *, realtime: bool = False) -> Processing:
    fetch_result, pictures = links.fetch_result(view), links.pictures(view)
    text = "Try to fetch request after seconds estimated"
    answer: Processing = {
        "status": "processing",
        "tip": TIP_WAIT,
        "tip_1": (
            "Your image is processing in background, you can get this image using fetch API: "
            f"here is link for fetch api : {fetch_result}"
        ),
        "eta": view.eta_seconds,
        "messege": text,
        "message": text,
        "webhook_status": "",
        "fetch_result": fetch_result,
        "id": view.id,
        "output": [],
        "meta": meta(view)
        | {
            "webhook": view.webhook,
            "track_id": view.track_id,
            "id": str(view.id),
            "file_prefix": f"{view.uuid}.png",
            "is_sdxl": False,
            "output": pictures,
        },
        "future_links": pictures,
    }
    if realtime:
        answer["proxy_links"] = pictures
    if said := warning(view):
        answer["warning"] = said
    return answer


def fetched(view: GenerationView, links: Links) -> Fetched | StillProcessing | Failed:
    if view.expired:
        return _failed("These pictures were deleted: results are kept here for a time only.", TIP_EXPIRED)
    if view.state is JobState.DONE:
        return _fetched_pictures(view, links)
    return failed(view) if view.is_final else _still_processing(view, links)


def told(view: GenerationView, links: Links) -> Told:
    """What a webhook says at the end of a request."""
    if view.state is JobState.DONE:
        return {
            "status": "success",
            "id": view.id,
            "output": links.pictures(view),
            "generationTime": round(view.seconds or 0.0, 2),
            "track_id": view.track_id,
            "meta": meta(view),
        }
    message = "Cancelled on request." if view.state is JobState.CANCELLED else view.error or "Failed, Try Again"
    return {"status": "failed", "id": view.id, "message": message, "track_id": view.track_id}


def _fetched_pictures(view: GenerationView, links: Links) -> Fetched:
    pictures = links.pictures(view)
    answer: Fetched = {
        "status": "success",
        "id": view.id,
        "output": pictures,
        "proxy_links": pictures,
        "generationTime": round(view.seconds or 0.0, 2),
        "meta": meta(view),
        "tip": TIP_DONE,
    }
    if said := warning(view):
        answer["warning"] = said
    return answer


def _still_processing(view: GenerationView, links: Links) -> StillProcessing:
    return {
        "status": "processing",
        "messege": "try again later.",
        "message": "try again later.",
        "output": [],
        "tip": TIP_WAIT,
        "id": view.id,
        "eta": view.eta_seconds,
        "fetch_result": links.fetch_result(view),
    }


def listed(model: Model) -> ListedModel:
    return {
        "model_id": model.model_id,
        "status": "model_ready" if model.weights else "not_installed",
        "created_at": None,
        "instance_prompt": None,
        "model_name": model.name,
        "description": model.summary,
        "screenshots": "",
    }


def wallet_balance(available: Micros, spending: Spending | None = None) -> WalletBalance:
    answer: WalletBalance = {"status": "success", "data": {"balance": float(dollars(available)), "currency": "USD"}}
    if spending is not None:
        answer["key"] = {
            "cap": None if spending.cap is None else float(dollars(spending.cap)),
            "monthly_cap": None if spending.monthly_cap is None else float(dollars(spending.monthly_cap)),
            "left": float(dollars(spending.left)),
        }
    return answer


def failed(view: GenerationView) -> Failed:
    if view.state is JobState.CANCELLED:
        return _failed("Failed, Try Again", TIP_CANCELLED)
    return _failed("Failed, Try Again", f"{view.error} {TIP_FAILED}" if view.error else TIP_FAILED)


def not_found() -> Failed:
    return _failed("Request not found", TIP_UNKNOWN)


def _failed(text: str, tip: str) -> Failed:
    return {"status": "failed", "id": "", "message": text, "messege": text, "output": "", "tip": tip}


def error(refusal: Refusal) -> Error:
    text = "Invalid API Request" if refusal.unreadable else refusal.message
    answer: Error = {"status": "error", "message": text, "messege": text}
    if refusal.unreadable:
        answer["tip"] = f"{HINTS} {refusal.message}"
    if refusal.status == 401:
        answer["tip"] = HINTS + KEY_HINT
    if refusal.retry_after is not None:
        answer["retry_after"] = refusal.retry_after
    return answer


def meta(view: GenerationView) -> dict[str, Any]:
    """What was really used. The size and the steps stand under both of their names."""
    request, details = view.request, view.details
    embeddings = ",".join(request.extras.embeddings)
    return {
        "prompt": request.prompt,
        "model_id": request.model_id,
        "negative_prompt": request.negative_prompt,
        "scheduler": wire_name(request.sampler),
        "safety_checker": "no",
        "W": request.width,
        "H": request.height,
        "width": request.width,
        "height": request.height,
        "guidance_scale": request.guidance,
        "seed": request.seed,
        "steps": request.steps,
        "num_inference_steps": request.steps,
        "n_samples": request.samples,
        "instant_response": yes_no(details.get("instant_response", False)),
        "ip_adapter_id": None,
        "enhance_prompt": yes_no(details.get("enhance_prompt", False)),
        "ip_adapter_scale": 0.6,
        "ip_adapter_image": None,
        "upscale": "no",
        "use_karras_sigmas": yes_no(request.spacing is Spacing.KARRAS),
        "algorithm_type": "dpmsolver+++" if is_stochastic_sampler(request.sampler) else "no",
        "safety_checker_type": "sensitive_content_text",
        "vae": request.extras.vae,
        "lora": ",".join(use.model_id for use in request.extras.adapters) or None,
        "lora_strength": ",".join(f"{use.strength:g}" for use in request.extras.adapters) or 1,
        **({"embeddings": embeddings} if embeddings else {}),
        **({"enhance_style": details["enhance_style"]} if details.get("enhance_style") else {}),
        **({"multi_lingual": "yes"} if details.get("multi_lingual") else {}),
        "clip_skip": request.extras.clip_skip,
        "watermark": "no",
        "temp": yes_no(view.temporary),
        "base64": yes_no(details.get("base64", False)),
    }


def warning(view: GenerationView) -> str | None:
    """What the gateway (at submit) and the worker did otherwise than asked, as one text."""
    return " ".join([*view.details.get("warnings", []), *view.notes]) or None


def yes_no(on: bool) -> str:
    return "yes" if on else "no"
