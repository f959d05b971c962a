"""The door of the local AWS: who signs, what fails by order, what moto answers, what is logged."""

from __future__ import annotations

import json
from collections import Counter, deque
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import boto3
from botocore import xform_name
from botocore.exceptions import ClientError
from moto.core.exceptions import ServiceException
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.wrappers import Request, Response

from rotator.demo import moto_gaps
from rotator.demo.aws import DIRECT, REGION
from rotator.demo.local_aws_faults import Faults, answer_with, read_fault
from rotator.demo.local_aws_ledger import parse_duration
from rotator.demo.local_aws_request import ApiCall, AwsError
from rotator.demo.local_aws_world import SeedError, World

if TYPE_CHECKING:
    from collections.abc import Iterable

    from _typeshed.wsgi import StartResponse, WSGIEnvironment
    from moto.iam.models import AccessKey

    from rotator.demo.local_aws_world import Seed

_PREFIX = "/local-aws/"
_CALLS_MAX = 100_000
# Actions that anybody may call: they are how one gets credentials.
_UNSIGNED = frozenset({"AssumeRoleWithSAML", "AssumeRoleWithWebIdentity"})
_READING = ("Get", "List", "Describe", "BatchGet")


@dataclass(slots=True)
class LoggedCall:
    """One call as the log tells it: `user` is whom it is about, `caller` who signed it."""

    at: str
    service: str
    region: str
    action: str
    user: str | None
    caller: str | None
    access_key_id: str | None
    by_console: bool
    executed: bool = False
    fault: str | None = None
    status: int | None = None
    error: str | None = None


class LocalAwsApp:
    """A WSGI application: AWS for signed requests, and `/local-aws/` for whoever runs the show."""

    def __init__(self, world: World, seed: Seed) -> None:
        self.world = world
        self.seed = seed
        self.faults = Faults()
        self._calls: deque[LoggedCall] = deque(maxlen=_CALLS_MAX)
        moto_gaps.install(world)
        self._moto = DomainDispatcherApplication(create_backend_app)
        world.begin(seed)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request; a connection that ends without an answer is ended by order."""
        path = environ.get("PATH_INFO", "")
        if path.startswith(_PREFIX):
            answer = self._administer(Request(environ), path.removeprefix(_PREFIX))
        else:
            answer = self._answer(ApiCall.read(environ), environ)
        return answer(environ, start_response)

    # -- the AWS side ------------------------------------------------------------------------

    def _answer(self, call: ApiCall, environ: WSGIEnvironment) -> Response:
        logged = self._log(call)
        try:
            answer = self._decide(call, environ, logged)
        except AwsError as error:
            answer = call.refusal(error)
            logged.error = error.code
        logged.status = answer.status_code
        return answer

    def _decide(self, call: ApiCall, environ: WSGIEnvironment, logged: LoggedCall) -> Response:
        with self.world.lock:
            if call.action not in _UNSIGNED:
                self._authenticate(call)

        def execute() -> Response:
            logged.executed = True
            return self._execute(call, environ)

        now = self.world.clock.now()
        fault = None if logged.by_console else self.faults.take(call, logged.user, now)
        if fault is None:
            return execute()
        logged.fault = fault.kind.value
        return answer_with(fault, call, execute)

    def _authenticate(self, call: ApiCall) -> AccessKey:
        """The key that signs, if the data plane accepts it and its secret made the signature.

        Raises:
            AwsError: as AWS would refuse it.
        """
        if call.access_key_id is None:
            raise AwsError(
                "MissingAuthenticationToken", "Request is missing Authentication Token", 403
            )
        invalid = AwsError(
            "InvalidClientTokenId", "The security token included in the request is invalid.", 403
        )
        key = self.world.ledger.accepted(call.access_key_id)
        if key is None:
            raise invalid
        session = self.world.session(call.access_key_id)
        token = call.request.headers.get("X-Amz-Security-Token", "")
        if token != (session.session_token if session else ""):
            raise invalid
        if session and session.expiration < self.world.clock.second():
            raise AwsError(
                "ExpiredToken", "The security token included in the request is expired", 403
            )
        if not call.is_signed_with(key.secret_access_key):
            raise AwsError(
                "SignatureDoesNotMatch",
                "The request signature we calculated does not match the signature you provided. "
                "Check your AWS Secret Access Key and signing method.",
                403,
            )
        return key

    def _execute(self, call: ApiCall, environ: WSGIEnvironment) -> Response:
        """Let moto do it, one call at a time: moto does not promise to be safe with threads."""
        with self.world.lock:
            if call.access_key_id is not None:
                self.world.ledger.use(call.access_key_id, call.service, call.region)
            answer = Response.from_app(self._moto, environ)
            if not call.action.startswith(_READING):
                self.world.note()
        return answer

    def _log(self, call: ApiCall) -> LoggedCall:
        key_id = call.access_key_id
        with self.world.lock:
            caller = self.world.caller_arn(key_id) if key_id else None
            logged = LoggedCall(
                at=self.world.clock.now().isoformat(),
                service=call.service,
                region=call.region,
                action=call.action,
                user=self._subject(call),
                caller=caller,
                access_key_id=key_id,
                by_console=key_id == self.world.console["access_key_id"],
            )
        self._calls.append(logged)
        return logged

    def _subject(self, call: ApiCall) -> str | None:
        """Whom a call is about: the user it names, the owner of the key it names, or its signer."""
        name = call.parameter("UserName")
        if name or call.service not in {"iam", "sts"}:
            return name
        key_id = call.parameter("AccessKeyId") or call.access_key_id
        user = self.world.ledger.owner(key_id) if key_id else None
        return user.name if user else None

    # -- the side of whoever runs the show ---------------------------------------------------

    def _administer(self, request: Request, path: str) -> Response:
        try:
            order = json.loads(request.get_data() or b"{}")
            told = self._obey(f"{request.method} {path}", order, request)
        except (SeedError, KeyError, TypeError, ValueError) as exc:
            return _json({"error": f"{type(exc).__name__}: {exc}"}, 400)
        except (ClientError, ServiceException) as exc:
            return _json({"error": str(exc)}, 400)
        return _json(told, 200) if told is not None else _json({"error": "no such order"}, 404)

    def _obey(self, order: str, body: dict[str, Any], request: Request) -> dict[str, Any] | None:
        match order:
            case "GET health":
                return {"ok": True, "account": self.world.account}
            case "GET truth":
                with self.world.lock:
                    return self.world.truth()
            case "GET calls":
                return self._told_calls(request.args.to_dict())
            case "DELETE calls":
                self._calls.clear()
            case "GET faults":
                told = [{**asdict(fault), "taken": taken} for fault, taken in self.faults.list()]
                return {"faults": told}
            case "POST faults":
                self.faults.add(read_fault(body, self.world.clock.now()))
            case "DELETE faults":
                self.faults.clear()
            case "POST seed":
                with self.world.lock:
                    self.world.plant(body)
            case "POST reset":
                self._reset(body)
            case "POST settings":
                self._set(body)
            case "POST console":
                return self._act_as_a_person(body, request.host_url)
            case _:
                return None
        return {}

    def _reset(self, seed: Seed) -> None:
        with self.world.lock:
            self.seed = {"operator": self.seed["operator"], **seed}
            self.world.clock.offset = timedelta(0)
            self.world.begin(self.seed)
            self.faults.clear()
            self._calls.clear()

    def _set(self, settings: dict[str, Any]) -> None:
        timing = self.world.timing
        for name, value in settings.items():
            match name:
                case "lag" | "grain" | "new_key_delay" | "revoke_delay":
                    setattr(timing, name, parse_duration(value))
                case "page_max":
                    timing.page_max = int(value)
                case "clock_offset":
                    sign = -1 if value.startswith("-") else 1
                    self.world.clock.offset = sign * parse_duration(value.lstrip("+-"))
                case _:
                    raise ValueError(f"there is no setting {name!r}")

    def _told_calls(self, wanted: dict[str, str]) -> dict[str, Any]:
        console = wanted.pop("console", "no")
        since = wanted.pop("since", "")
        calls = [asdict(call) for call in list(self._calls) if call.at >= since]
        calls = [call for call in calls if not call["by_console"] or console == "yes"]
        for name, value in wanted.items():
            calls = [call for call in calls if str(call[name]) == value]
        by_user: dict[str, Counter[str]] = {}
        for call in calls:
            by_user.setdefault(call["user"] or "", Counter())[call["action"]] += 1
        return {
            "calls": calls,
            "counts": Counter(call["action"] for call in calls),
            "by_user": by_user,
        }

    def _act_as_a_person(self, body: dict[str, Any], endpoint: str) -> dict[str, Any]:
        """Make one call as a person in the console would: no fault meets it."""
        service, _, action = body["action"].partition(":")
        console = self.world.console
        client = boto3.client(
            service,
            endpoint_url=endpoint,
            region_name=body.get("region", REGION),
            aws_access_key_id=console["access_key_id"],
            aws_secret_access_key=console["secret_access_key"],
            aws_session_token=console["session_token"],
            config=DIRECT,
        )
        answer: dict[str, Any] = getattr(client, xform_name(action))(**body.get("parameters", {}))
        client.close()
        del answer["ResponseMetadata"]
        return answer


def _json(told: dict[str, Any], status: int) -> Response:
    return Response(json.dumps(told, default=str), status, content_type="application/json")
