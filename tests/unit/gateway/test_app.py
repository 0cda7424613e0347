"""The door itself, without a database behind it: health, headers, shapes of errors, and what the log does not say."""

import asyncio
import io
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from fastapi.testclient import TestClient
from starlette.requests import Request
from starlette.types import Message, Scope

from easel.artifacts.blobs import BlobStore
from easel.artifacts.links import LinkSigner
from easel.db.listener import NotificationHub
from easel.db.session import Database
from easel.domain.errors import DomainError, Kind
from easel.gateway.app import answer, create_app
from easel.gateway.errors import STATUS, refusal_of
from easel.gateway.middleware import TidyPath
from easel.gateway.services import Services
from easel.kit.clock import SettableClock

NOWHERE = "postgresql://nobody@127.0.0.1:1/nothing"
SECRET_PROMPT = "a prompt nobody may read"


def nowhere() -> Services:
    return Services(
        database=Database(NOWHERE),
        clock=SettableClock(),
        blobs=BlobStore("memory:///"),
        links=LinkSigner("a secret for tests"),
        hub=NotificationHub(NOWHERE),
        public_url=None,
        wait_seconds=0.0,
        default_model="easel-starter",
        secret="a secret for tests",
    )


@pytest.fixture
def client() -> Iterator[TestClient]:
    app = create_app(nowhere())

    async def broken(request: Request) -> None:
        raise ZeroDivisionError(SECRET_PROMPT)

    app.add_api_route("/api/broken", broken)
    app.add_api_route("/broken", broken)
    with TestClient(app) as client:
        yield client


def test_alive_without_a_database(client: TestClient) -> None:
    assert client.get("/healthz").json() == {"status": "ok"}


def test_not_ready_without_a_database(client: TestClient) -> None:
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json() == {"status": "unavailable", "database": "down", "notifications": "down"}


def test_a_database_that_is_down_is_503(client: TestClient) -> None:
    answer = client.post("/api/v6/images/text2img", json={"key": "sk-x", "prompt": "a red star"})
    assert answer.status_code == 503
    text = "Service temporarily unavailable. Please try again later."
    assert answer.json() == {"status": "error", "message": text, "messege": text, "retry_after": 5}
    assert answer.headers["retry-after"] == "5"


def test_an_unexpected_error_tells_nothing_to_anybody(client: TestClient) -> None:
    log = io.StringIO()
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(log))
    try:
        answer = client.get("/api/broken", params={"key": "sk-secret"})
    finally:
        structlog.reset_defaults()
    text = "Internal server error. Please try again."
    assert (answer.status_code, answer.json()) == (500, {"status": "error", "message": text, "messege": text})
    said = log.getvalue()
    assert "ZeroDivisionError" in said
    assert "test_app.py" in said
    assert answer.headers["x-request-id"] in said
    assert SECRET_PROMPT not in said
    assert "sk-secret" not in said


def test_an_unexpected_error_outside_the_api_is_plain(client: TestClient) -> None:
    answer = client.get("/broken")
    assert answer.text == "Internal Server Error. Internal server error. Please try again.\n"


@pytest.mark.parametrize("path", ["/api", "/api/", "/api/v6/images/unknown", "/api/v9", "/files"])
def test_an_unknown_address_of_the_api_is_answered_in_its_shape(client: TestClient, path: str) -> None:
    answer = client.post(path)
    assert answer.status_code == 404
    assert answer.json()["status"] == "error"
    assert answer.json()["message"] == answer.json()["messege"]


def test_a_wrong_method_says_which_is_right(client: TestClient) -> None:
    answer = client.get("/api/v6/images/text2img")
    assert answer.status_code == 405
    assert answer.headers["allow"] == "POST"
    assert answer.json()["status"] == "error"


@pytest.mark.parametrize("path", ["/healthz", "/api/unknown", "/api/broken", "/files/x/y", "/nothing"])
def test_every_answer_carries_the_security_headers(client: TestClient, path: str) -> None:
    headers = client.get(path).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"


@pytest.mark.parametrize("path", ["/api/wallet_balance", "/api/broken"])
def test_a_browser_of_any_origin_may_call_the_api(client: TestClient, path: str) -> None:
    asked = {"Origin": "https://x.example", "Access-Control-Request-Method": "POST"}
    allowed = client.options(path, headers=asked | {"Access-Control-Request-Headers": "content-type, x-api-key"})
    assert allowed.status_code == 200
    assert "x-api-key" in allowed.headers["access-control-allow-headers"].lower()
    answer = client.post(path, headers={"Origin": "https://x.example"})
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-credentials" not in answer.headers


def test_pages_are_closed_to_other_origins(client: TestClient) -> None:
    assert "access-control-allow-origin" not in client.get("/healthz", headers={"Origin": "https://x.example"}).headers


@pytest.mark.parametrize(
    ("sent", "seen"),
    [
        ("/api/v6/images/fetch/7/", "/api/v6/images/fetch/7"),
        ("//api//v6/images/fetch/7", "/api/v6/images/fetch/7"),
        ("http://easel.test/api/v3/fetch/7", "/api/v3/fetch/7"),
        ("https://easel.test:8000/api/v3/fetch/7/", "/api/v3/fetch/7"),
        ("/models/", "/models/"),
        ("/files/a//b", "/files/a//b"),
    ],
)
def test_paths_are_tidied(sent: str, seen: str) -> None:
    scopes: list[Scope] = []

    async def app(scope: Scope, receive: Any, send: Any) -> None:
        scopes.append(scope)

    async def receive() -> Message:
        return {}

    async def send(message: Message) -> None: ...

    coroutine = TidyPath(app)({"type": "http", "path": sent}, receive, send)
    with pytest.raises(StopIteration):
        coroutine.send(None)
    assert scopes[0]["path"] == seen


@pytest.mark.parametrize("target", ["http://[", "https://[x", "http://[/api/v6/images/text2img"])
def test_a_request_line_that_is_no_address_is_a_404(target: str) -> None:
    """Put by hand: a client library would not send it."""
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b""}

    async def send(message: Message) -> None:
        sent.append(message)

    scope: Scope = {"type": "http", "method": "GET", "path": target, "query_string": b"", "headers": [(b"host", b"[")]}
    asyncio.run(create_app(nowhere())(scope, receive, send))
    assert sent[0]["status"] == 404
    assert b"Not Found. There is nothing at this address." in sent[1]["body"]
    assert b"x-request-id" in dict(sent[0]["headers"])


@pytest.mark.parametrize("kind", Kind)
def test_every_kind_has_a_status(kind: Kind) -> None:
    assert 400 <= STATUS[kind] < 600


def test_every_refusal_becomes_its_sentence() -> None:
    for refusal in all_below(DomainError):
        error = refusal.__new__(refusal)
        Exception.__init__(error, "a sentence")
        vars(error).setdefault("retry_after", 1)
        assert refusal_of(error).status == STATUS[refusal.kind]
        assert refusal_of(error).message == "a sentence"


def all_below(kind: type[DomainError]) -> list[type[DomainError]]:
    return [below for child in kind.__subclasses__() for below in (child, *all_below(child))]


def test_openapi_tells_of_every_route(client: TestClient) -> None:
    document = client.get("/openapi.json").json()
    fields = document["paths"]["/api/v6/images/text2img"]["post"]
    schema = fields["requestBody"]["content"]["application/json"]["schema"]
    assert {"key", "prompt", "model_id", "num_inference_steps", "seed"} <= set(schema["properties"])
    assert schema["required"] == ["prompt"]
    assert {"200", "400", "401", "402", "429", "500", "503"} <= set(fields["responses"])
    operations = [operation["operationId"] for path in document["paths"].values() for operation in path.values()]
    assert len(operations) == len(set(operations))


def test_openapi_names_every_part_of_a_path(client: TestClient) -> None:
    for path, operations in client.get("/openapi.json").json()["paths"].items():
        for operation in operations.values():
            said = {one["name"] for one in operation.get("parameters", []) if one["in"] == "path"}
            assert said == set(re.findall(r"{(\w+)}", path)), path


def test_documentation_pages_need_no_other_host(client: TestClient) -> None:
    page = client.get("/docs")
    assert page.status_code == 200
    assert not re.search(r'(?:src|href|action)="(?:https?:)?//(?!easel\.test)', page.text)


def test_openapi_gives_each_error_in_its_dialects_shape(client: TestClient) -> None:
    document = client.get("/openapi.json").json()
    checked = 0
    for path, operations in document["paths"].items():
        for operation in operations.values():
            if "security" not in operation:
                continue
            for status in ("401", "403", "500", "503"):
                said = operation["responses"][status]["content"]["application/json"]
                assert said["schema"], path
                assert ("messege" in said["example"]) == (path.startswith("/api/") and "/agents/" not in path), path
                checked += 1
    assert checked > 100
    assert "HTTPValidationError" not in json.dumps(document)
    body = document["paths"]["/api/v6/images/text2img"]["post"]["requestBody"]["content"]["application/json"]
    assert body["example"]["prompt"]


def test_the_explorer_needs_no_other_host(client: TestClient) -> None:
    page = client.get("/docs/api")
    assert "unsafe" not in page.headers["content-security-policy"]
    for address in re.findall(r'(?:src|href)="([^"]+)"', page.text):
        assert address.startswith("/"), address
        if address.startswith("/docs/api/"):
            assert client.get(address).status_code == 200, address
    assert client.get("/docs/api/nothing").status_code == 404
    assert client.get("/docs/api/..%2Fapp.py").status_code == 404


def test_the_answer_function_is_the_one_way_out() -> None:
    request = Request({"type": "http", "method": "GET", "path": "/api/x", "headers": [], "query_string": b""})
    assert answer(request, ValueError("x")).media_type == "application/json"
