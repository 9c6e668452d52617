"""The gRPC service that the engine talks to: one method a verb of Pulumi's `provider.proto`."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
from google.protobuf.empty_pb2 import Empty
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc, status_pb2

from localcloud.plugin import configuration, functions, resources, state
from localcloud.plugin.api import Api, ApiError, OperationError, Patience
from localcloud.plugin.check import Naming, check, check_arguments
from localcloud.plugin.diff import Difference, difference
from localcloud.plugin.encoding import UNKNOWN, Properties, contains_unknown, decode, encode
from localcloud.plugin.resources.resource import Resource
from localcloud.plugin.schema import SCHEMA_FILE, function_inputs, package

WORKERS = 32  # a wait for the cloud holds a worker, and the engine runs many operations at once
MAX_MESSAGE_BYTES = 400 * 1024 * 1024  # as Pulumi's own plug-ins allow
NANOSECONDS = 1_000_000_000


class Provider(provider_pb2_grpc.ResourceProviderServicer):
    """One plug-in process serves one engine, which configures it once."""

    def __init__(self, patience: Patience | None = None) -> None:
        self._cancelled = threading.Event()
        self._patience = patience
        self._api: Api | None = None
        self._keeps_secrets = False

    # The plug-in itself

    def GetPluginInfo(self, request: Any, context: Any) -> Any:  # noqa: N802, ARG002
        return plugin_pb2.PluginInfo(version=package()["version"])

    def Attach(self, request: Any, context: Any) -> Any:  # noqa: N802, ARG002
        return Empty()

    def GetSchema(self, request: Any, context: Any) -> Any:  # noqa: N802
        if request.version > 1:
            context.abort(grpc.StatusCode.UNKNOWN, f"unsupported schema version {request.version}")
        return provider_pb2.GetSchemaResponse(schema=SCHEMA_FILE.read_text(encoding="utf-8"))

    def Cancel(self, request: Any, context: Any) -> Any:  # noqa: N802, ARG002
        self._cancelled.set()
        return Empty()

    # Its configuration

    def CheckConfig(self, request: Any, context: Any) -> Any:  # noqa: N802, ARG002
        return provider_pb2.CheckResponse(inputs=request.news)

    def DiffConfig(self, request: Any, context: Any) -> Any:  # noqa: N802, ARG002
        return provider_pb2.DiffResponse()

    def Configure(self, request: Any, context: Any) -> Any:  # noqa: N802
        self._keeps_secrets = request.acceptSecrets
        settings = {
            name: value if isinstance(value, str) else json.dumps(value)
            for name, value in decode(request.args, skip_nulls=True).items()
            if not contains_unknown(value)
        }
        try:
            patience = self._patience or Patience()
            patience.cancelled = self._cancelled
            api = Api(configuration.load(settings), patience)
            api.log_in()
            api.check_account()
            self._api = api
        except (configuration.ConfigurationError, ApiError, OperationError) as error:
            context.abort(grpc.StatusCode.UNKNOWN, str(error))
        return provider_pb2.ConfigureResponse(supportsPreview=True, supports_autonaming_configuration=True)

    # Resources

    def Check(self, request: Any, context: Any) -> Any:  # noqa: N802
        made = self._resource(request, context, "Check")
        naming = Naming(_name(request.urn), request.randomSeed, request.autonaming.proposed_name or None)
        verdict = check(made.schema, decode(request.news, skip_nulls=True), decode(request.olds), naming)
        return provider_pb2.CheckResponse(
            inputs=self._encode(made, verdict.inputs),
            failures=[provider_pb2.CheckFailure(reason=reason) for reason in verdict.failures],
        )

    def Diff(self, request: Any, context: Any) -> Any:  # noqa: N802
        made = self._resource(request, context, "Diff")
        found = _difference(made, request)
        detailed = {change.path: _property_diff(change.kind, change.replaces) for change in found.changes}
        kind = provider_pb2.DiffResponse.DIFF_SOME if found.changes else provider_pb2.DiffResponse.DIFF_NONE
        return provider_pb2.DiffResponse(
            replaces=found.replaces,
            stables=found.stables,
            changes=kind,
            diffs=found.names,
            detailedDiff=detailed,
            hasDetailedDiff=True,
        )

    def Create(self, request: Any, context: Any) -> Any:  # noqa: N802
        made = self._resource(request, context, "Create")
        plan = state.planned_creation(made.schema, decode(request.properties, skip_nulls=True))
        seconds = request.timeout or made.create_timeout_seconds or 0
        meta = _meta(made, seconds)
        if request.preview:
            preview = state.with_unknowns(made.schema, plan)
            outputs = state.outputs(made.schema, UNKNOWN, preview, _with_shim(meta))
            return provider_pb2.CreateResponse(properties=self._encode(made, outputs))
        identifier: str = self._attempt(context, "", lambda api: made.create(api, plan))

        def finish(api: Api) -> Properties:
            made.finish_creation(api, identifier, plan, seconds)
            return _read_after_change(made, api, identifier, plan)

        outputs = self._apply(context, request.urn, made, identifier, plan, meta, "creating", finish)
        return provider_pb2.CreateResponse(id=identifier, properties=outputs)

    def Read(self, request: Any, context: Any) -> Any:  # noqa: N802
        made = self._resource(request, context, "Read")
        stored = decode(request.properties, skip_nulls=True)
        old = {name: state.stored(stored).get(name) for name in made.schema.properties}
        read = self._attempt(context, f"refreshing {request.urn}: ", lambda api: made.read(api, request.id, old))
        if read is None:
            return provider_pb2.ReadResponse()
        now = state.merged(made.schema, old, read, applied=False)
        inputs = (
            state.refreshed_inputs(decode(request.inputs), now) if stored else state.imported_inputs(made.schema, now)
        )
        meta = stored.get(state.META) or (_meta(made, made.create_timeout_seconds or 0) if not stored else None)
        outputs = state.outputs(made.schema, request.id, now, meta)
        return provider_pb2.ReadResponse(
            id=request.id, properties=self._encode(made, outputs), inputs=self._encode(made, inputs)
        )

    def Update(self, request: Any, context: Any) -> Any:  # noqa: N802
        made = self._resource(request, context, "Update")
        old = decode(request.olds, skip_nulls=True)
        changed = _difference(made, request)
        plan = state.planned_update(made.schema, old, decode(request.news, skip_nulls=True), changed)
        meta = old.get(state.META)
        if request.preview:
            outputs = state.outputs(made.schema, request.id, plan, _with_shim(meta))
            return provider_pb2.UpdateResponse(properties=self._encode(made, outputs))

        def change(api: Api) -> Properties:
            made.update(api, request.id, old, plan, frozenset(changed.names))
            return _read_after_change(made, api, request.id, plan)

        kept = {**plan, **state.stored(old)} if made.rolls_back_failed_update else plan
        outputs = self._apply(context, request.urn, made, request.id, kept, meta, "updating", change)
        return provider_pb2.UpdateResponse(properties=outputs)

    def Delete(self, request: Any, context: Any) -> Any:  # noqa: N802
        made = self._resource(request, context, "Delete")
        stored = state.stored(decode(request.properties, skip_nulls=True))
        self._attempt(context, f"deleting {request.urn}: ", lambda api: made.delete(api, request.id, stored))
        return Empty()

    # Functions

    def Invoke(self, request: Any, context: Any) -> Any:  # noqa: N802
        try:
            called = functions.function(request.tok)
        except KeyError:
            context.abort(grpc.StatusCode.UNKNOWN, _unknown("data function", "Invoke", request.tok, functions.MODULES))
        verdict = check_arguments(function_inputs(request.tok), decode(request.args, skip_nulls=True))
        if verdict.failures:
            failures = [provider_pb2.CheckFailure(reason=reason) for reason in verdict.failures]
            return provider_pb2.InvokeResponse(failures=failures)
        arguments = verdict.inputs
        found = self._attempt(context, f"invoking {request.tok}: ", lambda api: called(api, arguments))
        return provider_pb2.InvokeResponse(**{"return": encode(found)})

    # What the verbs share

    def _resource(self, request: Any, context: Any, verb: str) -> Resource:
        token = request.urn.split("::")[2].rsplit("$", 1)[-1]
        try:
            return resources.resource(token)
        except KeyError:
            context.abort(grpc.StatusCode.UNKNOWN, _unknown("resource type", verb, token, resources.MODULES))
            raise  # never reached: `abort` raises

    def _attempt(self, context: Any, prefix: str, work: Callable[[Api], Any]) -> Any:
        """Does the work; a failure ends the call with the official plug-in's form of words."""
        try:
            return work(self._configured())
        except (ApiError, OperationError) as error:
            context.abort(grpc.StatusCode.UNKNOWN, f"{prefix}{_one_error(error)}")

    def _apply(
        self,
        context: Any,
        urn: str,
        made: Resource,
        identifier: str,
        kept: Properties,
        meta: str | None,
        verb: str,
        work: Callable[[Api], Properties],
    ) -> Any:
        """Does work on a resource that exists already; on a failure the engine stores the state `kept`."""
        try:
            now = work(self._configured())
        except (ApiError, OperationError) as error:
            half_made = self._encode(made, state.outputs(made.schema, identifier, kept, meta))
            _abort_half_made(context, identifier, half_made, f"{verb} {urn}: {_one_error(error)}")
        return self._encode(made, state.outputs(made.schema, identifier, now, meta))

    def _configured(self) -> Api:
        if self._api is None:
            raise OperationError("the plug-in was not configured")
        return self._api

    def _encode(self, made: Resource, properties: Properties) -> Any:
        return encode(properties, secrets=made.schema.secrets if self._keeps_secrets else ())


def serve(provider: Provider) -> tuple[Any, int]:
    """Starts a server on a free port of this machine; returns it and the port."""
    options = [
        ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
        ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ]
    server = grpc.server(ThreadPoolExecutor(max_workers=WORKERS), options=options)
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(provider, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    return server, port


def _difference(made: Resource, request: Any) -> Difference:
    news = decode(request.news, skip_nulls=True)
    return difference(
        made.schema,
        state.stored(decode(request.olds, skip_nulls=True)),
        news,
        request.ignoreChanges,
        lambda name: made.forces_replacement(name, news),
    )


def _read_after_change(made: Resource, api: Api, identifier: str, plan: Properties) -> Properties:
    read = made.read(api, identifier, plan)
    if read is None:
        raise OperationError(f"{identifier} does not exist any more: it was removed while it was being changed")
    return state.merged(made.schema, plan, read, applied=True)


def _unknown(kind: str, verb: str, token: str, known: Iterable[str]) -> str:
    return f"unrecognized {kind} ({verb}): {token}. The stand-in plug-in has {', '.join(sorted(known))}."


def _property_diff(kind: str, replaces: bool) -> Any:
    name = f"{kind}_REPLACE" if replaces else kind
    return provider_pb2.PropertyDiff(kind=provider_pb2.PropertyDiff.Kind.Value(name))


def _meta(made: Resource, seconds: float) -> str | None:
    """The timeouts, as Terraform's SDK keeps them in the state."""
    if made.create_timeout_seconds is None:
        return None
    return json.dumps({state.TIMEOUTS_KEY: {"create": int(seconds * NANOSECONDS)}}, separators=(",", ":"))


def _with_shim(meta: str | None) -> str | None:
    """The bridge leaves an empty note of its own in previews."""
    if meta is None:
        return None
    return json.dumps({"_new_extra_shim": {}, **json.loads(meta)}, separators=(",", ":"))


def _one_error(error: Exception) -> str:
    """The form in which the official plug-in's error list prints a single error."""
    return f"1 error occurred:\n\t* {error}\n\n"


def _abort_half_made(context: Any, identifier: str, properties: Any, reason: str) -> None:
    status = status_pb2.Status(code=grpc.StatusCode.UNKNOWN.value[0], message=reason)
    detail = provider_pb2.ErrorResourceInitFailed(id=identifier, properties=properties, reasons=[reason])
    status.details.add().Pack(detail)
    context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
    context.abort(grpc.StatusCode.UNKNOWN, reason)


def _name(urn: str) -> str:
    return urn.split("::", 3)[3]
