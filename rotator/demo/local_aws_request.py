"""One request to the local AWS, read from WSGI, and the refusals that AWS itself would give."""

from __future__ import annotations

import html
import json
import secrets
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from werkzeug.wrappers import Request, Response

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

# What the JSON services call the refusals that the query services (IAM, STS) give.
_JSON_CODES = {
    "AccessDenied": "AccessDeniedException",
    "ExpiredToken": "ExpiredTokenException",
    "InvalidClientTokenId": "UnrecognizedClientException",
    "MissingAuthenticationToken": "MissingAuthenticationTokenException",
    "ServiceFailure": "InternalServiceError",
    "SignatureDoesNotMatch": "InvalidSignatureException",
    "Throttling": "ThrottlingException",
}
_SERVER_FAULTS = 500


class AwsError(Exception):
    """The answer is an error of AWS: its code, its sentence, its HTTP status."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status


@dataclass(frozen=True, slots=True)
class ApiCall:
    """What was asked, of which service and Region, and the key that signed it (none: None)."""

    service: str
    region: str
    action: str
    parameters: dict[str, Any]
    access_key_id: str | None
    is_json: bool
    request: Request

    @classmethod
    def read(cls, environ: WSGIEnvironment) -> ApiCall:
        """Read the request whole, and leave its body to be read again by moto."""
        request = Request(environ)
        body = request.get_data()
        environ["wsgi.input"] = BytesIO(body)
        scope = _between(request.headers.get("Authorization", ""), "Credential=").split("/")
        signed = len(scope) == len(("key", "date", "region", "service", "aws4_request"))
        service, action, parameters = _question(request, body)
        return cls(
            service=scope[3] if signed else service,
            region=scope[2] if signed else "",
            action=action,
            parameters=parameters,
            access_key_id=scope[0] if signed else None,
            is_json="X-Amz-Target" in request.headers,
            request=request,
        )

    @property
    def name(self) -> str:
        """The action as IAM policies spell it."""
        return f"{self.service}:{self.action}"

    def parameter(self, *names: str) -> str | None:
        """The first of these parameters that was given."""
        return next((str(self.parameters[name]) for name in names if name in self.parameters), None)

    def is_signed_with(self, secret_access_key: str) -> bool:
        """Signature Version 4, computed as the client must have computed it."""
        headers = self.request.headers
        authorization = headers["Authorization"]
        names = _between(authorization, "SignedHeaders=").split(";")
        signed = {name: value for name, value in headers.items() if name.lower() in names}
        address = self.request.environ["RAW_URI"]
        retold = AWSRequest(
            method=self.request.method,
            url=f"http://{self.request.host}{address}",
            data=self.request.get_data(),
            headers=signed,
        )
        retold.context["timestamp"] = headers.get("X-Amz-Date", "")
        signer = S3SigV4Auth if self.service == "s3" else SigV4Auth
        auth = signer(
            Credentials(self.access_key_id or "", secret_access_key), self.service, self.region
        )
        text = auth.string_to_sign(retold, auth.canonical_request(retold))
        signature: str = auth.signature(text, retold)
        return secrets.compare_digest(signature, _between(authorization, "Signature="))

    def refusal(self, error: AwsError) -> Response:
        """The error as this service would send it."""
        request_id = secrets.token_hex(16)
        headers = {"x-amzn-RequestId": request_id}
        if self.is_json:
            code = _JSON_CODES.get(error.code, error.code)
            text = json.dumps({"__type": code, "message": error.message})
            status = error.status if error.status >= _SERVER_FAULTS else 400
            return Response(text, status, headers, content_type="application/x-amz-json-1.1")
        fault = "Receiver" if error.status >= _SERVER_FAULTS else "Sender"
        text = (
            f'<ErrorResponse xmlns="https://{self.service}.amazonaws.com/doc/"><Error>'
            f"<Type>{fault}</Type><Code>{error.code}</Code>"
            f"<Message>{html.escape(error.message, quote=False)}</Message></Error>"
            f"<RequestId>{request_id}</RequestId></ErrorResponse>"
        )
        return Response(text, error.status, headers, content_type="text/xml")


def _question(request: Request, body: bytes) -> tuple[str, str, dict[str, Any]]:
    target = request.headers.get("X-Amz-Target")
    if target:
        service, _, action = target.partition(".")
        parameters = json.loads(body or b"{}")
        return service, action, parameters if isinstance(parameters, dict) else {}
    fields = dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))
    fields = fields if "Action" in fields else dict(request.args.items())
    return "", fields.pop("Action", request.method), dict(fields)


def _between(text: str, start: str) -> str:
    return text.partition(start)[2].partition(",")[0].strip()
