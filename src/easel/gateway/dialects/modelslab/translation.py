"""`multi_lingual`: the prompts of a request in English, before anything else is made of them."""

from dataclasses import dataclass, field
from typing import Final

from starlette.concurrency import run_in_threadpool

from easel.accounts.tables import Scope
from easel.gateway.auth import as_key
from easel.gateway.dialects.modelslab.schemas import Finishing
from easel.gateway.incoming import Fields
from easel.gateway.services import Services
from easel.wording.screen import refuse_minors

PROMPTS: Final = ("prompt", "negative_prompt")
NOBODY_TRANSLATES: Final = "multi_lingual: no translator is installed here, so the prompt was used as it is."


@dataclass(frozen=True, slots=True)
class Translation:
    fields: Fields
    warnings: list[str] = field(default_factory=list[str])


async def in_english(services: Services, key: str, fields: Fields) -> Translation:
    """The fields with their prompts translated, where they ask for it.

    Nobody without a good key has anything translated, and nothing that is refused in its own language becomes
    presentable in another. Raises NotAuthenticated, NotAllowed, InvalidRequest, or Unavailable where the translator is
    away.
    """
    if not Finishing.read(fields).multi_lingual:
        return Translation(fields)
    if services.translator is None:
        return Translation(fields, [NOBODY_TRANSLATES])
    await as_key(services, key, Scope.GENERATE, lambda session, used: None)
    translated = dict(fields)
    for name in PROMPTS:
        text = fields.get(name)
        if isinstance(text, str) and text.strip():
            refuse_minors(text if name == "prompt" else "")
            translated[name] = await run_in_threadpool(services.translator, text)
    return Translation(translated)
