"""From a generation, or a refusal, to what is answered about it."""

from typing import Final

from easel.billing.caps import Spending
from easel.catalogue.tables import Model
from easel.domain.money import Micros, dollars
from easel.gateway.dialects.modelslab.links import Links
from easel.gateway.dialects.modelslab.listing import status_of
from easel.gateway.dialects.modelslab.meta import meta, meta_on_its_way
from easel.gateway.dialects.modelslab.pictures import Kept
from easel.gateway.dialects.modelslab.shapes import (
    Cropped,
    Enlarged,
    Envelope,
    Error,
    Failed,
    Fetched,
    ImageUploaded,
    ListedModel,
    PictureChecked,
    Processing,
    RealtimeProcessing,
    Said,
    StillProcessing,
    Success,
    Told,
    Uploaded,
    WalletBalance,
)
from easel.gateway.errors import Refusal
from easel.generations.queries import GenerationView
from easel.jobs.states import JobState

FETCH_LATER: Final = "Try to fetch request after seconds estimated"

TIP_DONE: Final = "Send the seed from meta again and you get this very picture again."
TIP_WAIT: Final = "Pictures are drawn in the order they were asked for; fetch_result says when this one is there."
TIP_UNKNOWN: Final = "Check the id, and that the key belongs to the account that made the request."
TIP_CANCELLED: Final = "The request was cancelled; nothing was charged."
TIP_EXPIRED: Final = "Send the request again with the seed that its answer gave, and you get the very same picture."
TIP_FAILED: Final = "Nothing was charged."

CODES: Final = {
    400: "validation_error",
    401: "unauthenticated",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    429: "rate_limited",
    503: "unavailable",
}
"""What the agents' API calls an error, by its HTTP number."""

HINTS: Final = (
    "1. Make sure you are passing Content-Type: application/json in header. "
    "2. Make sure you are doing POST request with valid JSON. "
    "3. Make sure your JSON does not have error, use jsonlint to validate json array."
)
KEY_HINT: Final = " 4. Make sure you have valid API key."


def success(view: GenerationView, links: Links) -> Success:
    pictures = links.pictures(view)
    answer: Success = {
        "status": "success",
        "generationTime": round(view.seconds or 0.0, 2),
        "id": view.id,
        "output": pictures,
        "proxy_links": pictures,
        "nsfw_content_detected": bool(view.flagged),
        "webhook_status": "",
        "meta": meta(view, links),
        "tip": TIP_DONE,
    }
    if said := warning(view):
        answer["warning"] = said
    return answer


def submitted(view: GenerationView, links: Links) -> Success | Processing | RealtimeProcessing | Failed:
    """What a submit is answered when its wait is over."""
    if view.state is JobState.DONE:
        return success(view, links)
    if view.is_final:
        return failed(view)
    return realtime_processing(view, links) if view.details.get("realtime") else processing(view, links)


def processing(view: GenerationView, links: Links) -> Processing:
    fetch_result, pictures = links.fetch_result(view), links.pictures(view)
    answer: Processing = {
        "status": "processing",
        "tip": TIP_WAIT,
        "tip_1": (
            "Your image is processing in background, you can get this image using fetch API: "
            f"here is link for fetch api : {fetch_result}"
        ),
        "eta": view.eta_seconds,
        "messege": FETCH_LATER,
        "message": FETCH_LATER,
        "webhook_status": "",
        "fetch_result": fetch_result,
        "id": view.id,
        "output": [],
        "meta": meta_on_its_way(view, links),
        "future_links": pictures,
    }
    if said := warning(view):
        answer["warning"] = said
    return answer


def realtime_processing(view: GenerationView, links: Links) -> RealtimeProcessing:
    pictures = links.pictures(view)
    answer: RealtimeProcessing = {
        "status": "processing",
        "eta": view.eta_seconds,
        "message": FETCH_LATER,
        "messege": FETCH_LATER,
        "fetch_result": links.fetch_result(view),
        "id": view.id,
        "output": [],
        "future_links": pictures,
        "proxy_links": pictures,
        "meta": meta_on_its_way(view, links),
        "tip": TIP_WAIT,
    }
    if said := warning(view):
        answer["warning"] = said
    return answer


def fetched(view: GenerationView, links: Links) -> Fetched | StillProcessing | Failed:
    if view.expired:
        return _failed(
            "These pictures were deleted, on request or because results are kept here for a time only.", TIP_EXPIRED
        )
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
            "meta": meta(view, links),
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
        "meta": meta(view, links),
        "tip": TIP_DONE,
    }
    if view.flagged:
        answer["nsfw_content_detected"] = True
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


def model_reloaded(model: Model, *, is_resident: bool) -> Said:
    where = "is in memory and draws at once" if is_resident else "is installed; its first request loads it"
    return said(f"Model {model.model_id} {where}.")


def said(text: str) -> Said:
    return {"status": "success", "message": text, "messege": text}


def cropped(kept: Kept) -> Cropped:
    text = "image uploaded"
    return {"status": "success", "messege": text, "message": text, "link": kept.link, "request_id": kept.number}


def uploaded(kept: Kept) -> Uploaded:
    return {"status": "success", "id": kept.number, "output": [kept.link]}


def image_uploaded(kept: Kept) -> ImageUploaded:
    text = "image uploaded"
    return {"status": "success", "message": text, "messege": text, "image_url": kept.link}


def enlarged(kept: Kept) -> Enlarged:
    answer: Enlarged = {
        "status": "success",
        "generationTime": kept.seconds,
        "id": kept.number,
        "output": kept.link,
    }
    if kept.warnings:
        answer["warning"] = " ".join(kept.warnings)
    return answer


def checked(link: str, *, is_flagged: bool) -> PictureChecked:
    return {"images": link, "has_nsfw_concept": [is_flagged]}


def agents_error(refusal: Refusal, request_id: str) -> Envelope:
    code = CODES.get(refusal.status, "server_error")
    details = {"field": refusal.field} if refusal.field else {}
    return {
        "data": None,
        "error": {"code": code, "message": refusal.message, "details": details},
        "meta": {"request_id": request_id},
    }


def listed(model: Model) -> ListedModel:
    return {
        "model_id": model.model_id,
        "status": status_of(model),
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


def warning(view: GenerationView) -> str | None:
    """What the gateway (at submit) and the worker did otherwise than asked, as one text."""
    return " ".join([*view.details.get("warnings", []), *view.notes]) or None
