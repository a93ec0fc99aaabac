"""The reviewer reads a submission: the sound one goes in, each spoiled one comes back for its reason."""

import copy
import json
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from sandbox.flexpay.book import Merchant
from sandbox.flexpay.messages import parse
from sandbox.flexpay.submission import COVERS, digest, examine
from sandbox.flexpay.submission_addresses import Known

Document = dict[str, Any]
TODAY = date(2026, 11, 23)
OLD, FIRST, SECOND = "127.0.10.1", "127.0.10.2", "52.20.30.40"
MERCHANTS = {
    "acme-air": Merchant("acme-air", "UP-12345678-9", "Acme Air Inc."),
    "acme-shop": Merchant("acme-shop", "UP-12345679-9", "Acme Shop Inc."),
}
KNOWN = Known(
    environment="sandbox",
    hosts=frozenset({"localhost"}),
    merchants=MERCHANTS,
    approved={"acme-air": frozenset({OLD}), "acme-shop": frozenset()},
    last_revision=1,
    today=TODAY,
)


def address(ip: str, change: str, changes: dict[str, str], **more: Any) -> Document:
    return {
        "address": ip,
        "slot": "use1-az1/1",
        "zone": "use1-az1",
        "region": "us-east-1",
        "accountId": "123456789012",
        "allocationId": "eipalloc-0123456789abcdef0",
        "natGatewayId": "nat-0123456789abcdef0",
        "role": "active",
        "owner": None,
        "dedicated": True,
        "purpose": "checkout servers",
        "change": change,
        "changeFor": changes,
        "effectiveFrom": None,
        "retireAfter": None,
        **more,
    }


def sealed(document: Document) -> Document:
    value = digest(document)
    return {**document, "digest": {"algorithm": "sha-256", "value": value, "covers": COVERS}}


def sound() -> Document:
    return sealed(
        {
            "submissionVersion": 1,
            "submission": "sandbox-rev-2",
            "revision": 2,
            "environment": "sandbox",
            "createdAt": "2026-11-23T20:00:00Z",
            "merchants": [
                {"name": one.name, "legalEntity": one.legal_entity, "integrationId": one.integration_id}
                for one in MERCHANTS.values()
            ],
            "contacts": {"legalEntity": "Acme", "owner": "platform@acme.example", "security": "+1 555 1444"},
            "destination": {
                "serverUrl": "https://localhost:8443",
                "hosts": ["localhost"],
                "ports": [8443],
            },
            "addresses": [
                address(OLD, "add", {"acme-air": "keep", "acme-shop": "add"}),
                address(
                    FIRST, "add", {"acme-air": "add", "acme-shop": "add"}, role="spare", natGatewayId=None
                ),
                address(
                    SECOND,
                    "add",
                    {"acme-air": "add"},
                    owner="Hosting Ltd.",
                    dedicated=None,
                    zone=None,
                    accountId=None,
                    allocationId=None,
                ),
            ],
            "previous": {
                "revision": 1,
                "submission": "sandbox-rev-1",
                "approvedAddresses": [OLD],
                "approvedFor": {"acme-air": [OLD]},
            },
            "established": {"stacks": ["sandbox"], "calls": [], "at": "2026-11-23T20:00:00Z"},
            "incomplete": [],
            "notes": [],
            "tickets": [],
        }
    )


def test_a_sound_submission_is_taken_in() -> None:
    package, reasons = examine(sound(), KNOWN)
    assert reasons == []
    assert package is not None
    assert package.merchants == ("acme-air", "acme-shop")
    assert [entry.address for entry in package.entries] == [OLD, FIRST, SECOND]


def test_members_that_nobody_knows_are_ignored() -> None:
    assert examine(sealed({**sound(), "colour": "blue"}), KNOWN)[1] == []


def test_removal_is_taken_in() -> None:
    document = sound()
    gone = {"acme-air": "remove"}
    document["addresses"][0] = address(OLD, "remove", gone, slot=None, zone=None, role=None, dedicated=None)
    package, reasons = examine(sealed(document), KNOWN)
    assert reasons == []
    assert package is not None
    assert package.entries[0].changes == gone


def _set(*path: str | int, to: Any) -> Callable[[Document], None]:
    def spoil(document: Document) -> None:
        holder: Any = document
        for part in path[:-1]:
            holder = holder[part]
        holder[path[-1]] = to

    return spoil


def _without(*path: str | int) -> Callable[[Document], None]:
    def spoil(document: Document) -> None:
        holder: Any = document
        for part in path[:-1]:
            holder = holder[part]
        del holder[path[-1]]

    return spoil


def _ip(text: Any) -> Callable[[Document], None]:
    return _set("addresses", 1, "address", to=text)


def _twice(document: Document) -> None:
    document["addresses"].append(copy.deepcopy(document["addresses"][1]))


def _one_merchant_twice(document: Document) -> None:
    document["merchants"].append(document["merchants"][0])


def _forgotten(document: Document) -> None:
    del document["addresses"][0]


SPOILED: dict[str, tuple[Callable[[Document], None], str]] = {
    "private, class A": (_ip("10.1.2.3"), "private (RFC 1918)"),
    "private, class B": (_ip("172.31.0.1"), "private (RFC 1918)"),
    "private, class C": (_ip("192.168.1.1"), "private (RFC 1918)"),
    "carrier-grade": (_ip("100.64.0.1"), "carrier"),
    "link-local": (_ip("169.254.169.254"), "link-local"),
    "this network": (_ip("0.1.2.3"), "reserved"),
    "documentation": (_ip("203.0.113.10"), "documentation"),
    "benchmark": (_ip("198.18.0.1"), "benchmarks"),
    "multicast": (_ip("224.0.0.1"), "multicast"),
    "future use": (_ip("255.255.255.255"), "reserved"),
    "IPv6": (_ip("2001:db8::1"), "IPv6"),
    "a range": (_ip("52.1.2.0/24"), "is a range"),
    "leading zeros": (_ip("52.01.2.3"), "not an IPv4 address"),
    "a name": (_ip("nat.acme.example"), "not an IPv4 address"),
    "a number": (_ip(875_770_417), "has no address"),
    "listed twice": (_twice, "is listed twice"),
    "no purpose": (_set("addresses", 1, "purpose", to="  "), "has no purpose"),
    "a purpose that says nothing": (_set("addresses", 1, "purpose", to="TBD"), "has no purpose"),
    "no zone": (_set("addresses", 1, "zone", to=None), "neither zone nor an owner"),
    "no account": (_without("addresses", 1, "accountId"), "neither account nor an owner"),
    "shared": (_set("addresses", 1, "dedicated", to=False), "not confirmed as dedicated"),
    "shared, somebody else's": (_set("addresses", 2, "dedicated", to=False), "is shared with others"),
    "no role": (_set("addresses", 1, "role", to=None), "role is None"),
    "no addresses": (_set("addresses", to=[]), "addresses: is empty"),
    "digest of another document": (_set("digest", "value", to="0" * 64), "does not match"),
    "another digest": (_set("digest", "algorithm", to="md5"), "sha-256"),
    "no digest": (_without("digest"), "digest: is missing"),
    "unknown merchant": (_set("merchants", 1, "name", to="acme-boats"), "not a merchant we know"),
    "a merchant twice": (_one_merchant_twice, "is named twice"),
    "no merchant": (_set("merchants", to=[]), "merchants: is empty"),
    "another's integration ID": (_set("merchants", 0, "integrationId", to="UP-9-9"), "not the one acme-air"),
    "another legal entity": (_set("merchants", 0, "legalEntity", to="Ace"), "not the contract's party"),
    "another environment": (_set("environment", to="production"), "not reviewed here"),
    "no security contact": (_set("contacts", "security", to=""), "contacts.security: is missing"),
    "no contacts": (_without("contacts"), "contacts: is missing"),
    "an old revision": (_set("revision", to=1), "not newer than revision 1"),
    "no revision": (_set("revision", to="2"), "not a whole number"),
    "another name": (_set("submission", to="sandbox-rev-3"), "should be 'sandbox-rev-2'"),
    "another version": (_set("submissionVersion", to=2), "we read 1"),
    "plain http": (_set("destination", "serverUrl", to="http://localhost"), "not an https URL"),
    "another host": (
        _set("destination", "serverUrl", to="https://evil.example"),
        "not where this environment",
    ),
    "another port": (_set("destination", "ports", to=[443]), "does not name 8443"),
    "says it is incomplete": (
        _set("incomplete", to=[{"code": "c", "address": None, "text": "one VPC was not read"}]),
        "one VPC was not read",
    ),
    "added though listed": (_set("addresses", 0, "changeFor", "acme-air", to="add"), "not add"),
    "kept though not listed": (_set("addresses", 1, "changeFor", "acme-air", to="keep"), "not keep"),
    "removed though not listed": (_set("addresses", 1, "changeFor", "acme-air", to="remove"), "not remove"),
    "a change that is none": (_set("addresses", 1, "changeFor", "acme-air", to="swap"), "'swap'"),
    "a change that contradicts itself": (_set("addresses", 1, "change", to="keep"), "amounts to 'add'"),
    "for a merchant of nobody": (_set("addresses", 1, "changeFor", "x", to="add"), "changeFor names x"),
    "for no merchant": (_set("addresses", 1, "changeFor", to={}), "does not say for which merchants"),
    "an approved address forgotten": (_forgotten, f"{OLD} is on the list of acme-air"),
    "another idea of what is approved": (_set("previous", "approvedFor", to={}), "our list has 127.0.10.1"),
    "nothing approved, it says": (_set("previous", to=None), "our list has 127.0.10.1"),
    "nothing said of what is approved": (_without("previous"), "previous: is missing"),
    "written tomorrow": (_set("createdAt", to="2027-11-23T20:00:00Z"), "in the future"),
    "written whenever": (_set("createdAt", to="yesterday"), "not a UTC instant"),
    "from nowhere": (_set("established", "stacks", to=[]), "established.stacks: is empty"),
    "retired before it starts": (
        lambda document: document["addresses"][1].update(
            effectiveFrom="2026-12-24", retireAfter="2026-12-01"
        ),
        "before it comes into use",
    ),
    "retired already": (_set("addresses", 1, "retireAfter", to="2026-11-01"), "which is past"),
    "no such day": (_set("addresses", 1, "effectiveFrom", to="2026-11-31"), "is not a day"),
}


@pytest.mark.parametrize("name", SPOILED)
def test_a_spoiled_submission_comes_back_for_its_own_reason(name: str) -> None:
    spoil, expected = SPOILED[name]
    document = sound()
    spoil(document)
    if "digest" not in name:
        document = sealed(document)
    _, reasons = examine(document, KNOWN)
    assert any(expected in reason for reason in reasons), reasons
    if name not in FOLLOWED_BY_OTHERS:
        assert len(reasons) == 1, reasons


FOLLOWED_BY_OTHERS = {
    "unknown merchant",  # the addresses name the merchant that is not there now
    "no merchant",
    "another environment",  # the submission's name says the environment too
    "an old revision",
    "no addresses",  # and so the approved one is missing
    "another host",  # which hosts and ports do not name
    "removed though not listed",  # the entry then amounts to another change
    "kept though not listed",
    "a change that is none",
    "for no merchant",
    "added though listed",
}


@pytest.mark.parametrize("document", [None, [], "x", 7, {}, {"submissionVersion": 1}])
def test_what_is_no_submission_comes_back(document: Any) -> None:
    package, reasons = examine(document, KNOWN)
    assert reasons
    assert package is None or not package.entries


def test_all_problems_are_told_at_once() -> None:
    document = sound()
    for spoil, _ in (SPOILED["private, class A"], SPOILED["no security contact"], SPOILED["plain http"]):
        spoil(document)
    assert len(examine(sealed(document), KNOWN)[1]) == 3


def test_any_change_to_the_document_breaks_its_digest() -> None:
    document = sound()
    for member in document.keys() - {"digest"}:
        changed = {**document, member: "changed"}
        assert digest(changed) != document["digest"]["value"], member


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b'{"a": 1, "a": 2}', "occurs twice"),
        (b'{"a": NaN}', "NaN"),
        (b"{", "Expecting"),
        (b'"\xff"', "utf-8"),
    ],
)
def test_json_that_can_be_read_in_two_ways_is_not_read(text: bytes, expected: str) -> None:
    with pytest.raises(ValueError, match=expected):
        parse(text)


def test_what_is_sent_is_what_is_read() -> None:
    assert parse(json.dumps(sound()).encode()) == sound()


HARD: list[Any] = [
    *(None, True, 0, -1, 1.5, float("inf"), 10**30, "", " ", "x", "\ud800", [], {}, [None], [[]], [{}]),
    *({"x": None}, "https://[", "https://a:b", OLD, "1.2.3", "2026-99-99", "acme-air"),
]


def _places(value: Any) -> list[tuple[Any, Any]]:
    """Return every (holder, key) of a JSON document."""
    found: list[tuple[Any, Any]] = []
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
        found.append((value, key))
        if isinstance(inner, dict | list):
            found.extend(_places(inner))
    return found


def test_whatever_stands_in_a_member_the_answer_is_a_list_of_reasons() -> None:
    for index in range(len(_places(sound()))):
        for value in HARD:
            document = sound()
            holder, key = _places(document)[index]
            holder[key] = value
            _, reasons = examine(document, KNOWN)
            assert all(isinstance(reason, str) for reason in reasons)


def test_both_sides_mean_the_same_document() -> None:
    from onboarding.allowlist import submission as ours

    document = sound()
    assert ours.faults(document) == ()
    assert ours.digest_of(document) == digest(document)
    assert ours.digest_of({**document, "notes": ["Zürich, 12 %"]}) == digest(
        {**document, "notes": ["Zürich, 12 %"]}
    )


def test_a_drafted_package_is_taken_in() -> None:
    from datetime import UTC, datetime
    from ipaddress import IPv4Address

    from onboarding.allowlist import submission as ours
    from onboarding.deployment import Contacts, Orders, Partner, Role
    from onboarding.deployment import Merchant as Ours

    add, keep, remove = ours.Change.ADD, ours.Change.KEEP, ours.Change.REMOVE
    known = Known("sandbox", KNOWN.hosts, MERCHANTS, {"acme-air": frozenset({OLD, FIRST})}, 1, TODAY)
    drafted = ours.Submission(
        environment="sandbox",
        revision=2,
        created_at=datetime(2026, 11, 23, 20, tzinfo=UTC),
        merchants=tuple(
            Ours(one.name, one.integration_id, one.legal_entity, "flexpay/sandbox/x", "arn:x")
            for one in MERCHANTS.values()
        ),
        contacts=Contacts("Acme", "platform@acme.example", "soc@acme.example"),
        partner=Partner("https://localhost:8443", "/api/checkout", Orders.TEST),
        addresses=(
            ours.SubmittedAddress(
                IPv4Address(OLD),
                {"acme-air": keep, "acme-shop": add},
                "checkout servers leave through a NAT gateway",
                role=Role.ACTIVE,
                allocation_id="eipalloc-0123456789abcdef0",
                dedicated=True,
                zone="use1-az1",
                region="us-east-1",
                account_id="123456789012",
            ),
            ours.SubmittedAddress(IPv4Address(FIRST), {"acme-air": remove}, "is not used any more"),
            ours.SubmittedAddress(
                IPv4Address(SECOND),
                {"acme-shop": add},
                "mobile back end",
                role=Role.ACTIVE,
                owner="Hosting Ltd.",
            ),
        ),
        previous=ours.Previous(
            {"acme-air": frozenset({IPv4Address(OLD), IPv4Address(FIRST)})}, 1, "sandbox-rev-1"
        ),
        stacks=("sandbox",),
        calls=("ec2:DescribeAddresses 123456789012 us-east-1",),
    )
    package, reasons = examine(ours.to_document(drafted), known)
    assert reasons == []
    assert package is not None
    assert {entry.address: dict(entry.changes) for entry in package.entries} == {
        OLD: {"acme-air": "keep", "acme-shop": "add"},
        FIRST: {"acme-air": "remove"},
        SECOND: {"acme-shop": "add"},
    }
