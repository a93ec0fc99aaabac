"""The provider as the engine talks to it: requests in, lifecycle calls, answers and errors out.

Long because the protocol has thirteen requests.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import grpc

from . import invokes, lifecycle, resources, settings
from .aws import RESOURCE, Aws, AwsError, Clients
from .lifecycle import HalfDone, NotThere, Properties
from .model import ResourceType
from .protocol import plugin, provider, provider_grpc, status
from .values import decode, encode, has_unknown, secret_texts

VERSION = "7.51.1"
"""Of pulumi-aws, whose types and names are followed."""

_KINDS = {
    (kind, replaces): getattr(provider.PropertyDiff, f"{kind.upper()}{'_REPLACE' if replaces else ''}")
    for kind in ("add", "delete", "update")
    for replaces in (False, True)
}

Answer = TypeVar("Answer")


class Refused(Exception):  # noqa: N818  the engine shows its text as the error
    """A request this provider will not or cannot carry out; the text is for the user."""


class AwsProvider(provider_grpc.ResourceProviderServicer):  # type: ignore[misc]  # generated without types
    """Serves one engine; many requests at once."""

    def __init__(self) -> None:
        self._clients = Clients()
        self._settings = settings.Settings(region="")
        self._aws = Aws(self._clients, "", "")
        self._configured = threading.Event()

    def warm_up(self) -> None:
        """Load the AWS SDK while the engine is still busy with the program."""
        self._clients.warm_up()

    # The provider itself

    def Handshake(self, request: Any, context: Any) -> Any:  # noqa: N802  the protocol's name
        """Tell the engine what this provider understands."""
        return provider.ProviderHandshakeResponse(accept_secrets=True)

    def Attach(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Let an engine attach that was told our port (PULUMI_DEBUG_PROVIDERS)."""
        return _empty()

    def Cancel(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Do nothing: operations in flight are short, and the engine waits for them."""
        return _empty()

    def GetPluginInfo(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Give the version whose resource types are followed."""
        return plugin.PluginInfo(version=VERSION)

    def GetSchema(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Give the least schema that is one; programs use the official SDK."""
        return provider.GetSchemaResponse(schema='{"name": "aws", "version": "' + VERSION + '"}')

    def CheckConfig(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Refuse provider settings that are unknown or malformed."""
        news = decode(request.news)
        failures = [_failure(key, reason) for key, reason in settings.problems(news)]
        return provider.CheckResponse(inputs=encode(news), failures=failures)

    def DiffConfig(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Say that no change of settings replaces the provider: regions are compared per resource."""
        same = decode(request.old_inputs) == decode(request.news)
        changes = provider.DiffResponse.DIFF_NONE if same else provider.DiffResponse.DIFF_SOME
        return provider.DiffResponse(changes=changes)

    def Configure(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Take the settings over; an account that is not allowed is refused before anything is done."""
        config = decode(request.args)

        def configure() -> Any:
            try:
                parsed = settings.parse(config)
            except ValueError as error:
                raise Refused(f"aws:{error}") from None
            self._clients.max_retries = parsed.max_retries
            caller = Aws(self._clients, parsed.region, "").call("sts", "get_caller_identity")
            account, partition = caller["Account"], caller["Arn"].split(":")[1]
            if problem := settings.account_problem(parsed, account):
                raise Refused(problem)
            self._settings = parsed
            self._aws = Aws(self._clients, parsed.region, account, partition)
            self._configured.set()
            return provider.ConfigureResponse(acceptSecrets=True, supportsPreview=True)

        if has_unknown(config):
            return provider.ConfigureResponse(acceptSecrets=True, supportsPreview=True)
        return self._answer(context, configure, config)

    # Resources

    def Check(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Validate inputs and fill in defaults, default tags and names."""
        news = decode(request.news)

        def run() -> Any:
            inputs, problems = lifecycle.check(
                _kind(request.urn),
                _name(request.urn),
                decode(request.olds),
                news,
                seed=request.randomSeed,
                tags=self._settings.tags,
            )
            return provider.CheckResponse(
                inputs=encode(inputs), failures=[_failure(*item) for item in problems]
            )

        return self._answer(context, run, news)

    def Diff(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Compare the last state with the wanted inputs."""
        news, olds = decode(request.news), decode(request.olds)

        def run() -> Any:
            found = lifecycle.diff(
                _kind(request.urn),
                _name(request.urn),
                olds,
                news,
                region=self._settings.region,
                ignore=frozenset(request.ignoreChanges),
                tags=self._settings.tags,
            )
            some = provider.DiffResponse.DIFF_SOME if found.changes else provider.DiffResponse.DIFF_NONE
            return provider.DiffResponse(
                changes=some,
                diffs=list(found.properties),
                replaces=list(found.replaces),
                deleteBeforeReplace=found.delete_before_replace,
                hasDetailedDiff=True,
                detailedDiff={
                    item.path: provider.PropertyDiff(kind=_KINDS[item.kind, item.replaces], inputDiff=True)
                    for item in found.changes
                },
            )

        return self._answer(context, run, news, olds)

    def Create(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Create a resource, or say what a preview can know of it."""
        news = decode(request.properties)

        def run() -> Any:
            kind = _kind(request.urn)
            if request.preview:
                outputs = lifecycle.planned(kind, news, None, region=self._settings.region)
                return provider.CreateResponse(properties=encode(outputs))
            identifier, state = lifecycle.create(kind, self._for(news), news, self._settings.tags)
            return provider.CreateResponse(id=identifier, properties=encode(state))

        return self._answer(context, run, news, inputs=news, urn=request.urn)

    def Read(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Refresh or import a resource; an empty id says that it is gone."""
        state, inputs = decode(request.properties), decode(request.inputs)

        def run() -> Any:
            found = lifecycle.read(
                _kind(request.urn),
                self._for(state),
                request.id,
                state=state,
                inputs=inputs,
                tags=self._settings.tags,
            )
            if found is None:
                return provider.ReadResponse(id="")
            identifier, now, given = found
            return provider.ReadResponse(id=identifier, properties=encode(now), inputs=encode(given))

        return self._answer(context, run, state, inputs, urn=request.urn)

    def Update(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Update a resource in place."""
        news, olds = decode(request.news), decode(request.olds)

        def run() -> Any:
            kind = _kind(request.urn)
            if request.preview:
                outputs = lifecycle.planned(kind, news, olds, region=self._settings.region)
            else:
                outputs = lifecycle.update(
                    kind,
                    self._for(olds),
                    request.id,
                    resource=_name(request.urn),
                    state=olds,
                    news=news,
                    ignore=frozenset(request.ignoreChanges),
                    tags=self._settings.tags,
                )
            return provider.UpdateResponse(properties=encode(outputs))

        return self._answer(context, run, news, olds, urn=request.urn)

    def Delete(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Delete a resource."""
        state, inputs = decode(request.properties), decode(request.old_inputs)

        def run() -> Any:
            lifecycle.delete(_kind(request.urn), self._for(state), request.id, state, inputs)
            return _empty()

        return self._answer(context, run, state, inputs, urn=request.urn)

    def Invoke(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Look something up."""
        args = decode(request.args)

        def run() -> Any:
            result, problems = invokes.run(request.tok, args, self._for(args))
            answer = provider.InvokeResponse(failures=[_failure(*item) for item in problems])
            getattr(answer, "return").CopyFrom(encode(result))
            return answer

        return self._answer(context, run, args)

    # Plumbing

    def _for(self, values: Mapping[str, Any]) -> Aws:
        if not self._configured.is_set():
            raise Refused("the provider is not configured yet: its settings are unknown until `up`")
        return lifecycle.in_region(self._aws, values.get("region"))

    def _answer(
        self,
        context: Any,
        run: Callable[[], Answer],
        *secret_sources: Properties,
        inputs: Properties | None = None,
        urn: str = "",
    ) -> Answer:
        """Run a request, about the resource ``urn`` if any; what goes wrong is one line without secrets."""
        RESOURCE.set(urn)
        hidden = frozenset().union(*(secret_texts(source) for source in secret_sources))
        try:
            return run()
        except HalfDone as half:
            reason = _without(str(half), hidden)
            detail = errors_detail(half, reason, inputs or {})
            context.set_trailing_metadata((("grpc-status-details-bin", detail),))
            context.abort(grpc.StatusCode.UNKNOWN, reason)
        except (AwsError, Refused, NotThere, ValueError) as error:
            context.abort(grpc.StatusCode.UNKNOWN, _without(str(error), hidden))
        except Exception as error:  # noqa: BLE001  a defect of ours: the engine gets one line as well
            place = _place(error)
            context.abort(
                grpc.StatusCode.INTERNAL,
                _without(f"sandbox provider defect at {place}: {type(error).__name__}: {error}", hidden),
            )
        raise AssertionError("abort always raises")


def errors_detail(half: HalfDone, reason: str, inputs: Properties) -> bytes:
    """Return the status that tells the engine to keep a half-made resource in its state."""
    failed = provider.ErrorResourceInitFailed(
        id=half.id, properties=encode(half.state), inputs=encode(inputs), reasons=[reason]
    )
    outcome = status.Status(code=grpc.StatusCode.UNKNOWN.value[0], message=reason)
    outcome.details.add().Pack(failed)
    packed: bytes = outcome.SerializeToString()
    return packed


def _place(error: Exception) -> str:
    trace = error.__traceback__
    while trace and trace.tb_next:
        trace = trace.tb_next
    if not trace:
        return "unknown"
    name = trace.tb_frame.f_code.co_filename.rpartition("/")[2]
    return f"{name}:{trace.tb_lineno}"


def _without(text: str, hidden: frozenset[str]) -> str:
    for secret in sorted(hidden, key=len, reverse=True):
        text = text.replace(secret, "[secret]")
    return text


def _empty() -> Any:
    from google.protobuf import empty_pb2  # noqa: PLC0415  tiny, and only here

    return empty_pb2.Empty()


def _failure(key: str, reason: str) -> Any:
    return provider.CheckFailure(property=key, reason=reason)


def _token(urn: str) -> str:
    return urn.split("::")[2].rpartition("$")[2]


def _name(urn: str) -> str:
    return urn.split("::", 3)[3]


def _kind(urn: str) -> ResourceType:
    token = _token(urn)
    kind = resources.TABLE.get(token)
    if kind is None:
        raise Refused(
            f"resource type {token} is not mapped by the sandbox provider;"
            " sandbox/aws/provider/README.md says how to add it"
        )
    return kind
