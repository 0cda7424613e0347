"""Tables that people take with them, for the days that they say."""

from datetime import UTC, datetime, timedelta

from fastapi import Response

from easel.domain.errors import InvalidRequest


def days(since: str, until: str, now: datetime) -> tuple[datetime, datetime]:
    """From the first day to the end of the last one (UTC), as a browser's date fields write them.

    What is left out is this month, up to now. Raises InvalidRequest for what is no day.
    """
    first = _day("since", since) if since else now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return first, _day("until", until) + timedelta(days=1) if until else now


def as_csv(name: str, text: str) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "private, no-store"}
    return Response(text, media_type="text/csv; charset=utf-8", headers=headers)


def _day(field: str, text: str) -> datetime:
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        raise InvalidRequest(field, f"Write the day like 2026-11-01, not {text[:20]!r}.") from None
