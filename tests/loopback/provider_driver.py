"""Drives the sandbox's resource provider the way the engine does, without an engine."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sandbox.aws.provider.protocol import provider, status
from sandbox.aws.provider.servicer import AwsProvider
from sandbox.aws.provider.values import decode, encode, plain

ACCOUNT = "123456789012"


class ProviderError(Exception):
    """What the engine would show, with the half-made resource if there is one."""

    def __init__(self, text: str, half: Any = None) -> None:
        super().__init__(text)
        self.half = half


class _Context:
    def __init__(self) -> None:
        self._trailing: dict[str, bytes] = {}

    def set_trailing_metadata(self, pairs: tuple[tuple[str, bytes], ...]) -> None:
        self._trailing = dict(pairs)

    def abort(self, _code: Any, text: str) -> None:
        half = None
        if packed := self._trailing.get("grpc-status-details-bin"):
            outcome = status.Status.FromString(packed)
            half = provider.ErrorResourceInitFailed()
            outcome.details[0].Unpack(half)
        raise ProviderError(text, half)


@dataclass
class Resource:
    """A resource as the engine's state has it; values may carry secret marks."""

    type: str
    name: str
    id: str
    inputs: dict[str, Any]
    state: dict[str, Any]

    @property
    def urn(self) -> str:
        return f"urn:pulumi:test::proj::{self.type}::{self.name}"

    def __getitem__(self, name: str) -> Any:
        return plain(self.state[name])


@dataclass(frozen=True)
class Diff:
    """A diff as the engine gets it; `details` maps paths to kinds such as `UPDATE_REPLACE`."""

    changed: frozenset[str]
    replaces: frozenset[str]
    details: Mapping[str, str]
    delete_first: bool


class Driver:
    """One configured provider."""

    def __init__(self, **config: Any) -> None:
        self.servicer = AwsProvider()
        self._seed = os.urandom(8)
        self.servicer.Configure(
            provider.ConfigureRequest(args=encode({"region": "us-east-1", **config}), acceptSecrets=True),
            _Context(),
        )

    def check(
        self, kind: str, name: str, news: Mapping[str, Any], olds: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """Return checked inputs; problems are a ProviderError that names each property."""
        answer = self.servicer.Check(
            provider.CheckRequest(
                urn=Resource(kind, name, "", {}, {}).urn,
                news=encode(news),
                olds=encode(olds or {}),
                randomSeed=self._seed + name.encode(),
            ),
            _Context(),
        )
        if answer.failures:
            raise ProviderError("; ".join(f"{item.property}: {item.reason}" for item in answer.failures))
        return decode(answer.inputs)

    def create(self, kind: str, name: str, news: Mapping[str, Any]) -> Resource:
        """Check and create."""
        inputs = self.check(kind, name, news)
        resource = Resource(kind, name, "", inputs, {})
        answer = self.servicer.Create(
            provider.CreateRequest(urn=resource.urn, properties=encode(inputs)), _Context()
        )
        return Resource(kind, name, answer.id, inputs, decode(answer.properties))

    def preview_create(self, kind: str, name: str, news: Mapping[str, Any]) -> dict[str, Any]:
        """Return the outputs a preview knows."""
        inputs = self.check(kind, name, news)
        urn = Resource(kind, name, "", {}, {}).urn
        request = provider.CreateRequest(urn=urn, properties=encode(inputs), preview=True)
        return decode(self.servicer.Create(request, _Context()).properties)

    def diff(self, resource: Resource, news: Mapping[str, Any], ignore: tuple[str, ...] = ()) -> Diff:
        """Check the new inputs against the resource and diff them."""
        inputs = self.check(resource.type, resource.name, news, resource.inputs)
        answer = self.servicer.Diff(
            provider.DiffRequest(
                id=resource.id,
                urn=resource.urn,
                olds=encode(resource.state),
                news=encode(inputs),
                old_inputs=encode(resource.inputs),
                ignoreChanges=ignore,
            ),
            _Context(),
        )
        kinds = provider.PropertyDiff.Kind
        changed = frozenset(answer.diffs)
        assert (answer.changes == provider.DiffResponse.DIFF_SOME) is bool(changed)
        return Diff(
            changed,
            frozenset(answer.replaces),
            {path: kinds.Name(item.kind) for path, item in answer.detailedDiff.items()},
            answer.deleteBeforeReplace,
        )

    def update(self, resource: Resource, news: Mapping[str, Any], *, preview: bool = False) -> Resource:
        """Check and update in place."""
        inputs = self.check(resource.type, resource.name, news, resource.inputs)
        answer = self.servicer.Update(
            provider.UpdateRequest(
                id=resource.id,
                urn=resource.urn,
                olds=encode(resource.state),
                news=encode(inputs),
                old_inputs=encode(resource.inputs),
                preview=preview,
            ),
            _Context(),
        )
        return Resource(resource.type, resource.name, resource.id, inputs, decode(answer.properties))

    def read(self, resource: Resource) -> Resource | None:
        """Refresh; None when it is gone."""
        answer = self.servicer.Read(
            provider.ReadRequest(
                id=resource.id,
                urn=resource.urn,
                properties=encode(resource.state),
                inputs=encode(resource.inputs),
            ),
            _Context(),
        )
        if not answer.id:
            return None
        return Resource(
            resource.type, resource.name, answer.id, decode(answer.inputs), decode(answer.properties)
        )

    def import_(self, kind: str, name: str, identifier: str) -> Resource | None:
        """Import by id; None when there is nothing of that id."""
        return self.read(Resource(kind, name, identifier, {}, {}))

    def delete(self, resource: Resource) -> None:
        """Delete."""
        self.servicer.Delete(
            provider.DeleteRequest(
                id=resource.id,
                urn=resource.urn,
                properties=encode(resource.state),
                old_inputs=encode(resource.inputs),
            ),
            _Context(),
        )

    def invoke(self, token: str, **args: Any) -> dict[str, Any]:
        """Look something up; problems with arguments are a ProviderError."""
        answer = self.servicer.Invoke(provider.InvokeRequest(tok=token, args=encode(args)), _Context())
        if answer.failures:
            raise ProviderError("; ".join(f"{item.property}: {item.reason}" for item in answer.failures))
        return decode(getattr(answer, "return"))


__all__ = ["ACCOUNT", "Diff", "Driver", "ProviderError", "Resource"]
