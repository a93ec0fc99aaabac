"""What a verifier function does when it is invoked: the same calls as a host, from inside its zone.

Runs in the bundle: standard library, ``requests``, and boto3 from the function's runtime. Which
partner is called, which authorities are trusted and which secrets are read stand in the bundle
itself and in the function's configuration, never in the event: whoever may invoke a function
cannot make it send a credential elsewhere. Neither event nor answer holds a secret.
"""

import json
import os
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from onboarding.errors import ToolkitError
from onboarding.flexpay.credentials import ClientCredentials
from onboarding.proof import Order, Origin, Proof
from onboarding.redaction import KnownSecrets
from onboarding.verification.cloud import (
    CONTROL,
    MAX_CONCURRENCY,
    Action,
    Request,
    StoredPair,
    to_request,
)
from onboarding.verification.function_cloud import Cloud, Deployment, cloud_of, read_deployment
from onboarding.verification.measurement import PairMeasurement, PlaceMeasurement, Step, to_json
from onboarding.verification.pool import side_by_side
from onboarding.verification.probes import PairJob
from onboarding.verification.vantage import LocalVantage

RESERVE_SECONDS = 100.0
"""What one merchant may take at worst, all time-outs included; with less left none is begun."""


def handle(event: Mapping[str, Any], context: Any) -> dict[str, Any]:
    """Answer one invocation (the function's entry point)."""
    deployment = read_deployment(Path(__file__).resolve().parents[2], os.environ)
    return answer(
        event,
        deployment,
        cloud_of(deployment),
        remaining=lambda: context.get_remaining_time_in_millis() / 1000,
        now=datetime.now(UTC),
    )


def answer(
    event: Mapping[str, Any],
    deployment: Deployment,
    cloud: Cloud,
    *,
    remaining: Callable[[], float],
    now: datetime,
) -> dict[str, Any]:
    """Do what the event asks and return JSON types.

    ``remaining`` tells the seconds that the function has left. Raises ValueError for an event that
    is not a request of ours, or that asks for more than this function is for.
    """
    request = to_request(event)
    known_secrets = KnownSecrets()
    here = _Here(deployment, cloud, known_secrets, remaining=remaining, now=now, stored=request.stored)
    try:
        said = here.answer(request)
    finally:
        here.vantage.close()
    if known_secrets.found_in(json.dumps(said, ensure_ascii=False)):
        raise AssertionError("the answer would have held a secret")
    return said


class _Here:
    """One invocation."""

    def __init__(
        self,
        deployment: Deployment,
        cloud: Cloud,
        known_secrets: KnownSecrets,
        *,
        remaining: Callable[[], float],
        now: datetime,
        stored: StoredPair | None,
    ) -> None:
        self._deployment = deployment
        self._cloud = cloud
        self._remaining = remaining
        self._now = now
        self._stored = stored
        control = deployment.place == CONTROL
        self.vantage = LocalVantage(
            deployment.partner,
            deployment.ca_bundle,
            known_secrets,
            None if control else self._pair_of,
            zone=deployment.place,
        )

    def _pair_of(self, merchant: str) -> ClientCredentials:
        secret, stored = self._deployment.secrets[merchant], self._stored
        if stored is not None:
            return self._cloud.version(secret, stored.version_id, stored.stage)
        return self._cloud.credentials(secret)

    def answer(self, request: Request) -> dict[str, Any]:
        if request.action is Action.STRANGER:
            return {"call": to_json(self.vantage.stranger_work(request.which)())}
        if request.action is Action.LOOK:
            return {"place": to_json(self.vantage.place_work()())}
        if self._deployment.place == CONTROL:
            raise ValueError(f"{request.action}: the control function never holds a credential")
        if request.action is Action.MEASURE:
            return self._measured(request)
        if request.stored is not None:
            return self._proved(request.stored)
        return self._scheduled()

    def _measured(self, request: Request) -> dict[str, Any]:
        self._refuse_unknown("jobs", {job.merchant for job in request.jobs})
        place, pairs = self._look_and_call(request.jobs)
        kept, trouble = self._keep(place, pairs, request.run_id) if request.keep_proofs else ([], "")
        return {"pairs": [to_json(one) for one in pairs], "kept": kept, "trouble": trouble}

    def _proved(self, stored: StoredPair) -> dict[str, Any]:
        self._refuse_unknown("merchant", {stored.merchant})
        job = PairJob(stored.merchant, orders=False)
        place = self.vantage.place_work()()
        if self._seen_right(place):
            (work,) = self.vantage.pair_work([job])
            (pair,) = self._in_time(job, work)()
        else:
            # a pair that is not in use yet must not be shown to the partner from anywhere else
            pair = PairMeasurement(job.merchant, self.vantage.name, self._seen_wrong(place))
        return {"versionId": stored.version_id, "pair": to_json(pair)}

    def _seen_wrong(self, place: PlaceMeasurement) -> Step:
        elsewhere = sorted({sample.address for sample in place.samples if sample.address})
        seen = f"seen to leave from {', '.join(elsewhere)}" if elsewhere else "seen by no echo service"
        return Step(
            False,
            f"calls were {seen} and should leave from {self._deployment.address}; no token was asked for",
            "see what is wrong with the way out: `flexpay-onboard verify`",
            answered=bool(elsewhere),
        )

    def _refuse_unknown(self, field: str, merchants: set[str]) -> None:
        if unknown := sorted(merchants - set(self._deployment.secrets)):
            raise ValueError(f"{field}: {', '.join(unknown)}: no merchant of this deployment")

    def _scheduled(self) -> dict[str, Any]:
        # an order that must be refused as incomplete creates nothing, and nobody unknown is played
        place, pairs = self._look_and_call([PairJob(name) for name in self._deployment.secrets])
        seen_right = bool(place.samples) and self._seen_right(place)
        run_id = f"scheduled-{self._now:%Y%m%dT%H%M%SZ}"
        kept, trouble = (
            self._keep(place, pairs, run_id) if seen_right else ([], "not seen by an echo service")
        )
        failed = len(pairs) - len(kept)
        self._cloud.count({"Failed": failed, "Proven": len(kept), "AllProven": float(not failed)})
        return {"proven": len(kept), "failed": failed, "trouble": trouble}

    def _look_and_call(self, jobs: Sequence[PairJob]) -> tuple[PlaceMeasurement, tuple[PairMeasurement, ...]]:
        works = [
            self._in_time(job, work) for job, work in zip(jobs, self.vantage.pair_work(jobs), strict=True)
        ]
        place = self.vantage.place_work()()
        done = dict(side_by_side(works, concurrency=MAX_CONCURRENCY))
        return place, tuple(one for index in sorted(done) for one in done[index])

    def _in_time(
        self, job: PairJob, work: Callable[[], list[PairMeasurement]]
    ) -> Callable[[], list[PairMeasurement]]:
        def begin() -> list[PairMeasurement]:
            if self._remaining() >= RESERVE_SECONDS:
                return work()
            late = Step(
                False,
                "the function's time was up before this merchant's turn; no call was made",
                "run again for it alone: --merchant",
                answered=False,
            )
            return [PairMeasurement(job.merchant, self.vantage.name, late)]

        return begin

    def _seen_right(self, place: PlaceMeasurement) -> bool:
        """Tell whether no echo service saw another address than the declared one."""
        seen = {sample.address for sample in place.samples if sample.address}
        return seen == {str(self._deployment.address)} if place.samples else True

    def _keep(
        self, place: PlaceMeasurement, pairs: Sequence[PairMeasurement], run_id: str
    ) -> tuple[list[str], str]:
        """Keep a proof of every merchant that got through; return whose, and what kept others from it."""
        address = self._deployment.address
        if address is None or not self._deployment.proof_bucket or not self._seen_right(place):
            return [], f"calls of {self._deployment.place} were not seen to leave from {address}"
        proofs = [
            Proof(
                environment=self._deployment.environment,
                merchant=one.merchant,
                address=address,
                proven_at=self._now,
                vantage=Origin.FUNCTION,
                order=Order.PROVEN if one.order is not None and one.order.ok else Order.NOT_PROVEN,
                source=self._deployment.place,
                run_id=run_id,
            )
            for one in pairs
            if one.token and one.token.ok and one.reachable and one.reachable.ok
        ]
        if not proofs:
            return [], ""
        try:
            self._cloud.keep(proofs)
        except ToolkitError as error:
            return [], str(error)
        return [one.merchant for one in proofs], ""
