"""The reviewer desk takes the package that `allowlist draft` wrote, and sends back every spoiled one."""

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest

from sandbox.flexpay import desk_client
from sandbox.flexpay.desk_client import SaysNo
from sandbox.flexpay.server import running
from sandbox.flexpay.submission import digest
from tests.engine.story import Story

pytestmark = pytest.mark.engine

Document = dict[str, Any]
Spoil = Callable[[Document], None]


def entry(**changed: Any) -> Spoil:
    """Change the first address."""
    return lambda document: document["addresses"][0].update(changed)


def top(**changed: Any) -> Spoil:
    return lambda document: document.update(changed)


def inner(member: str, **changed: Any) -> Spoil:
    return lambda document: document[member].update(changed)


SPOILED: dict[str, tuple[Spoil, str]] = {
    "private address": (entry(address="10.1.2.3"), "10.1.2.3: is private"),
    "shared address space": (entry(address="100.64.0.9"), "100.64.0.9: is "),
    "link-local": (entry(address="169.254.1.1"), "169.254.1.1: is "),
    "multicast": (entry(address="224.0.0.5"), "224.0.0.5: is "),
    "reserved": (entry(address="240.0.0.1"), "240.0.0.1: is "),
    "documentation range": (entry(address="203.0.113.7"), "203.0.113.7: is "),
    "IPv6": (entry(address="2606:4700::1"), "is IPv6"),
    "range": (entry(address="127.1.2.0/24"), "is a range"),
    "leading zeros": (entry(address="127.001.002.003"), "not an IPv4 address"),
    "host name": (entry(address="egress.acme.example"), "not an IPv4 address"),
    "listed twice": (
        lambda document: document["addresses"].append(copy.deepcopy(document["addresses"][0])),
        "is listed twice",
    ),
    "no purpose": (entry(purpose=" "), "has no purpose"),
    "shared with others": (entry(dedicated=False), "not confirmed as dedicated"),
    "nobody's": (entry(allocationId=None), "has neither allocation nor an owner"),
    "removal of what was never listed": (
        entry(change="remove", changeFor={"acme-air": "remove"}),
        "so the change is add, not remove",
    ),
    "for a stranger": (entry(changeFor={"acme-boats": "add"}), "changeFor names acme-boats"),
    "retired before it starts": (
        entry(effectiveFrom="2030-02-01", retireAfter="2030-01-01"),
        "before it comes into use",
    ),
    "no address at all": (top(addresses=[]), "addresses"),
    "another environment": (top(environment="production"), "environment: 'production' is not reviewed here"),
    "another version": (top(submissionVersion=2), "submissionVersion: 2 is not one we read"),
    "no revision": (top(revision=0), "0 is not a whole number from 1"),
    "another party": (
        lambda document: document["merchants"][0].update(legalEntity="Somebody Else"),
        "is not the contract's party",
    ),
    "another integration": (
        lambda document: document["merchants"][0].update(integrationId="UP-1"),
        "is not the one acme-air was given",
    ),
    "nobody to ask about security": (inner("contacts", security=""), "contacts.security"),
    "plain http": (inner("destination", serverUrl="http://localhost"), "is not an https URL"),
    "host left out": (inner("destination", hosts=["example.com"]), "does not name localhost"),
    "not comprehensive by its own word": (
        top(incomplete=["a second VPC could not be read"]),
        "may not be comprehensive",
    ),
    "from the future": (top(createdAt="2999-01-01T00:00:00Z"), "lies in the future"),
    "approvals that never were": (
        top(previous={"approvedFor": {"acme-air": ["127.9.9.9"]}}),
        "but our list has nothing",
    ),
}


def test_it_takes_our_package_and_sends_back_what_is_spoiled(story: Story) -> None:
    raw = (story.project.world.state / "submissions" / "sandbox-rev-1" / "submission.json").read_bytes()
    ours: Document = json.loads(raw)
    merchants = [(one["name"], one["integrationId"], one["legalEntity"]) for one in ours["merchants"]]
    assert len(SPOILED) >= 20
    with running(merchants=merchants) as partner:

        def refused(body: bytes) -> str:
            with pytest.raises(SaysNo) as no:
                desk_client.call(partner.desk, "POST", "/submissions", raw=body)
            return str(no.value)

        for name, (spoil, reason) in SPOILED.items():
            document = copy.deepcopy(ours)
            spoil(document)
            # the digest fits again, so that nothing but the spoiled part is held against it
            document["digest"]["value"] = digest(document)
            told = refused(json.dumps(document).encode())
            assert reason in told, f"{name}: {told}"
            assert "digest" not in told, name
        tampered = copy.deepcopy(ours)
        tampered["addresses"][0]["address"] = "127.9.9.9"
        assert refused(json.dumps(tampered).encode()).startswith("digest.value: does not match")
        assert "not readable" in refused(raw[:-40])
        assert "occurs twice" in refused(raw.replace(b'"revision": 1,', b'"revision": 1, "revision": 1,'))
        assert desk_client.call(partner.desk, "GET", "/submissions") == []

        taken = desk_client.call(partner.desk, "POST", "/submissions", raw=raw)
        assert (taken["status"], sorted(taken["changes"])) == ("waiting", sorted(story.addresses))
        decided = desk_client.call(
            partner.desk, "POST", f"/submissions/{taken['id']}/approve", {"ticket": "FP-1"}
        )
        assert decided["status"] == "approved"
        for merchant, _, _ in merchants:
            assert partner.book.approved_for(merchant) == set(story.addresses)
