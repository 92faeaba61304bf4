"""Times in requests."""

from datetime import UTC, datetime

from scanward.web.problems import Problem


def aware(moment: datetime | None) -> datetime | None:
    """Return a time as aware UTC; raises `Problem` 422 where it has no offset."""
    if moment is None:
        return None
    if moment.utcoffset() is None:
        raise Problem(422, "expected a time with an offset, such as 2026-11-20T08:00:00Z")
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise Problem(422, "expected a time between the years 1 and 9999") from None
