"""Every operation of the OpenAPI document, asked for what it says it takes: it answers as it says it does.

A few requests each, so that it is quick. More of them, for as long as one likes:

    EASEL_FUZZ_EXAMPLES=500 python -m pytest tests/integration/gateway/test_every_operation.py
"""

import os
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.python.asgi import shutdown_lifespans
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from shop import Shop

from easel.gateway.app import create_app

EXAMPLES = int(os.environ.get("EASEL_FUZZ_EXAMPLES", "2"))

CONFORMANCE = [status_code_conformance, content_type_conformance, response_schema_conformance]
"""What a request is worth is ours to say: the dialects read values more kindly than a schema can say."""


@pytest.fixture
def document(shop: Shop) -> Iterator[Any]:
    yield schemathesis.openapi.from_asgi("/openapi.json", create_app(shop.services))
    shutdown_lifespans()


@pytest.mark.timeout(0 if EXAMPLES > 10 else 300)
def test_every_operation_answers_as_documented(document: Any, shop: Shop) -> None:
    asked: set[str] = set()
    faults: list[str] = []
    for found in document.get_all_operations():
        operation = found.ok()
        asked.add(operation.label)
        try:
            _ask(operation, {"Authorization": f"Bearer {shop.key}"})
        except (AssertionError, BaseExceptionGroup) as fault:
            faults.append(f"{operation.label}: {fault!r} {getattr(fault, 'exceptions', '')}"[:1500])
    assert not faults, "\n".join(faults)
    assert len(asked) > 60


def _ask(operation: Any, headers: dict[str, str]) -> None:
    @given(case=operation.as_strategy())
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        derandomize=EXAMPLES <= 10,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def ask(case: Any) -> None:
        response = case.call(headers=headers)
        said = response.text[:500]
        assert response.status_code != 500, f"{operation.label}: {said}"
        case.validate_response(response, checks=CONFORMANCE)

    ask()
