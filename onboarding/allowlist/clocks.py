"""Pure: how a moment is written, how long something has lasted, and when that is too long."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

SATURDAY = 5
BUSINESS_DAYS_A_WEEK = 5
A_WEEK = 7


@dataclass(frozen=True)
class Limits:
    """When waiting becomes worth a warning."""

    usual_answer_business_days: int = 10
    """The partner names no time for its review; ten is twice the longest that comparable partners do."""
    unproven_days: int = 7
    """An approved address should be proven soon, or nobody knows whether the approval took effect."""
    proof_days: int = 30


def instant(at: datetime) -> str:
    """Return an aware time as every document writes it, ``2026-11-20T09:30:00Z``: UTC, cut to the second."""
    # strftime would write the year 1 with one digit, which nothing reads back
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def days(since: datetime, now: datetime) -> int:
    """Return whole days between two aware times; 0 where a clock runs ahead."""
    return max((now - since).days, 0)


def business_days(since: datetime, now: datetime) -> int:
    """Return the Mondays to Fridays that began after ``since``, up to ``now``; days in UTC.

    Holidays count as business days, since nobody told us the partner's calendar.
    """
    start, end = since.date(), now.date()
    if end <= start:
        return 0
    weeks, rest = divmod((end - start).days, A_WEEK)
    extra = sum(_works(start + timedelta(days=A_WEEK * weeks + day)) for day in range(1, rest + 1))
    return weeks * BUSINESS_DAYS_A_WEEK + extra


def _works(day: date) -> bool:
    return day.weekday() < SATURDAY
