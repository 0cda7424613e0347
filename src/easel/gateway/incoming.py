"""A request's fields, however they were sent: JSON, form, multipart or query string; the body wins over the query.

The type that a client gives its body is a hint and no more: `curl -d '{...}'` calls JSON a form.
"""

import json
from dataclasses import dataclass
from json import JSONDecodeError
from typing import Final, TypeAlias, cast
from urllib.parse import parse_qsl

from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException
from starlette.requests import Request

from easel.gateway.errors import UnreadableBody
from easel.gateway.limits import MAX_BODY_BYTES, BodyTooLarge

MOST_FIELDS: Final = 1000

Fields: TypeAlias = dict[str, object]


@dataclass(frozen=True, slots=True)
class Incoming:
    query: Fields
    body: Fields

    @property
    def fields(self) -> Fields:
        return self.query | self.body


async def read_incoming(request: Request) -> Incoming:
    """Raises UnreadableBody with a sentence that says where it stops being readable."""
    return Incoming(dict(request.query_params), await _read_body(request))


async def _read_body(request: Request) -> Fields:
    content_type = request.headers.get("content-type", "").lower()
    if content_type.startswith("multipart/form-data"):
        return await _read_multipart(request)
    body = (await request.body()).strip()
    if not body:
        return {}
    if content_type.startswith("application/x-www-form-urlencoded") and not body.startswith(b"{"):
        return _read_form(body)
    return _read_json(body)


def _read_form(body: bytes) -> Fields:
    try:
        return dict(parse_qsl(body.decode(errors="replace"), keep_blank_values=True, max_num_fields=MOST_FIELDS))
    except ValueError:
        raise UnreadableBody(f"The form has more than {MOST_FIELDS} fields.") from None


def _read_json(body: bytes) -> Fields:
    try:
        value = json.loads(body)
    except JSONDecodeError as error:
        raise UnreadableBody(
            f"The body is no valid JSON: {error.msg} at line {error.lineno}, column {error.colno}."
        ) from None
    except UnicodeDecodeError:
        raise UnreadableBody("The body is no valid JSON: it is not UTF-8 text.") from None
    except ValueError:
        raise UnreadableBody("The body is no usable JSON: a number in it has too many digits.") from None
    except RecursionError:
        raise UnreadableBody("The body is no usable JSON: it is nested too deeply.") from None
    if not isinstance(value, dict):
        raise UnreadableBody('The body is JSON, but no object; send one like {"key": "...", "prompt": "..."}.')
    return cast(Fields, value)


async def _read_multipart(request: Request) -> Fields:
    """Of a name that is sent again the last value counts, unless the name says that it is a list: `image[]`."""
    try:
        form = await request.form(max_part_size=MAX_BODY_BYTES)
    except BodyTooLarge:
        raise
    except (MultiPartException, HTTPException, KeyError, ValueError):
        raise UnreadableBody("The body is no readable multipart form; check its boundary.") from None
    try:
        fields: Fields = {}
        for name, part in form.multi_items():
            value = await _read_part(part)
            if name.endswith("[]"):
                value = [*cast(list[object], fields.get(name, [])), value]
            fields[name] = value
        return fields
    finally:
        await form.close()


async def _read_part(part: UploadFile | str) -> object:
    return part if isinstance(part, str) else await part.read()
