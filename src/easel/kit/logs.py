"""Logging: one line an event, keys and values, nothing secret.

Log ids, counts, durations and error classes. Never a key, a link with a signature, or a prompt.
"""

import logging
import sys

import structlog
from structlog.typing import Processor


def configure(process: str, *, level: str = "INFO", json: bool = False) -> None:
    """Send structlog and the standard library's loggers to stderr in one shape, marked with the process name."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        _naming(process),
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    console = structlog.dev.ConsoleRenderer(
        colors=sys.stderr.isatty(),
        exception_formatter=structlog.dev.plain_traceback,  # the default one shows local variables: keys, prompts
    )
    renderer = structlog.processors.JSONRenderer() if json else console
    last: list[Processor] = [structlog.stdlib.ProcessorFormatter.remove_processors_meta]
    if json:
        last.append(structlog.processors.format_exc_info)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=[*last, renderer]))
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    logging.getLogger("easel").setLevel(level)
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level]),
        # All under "easel": what we say is shown from `level` on, what libraries say from warnings on.
        logger_factory=lambda *_: logging.getLogger("easel.events"),
    )


def _naming(process: str) -> Processor:
    """Marks the lines of every thread; a context variable would be seen by the one that set it alone."""

    def name(_: object, __: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
        return {**event, "process": process}

    return name
