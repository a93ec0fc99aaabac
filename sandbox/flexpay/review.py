"""What the reviewer decides: takes in submissions, approves, rejects, issues credentials."""

import uuid
from collections.abc import Sequence
from typing import Any

from sandbox.flexpay.book import Approval, Book
from sandbox.flexpay.clock import Clock
from sandbox.flexpay.gate import Gate
from sandbox.flexpay.submission import examine
from sandbox.flexpay.submission_addresses import Known


class NotAccepted(Exception):  # noqa: N818 - it is an answer to the merchant
    """The submission is sent back; ``reasons`` say why, all of them at once."""

    def __init__(self, reasons: Sequence[str]) -> None:
        super().__init__("; ".join(reasons))
        self.reasons = tuple(reasons)


class NotYet(Exception):  # noqa: N818 - it is an answer to the merchant
    """What was asked for is not possible at this point; the message says what has to come first."""


class Reviewer:
    """The desk's decisions, kept in the book."""

    def __init__(self, book: Book, clock: Clock, gate: Gate, environment: str, hosts: Sequence[str]) -> None:
        self._book = book
        self._clock = clock
        self._gate = gate
        self._environment = environment
        self._hosts = frozenset(hosts)

    def receive(self, raw: Any) -> str:
        """Take in a submission (parsed JSON); returns its id.

        An older one of the same merchants that nobody has decided yet is superseded by it. Raises
        NotAccepted with all reasons.
        """
        with self._book.lock:
            package, reasons = examine(raw, self._known())
            if package is None or reasons:
                raise NotAccepted(reasons)
            for older in self._book.submissions.values():
                if older["status"] == "waiting" and set(older["merchants"]) & set(package.merchants):
                    older["status"] = "superseded"
            number = len(self._book.submissions) + 1
            submission_id = f"SUB-{number:04d}-{uuid.uuid4().hex[:6]}"
            self._book.submissions[submission_id] = {
                "id": submission_id,
                "receivedAt": self._now(),
                "revision": package.revision,
                "status": "waiting",
                "merchants": list(package.merchants),
                "changes": {entry.address: dict(entry.changes) for entry in package.entries},
                "package": raw,
                "decisions": [],
            }
            self._book.save()
            return submission_id

    def approve(
        self,
        submission_id: str,
        ticket: str,
        *,
        addresses: Sequence[str] | None = None,
        merchants: Sequence[str] | None = None,
    ) -> dict[str, Any]:
        """Approve a submission, or only some of its addresses or merchants; returns its new record.

        Added and kept addresses go onto the lists of the merchants, removed ones come off. Raises
        KeyError for an unknown submission, NotYet for one that is decided, ValueError for an
        address or merchant that is not part of it, or a missing ticket.
        """
        with self._book.lock:
            submission = self._undecided(submission_id, ticket)
            changes: dict[str, dict[str, str]] = submission["changes"]
            chosen = _chosen(list(changes), addresses, "address")
            names = _chosen(submission["merchants"], merchants, "merchant")
            now = self._clock.now()
            in_force = now + self._gate.propagation_seconds
            wanted = [(name, address, changes[address].get(name)) for address in chosen for name in names]
            self._book.allow(
                Approval(name, address, ticket, now, in_force)
                for name, address, change in wanted
                if change in ("add", "keep")
            )
            for name, address, change in wanted:
                if change == "remove":
                    self._book.disallow(name, [address])
            whole = len(chosen) == len(changes) and len(names) == len(submission["merchants"])
            submission["status"] = "approved" if whole else "partially approved"
            submission["decisions"].append(
                {"at": self._now(), "ticket": ticket, "addresses": sorted(chosen), "merchants": sorted(names)}
            )
            self._book.save()
            return submission

    def reject(self, submission_id: str, ticket: str, reason: str) -> dict[str, Any]:
        """Reject a submission; the lists stay as they are. Raises as ``approve`` does."""
        with self._book.lock:
            submission = self._undecided(submission_id, ticket)
            if not reason.strip():
                raise ValueError("a rejection needs a reason")
            submission["status"] = "rejected"
            submission["decisions"].append({"at": self._now(), "ticket": ticket, "reason": reason})
            self._book.save()
            return submission

    def issue(self, merchant: str) -> tuple[str, str]:
        """Issue credentials; returns (client ID, client secret). Older ones stay valid until revoked.

        Raises KeyError for an unknown merchant, NotYet while none of its addresses is approved.
        """
        with self._book.lock:
            name = self._book.merchants[merchant].name
            if not self._book.approved_for(name):
                raise NotYet(
                    f"{name}: no address is approved yet; credentials are issued after the security review"
                )
            return self._book.issue(name, self._clock.now())

    def _known(self) -> Known:
        received = [one["revision"] for one in self._book.submissions.values()]
        return Known(
            environment=self._environment,
            hosts=self._hosts,
            merchants=dict(self._book.merchants),
            approved={name: self._book.approved_for(name) for name in self._book.merchants},
            last_revision=max(received, default=0),
            today=self._clock.today().date(),
        )

    def _undecided(self, submission_id: str, ticket: str) -> dict[str, Any]:
        submission = self._book.submissions[submission_id]
        if submission["status"] != "waiting":
            raise NotYet(f"{submission_id} is {submission['status']} already; hand in a new revision")
        if not ticket.strip():
            raise ValueError("a decision needs a ticket reference")
        return submission

    def _now(self) -> str:
        return self._clock.today().isoformat(timespec="seconds")


def _chosen(offered: Sequence[str], wanted: Sequence[str] | None, what: str) -> set[str]:
    if wanted is None:
        return set(offered)
    strange = sorted(set(wanted) - set(offered))
    if strange:
        raise ValueError(f"{what} {', '.join(strange)} is not part of the submission")
    if not wanted:
        raise ValueError(f"name at least one {what}")
    return set(wanted)
