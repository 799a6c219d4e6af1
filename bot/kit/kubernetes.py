"""A Kubernetes API: who we are there, its objects read and patched, and its refusals with what helps against them.

Every write carries the resourceVersion that it expects, so that Kubernetes itself refuses what comes too late; none is
repeated here. `observedGeneration` and the like are the objects' own business and not interpreted.
"""

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field, SecretStr, model_validator

from bot.domain.errors import BadInput, BotError, Conflict, IntegrationError, Refused, Unauthorized, Unreadable
from bot.kit.http import Http, HttpFactory, Request, Response, segment
from bot.kit.httpauth import NO_AUTH, Auth, bearer
from bot.kit.parsing import Text, Wire, read, read_value
from bot.kit.tls import trusting
from bot.ports.manifest import IntegrationSettings

IN_CLUSTER = "in-cluster"
IN_CLUSTER_SERVER = "https://kubernetes.default.svc"
ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
"""Where Kubernetes puts a pod's token, authorities and namespace."""
FIELD_MANAGER = "mlops-bot"
"""The name under which Kubernetes keeps which fields are ours."""
PAGE = 500
"""Objects of a list that are read; more are not needed by anybody here."""
TOKEN_LIMIT = 64 * 1024
"""Bytes of a token's file; a service account's token is about one KiB."""

_NAMESPACE = r"^([a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)?$"
_DECLINED = (400, 401, 403, 404, 409, 422)


class ClusterSettings(IntegrationSettings):
    """Which cluster, and who the bot is there."""

    server: str = Field(
        title="Address of the API server",
        description="Such as `https://kubernetes.example:6443`, or `in-cluster` when the bot runs in the cluster "
        "itself: then its pod's own token, authorities and namespace are taken.",
        pattern=r"^(in-cluster|https?://\S+)$",
        examples=[IN_CLUSTER, "https://kubernetes.example:6443"],
    )
    token: SecretStr | None = Field(
        default=None,
        title="Bearer token",
        description="A token that stays the same. Prefer `token_file`.",
        min_length=1,
    )
    token_file: str = Field(
        default="",
        title="File with the bearer token",
        description="Absolute. Read again before every request: tokens of service accounts are renewed within hours.",
        pattern=r"^(/\S.*)?$",
    )
    ca_file: str = Field(
        default="",
        title="File of certificate authorities",
        description="PEM, of the cluster's own authority; absolute. Empty: those that the machine trusts.",
        pattern=r"^(/\S.*)?$",
    )
    namespace: str = Field(
        default="",
        title="Namespace",
        description="Of targets that are named without one. Empty and in the cluster: the bot's own.",
        pattern=_NAMESPACE,
    )

    @model_validator(mode="after")
    def _one_token(self) -> Self:
        if self.token is not None and self.token_file:
            raise ValueError("a request has one token: set token, or token_file, not both")
        return self


@dataclass(frozen=True, slots=True)
class TokenFile:
    """A token that is renewed in a file while we run."""

    path: Path
    system: str

    async def __call__(self) -> Auth:
        """The token of this moment."""
        try:
            text = await asyncio.to_thread(self._read)
        except (OSError, ValueError) as error:
            why = (error.strerror if isinstance(error, OSError) else None) or "it holds no token"
            raise Unauthorized(
                f"The token of {self.system} can't be read from {self.path}: {why}.",
                system=self.system,
                not_done="Nothing was sent.",
                next_step=f"Look at token_file in integrations.{self.system} of the configuration, and at the mount.",
            ) from None
        return bearer(SecretStr(text))

    def _read(self) -> str:
        with self.path.open("rb") as file:
            text = file.read(TOKEN_LIMIT).decode("ascii").strip()
        if not text.isprintable() or not text or " " in text:
            raise ValueError("no token")
        return text


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of object, by the names in its address."""

    group: str
    version: str
    plural: str

    def path(self, namespace: str, name: str = "") -> str:
        """Where it is. Raises BadInput for names that can't be part of an address."""
        base = f"/apis/{self.group}/{self.version}/namespaces/{segment(namespace)}/{self.plural}"
        return f"{base}/{segment(name)}" if name else base

    @property
    def resource(self) -> str:
        """As RBAC and people name it."""
        return f"{self.plural}.{self.group}"


class _Details(Wire):
    name: Text = ""


class _Status(Wire):
    """What Kubernetes answers when it declines."""

    reason: Text = ""
    details: Annotated[_Details, BeforeValidator(lambda value: value or {})] = _Details()


class _Items(Wire):
    items: Annotated[tuple[Any, ...], BeforeValidator(lambda value: value or ())]


class _Review(Wire):
    class Verdict(Wire):
        allowed: bool = False

    status: Verdict


class _Release(Wire):
    git_version: Text = Field(default="", alias="gitVersion")


class Kube:
    """Calls of one API server, in the name of one integration."""

    def __init__(self, http: Http, namespace: str = "") -> None:
        self._http = http
        self.system = http.system
        self.namespace = namespace

    def url(self, kind: Kind, namespace: str, name: str) -> str:
        """The full address of an object, for plans."""
        return self._http.url(kind.path(namespace, name))

    # ------------------------------------------------------------ reading

    async def get(self, kind: Kind, namespace: str, name: str) -> object | None:
        """An object as JSON; `None` when there is none of this name. Raises IntegrationErrors."""
        response = await self._http.get(kind.path(namespace, name), accept=_DECLINED)
        if response.status == 404 and _status(response).details.name == name:
            return None
        return self._taken(response, "get", kind, namespace).json()

    async def list(self, kind: Kind, namespace: str, *, labels: str = "") -> Sequence[object]:
        """Objects of a namespace as JSON, at most `PAGE`. Raises IntegrationErrors."""
        params: dict[str, str | int] = {"limit": PAGE} | ({"labelSelector": labels} if labels else {})
        response = await self._http.get(kind.path(namespace), params, accept=_DECLINED)
        return read_value(_Items, self._taken(response, "list", kind, namespace).json(), self.system).items

    async def may(self, verb: str, kind: Kind, namespace: str) -> bool:
        """Whether this account may do it, by Kubernetes' own word. Raises IntegrationErrors."""
        attributes = {"namespace": namespace, "verb": verb, "group": kind.group, "resource": kind.plural}
        review = {
            "apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": attributes},
        }  # fmt: skip
        answer = await self._http.query_json("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", review)
        return read_value(_Review, answer, self.system).status.allowed

    async def release(self) -> str:
        """Kubernetes' own version: `v1.31.2`. Raises IntegrationErrors."""
        return read_value(_Release, await self._http.get_json("/version"), self.system).git_version[:40]

    # ------------------------------------------------------------ writing

    async def rehearse(self, kind: Kind, namespace: str, name: str, patch: Mapping[str, object]) -> None:
        """Let Kubernetes try a merge patch with everything that checks it, and store nothing.

        A webhook that can't take part in a trial makes one impossible; that is no reason to refuse the patch.

        Raises:
            Conflict: the object is no longer what the patch's resourceVersion says.
            BotError: the patch would be refused, or it can't be tried; nothing was changed.

        """
        params = {"fieldManager": FIELD_MANAGER, "dryRun": "All"}
        url = self._http.url(kind.path(namespace, name))
        request = Request("PATCH", url, params, _encode(patch), accept=_DECLINED, headers=_MERGE_PATCH)
        try:
            response = await self._http.send(request)
            if response.status == 400 and "does not support dry run" in response.text:
                return
            self._taken(response, "patch", kind, namespace)
        except IntegrationError as error:
            error.not_done = _UNCHANGED
            raise

    async def patch(self, kind: Kind, namespace: str, name: str, patch: Mapping[str, object]) -> None:
        """Send a merge patch, once. It must carry the resourceVersion that it expects.

        Raises:
            Conflict: the object is no longer what the patch's resourceVersion says; nothing was changed.
            Indeterminate: sent, and what became of it is not known.
            BotError: refused; nothing was changed.

        """
        url = self._http.url(kind.path(namespace, name))
        request = Request(
            "PATCH", url, {"fieldManager": FIELD_MANAGER}, _encode(patch), reads=False, repeatable=False,
            accept=_DECLINED, headers=_MERGE_PATCH,
        )  # fmt: skip
        self._taken(await self._http.send(request), "patch", kind, namespace)

    # ------------------------------------------------------------ refusals

    def _taken(self, response: Response, verb: str, kind: Kind, namespace: str) -> Response:
        """The answer, unless it is a refusal, which is raised."""
        if response.status not in _DECLINED:
            return response
        said = self._http.words(response)
        why = f"{response.status}: {said}" if said else f"{response.status}"
        what = f"Kubernetes declined to {verb} {kind.resource} in {namespace} ({why})."
        raise self._refusal(response, what, verb, kind, namespace)

    def _refusal(self, response: Response, what: str, verb: str, kind: Kind, namespace: str) -> BotError:
        not_done = _UNCHANGED if verb == "patch" else "Nothing was read."
        match response.status:
            case 401:
                step = f"Renew the token: token or token_file in integrations.{self.system} of the configuration."
                return Unauthorized(what, system=self.system, not_done=not_done, next_step=step)
            case 403:
                step = (
                    f"Grant the bot's account the verb {verb} on {kind.resource} in the namespace {namespace}: "
                    f"the README of {self.system} shows the whole Role."
                )
                return Unauthorized(what, system=self.system, not_done=not_done, next_step=step)
            case 404 if not _status(response).details.name:
                what = f"The cluster does not know {kind.resource} in version {kind.version} (404)."
                step = f"Check server in integrations.{self.system} of the configuration, and what is installed there."
                return Refused(what, system=self.system, not_done=not_done, next_step=step)
            case 409:
                return Conflict(what, not_done=not_done, next_step="Look at what is there now, and decide anew.")
            case _:
                step = "Repeating it is useless: look at what Kubernetes says."
                return Refused(what, system=self.system, not_done=not_done, next_step=step)


def connect(settings: ClusterSettings, http: HttpFactory, system: str, *, account: Path = ACCOUNT) -> Kube:
    """A client by the settings. Raises BadInput when what a pod is given is not there, or can't be read."""
    inside = settings.server == IN_CLUSTER
    server = IN_CLUSTER_SERVER if inside else settings.server
    namespace = settings.namespace or (_own_namespace(account, system) if inside else "")
    ca_file = settings.ca_file or (str(account / "ca.crt") if inside else "")
    tls = trusting(ca_file, system) if ca_file else None
    token_file = settings.token_file or (str(account / "token") if inside and settings.token is None else "")
    if token_file:
        return Kube(http(server, system=system, auth=TokenFile(Path(token_file), system), tls=tls), namespace)
    auth = bearer(settings.token) if settings.token is not None else NO_AUTH
    return Kube(http(server, system=system, auth=auth, tls=tls), namespace)


# ---------------------------------------------------------------- pieces

_UNCHANGED = "Nothing was changed."
_MERGE_PATCH = {"content-type": "application/merge-patch+json"}


def _encode(value: object) -> bytes:
    return json.dumps(value, allow_nan=False, separators=(",", ":")).encode()


def _status(response: Response) -> _Status:
    """Kubernetes' own words about a refusal; empty when somebody else answered (a proxy, a page)."""
    try:
        return read(_Status, response.body, response.system)
    except Unreadable:
        return _Status()


def _own_namespace(account: Path, system: str) -> str:
    try:
        return (account / "namespace").read_text("ascii").strip()
    except (OSError, ValueError):
        raise BadInput(
            f"The bot runs in no pod with a service account: {account}/namespace can't be read.",
            not_done=f"{system} was not connected.",
            next_step=f"Set server in integrations.{system} to an address, and namespace and token_file.",
        ) from None
