"""From what was seen to a verdict per zone. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address

from sandbox.netlab.plan import Declared


@dataclass(frozen=True)
class Seen:
    """What came of the calls from one private subnet, in allocated addresses."""

    addresses: tuple[IPv4Address, ...]
    """What each echo saw; empty when none answered."""
    trouble: str = ""
    """Why an echo did not answer."""
    status: int | None = None
    """The partner's answer to a token call of nobody it knows; None: no answer."""


@dataclass(frozen=True)
class Verdict:
    """One zone's outcome."""

    zone: str
    expected: IPv4Address
    found: tuple[IPv4Address, ...]
    right: bool
    listed: bool | None
    """Whether the partner's list let the call in; None: it cannot be told."""
    fact: str


def judge(declared: Declared, seen: Seen, owners: Mapping[IPv4Address, str]) -> Verdict:
    """Compare; ``owners`` names the zone that each declared address belongs to."""
    found = tuple(sorted(set(seen.addresses)))
    listed = {401: True, 403: False}.get(seen.status or 0)
    right = found == (declared.address,) and not seen.trouble
    return Verdict(
        declared.zone, declared.address, found, right, listed, _fact(declared, seen, found, owners)
    )


def _fact(
    declared: Declared, seen: Seen, found: tuple[IPv4Address, ...], owners: Mapping[IPv4Address, str]
) -> str:
    if not found:
        return f"{declared.zone}: no way out to the partner ({seen.trouble}); declared is {declared.address}"
    if found != (declared.address,):
        named = " and ".join(
            f"{one} ({f'the address of {owners[one]}' if one in owners else 'declared for no zone'})"
            for one in found
        )
        return f"{declared.zone}: traffic leaves from {named}; declared is {declared.address}"
    if seen.trouble:
        return f"{declared.zone}: {declared.address} was seen by one echo only ({seen.trouble})"
    answers = {401: "the partner's list lets it in", 403: "it is not on the partner's list"}
    answer = answers.get(seen.status or 0, f"the partner answered {seen.status or 'nothing'}")
    return f"{declared.zone}: traffic leaves from {declared.address}, as declared; {answer}"
