"""A Kubernetes API in memory, so far as the bot uses one: objects, merge patches, resourceVersion, dry runs, RBAC.

What it answers is held against a real kube-apiserver by the tests of the integrations that use it (`make test-kube`).
Arranged like the real one: over HTTP, by the administrator's token.
"""

import copy
import itertools
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from jsonschema import Draft202012Validator
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

ADMIN = "token-of-the-administrator"
BOT = "token-of-the-bot"
ACCOUNT = "system:serviceaccount:ml:mlops-bot"
VERBS = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
METHODS = ["GET", *VERBS]
RBAC = "rbac.authorization.k8s.io"

Object = dict[str, Any]


@dataclass
class Kind:
    """One kind of object."""

    name: str
    schema: Object | None = None
    subresource: bool = True
    """Its status is written by an address of its own, and can't be by any other."""


@dataclass
class FakeKube:
    """Objects by (group, plural) and (namespace, name)."""

    users: dict[str, str] = field(default_factory=lambda: {ADMIN: "admin", BOT: ACCOUNT})
    kinds: dict[tuple[str, str], Kind] = field(
        default_factory=lambda: {
            ("apps", "deployments"): Kind("Deployment"),
            (RBAC, "roles"): Kind("Role", subresource=False),
            (RBAC, "rolebindings"): Kind("RoleBinding", subresource=False),
        }
    )
    objects: dict[tuple[str, str], dict[tuple[str, str], Object]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._versions = itertools.count(100)

    @property
    def app(self) -> Starlette:
        base = "/apis/{group}/{version}/namespaces/{namespace}/{plural}"
        return Starlette(
            routes=[
                Route("/version", self._version),
                Route("/api/v1/namespaces", self._namespace, methods=["POST"]),
                Route("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", self._define, methods=["POST"]),
                Route("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", self._review, methods=["POST"]),
                Route(base, self._objects, methods=METHODS),
                Route(base + "/{name}", self._object, methods=METHODS),
                Route(base + "/{name}/status", self._object, methods=METHODS),
                Route("/{path:path}", _unknown, methods=METHODS),
            ]
        )

    # ------------------------------------------------------------ around the objects

    async def _version(self, request: Request) -> Response:
        if self._user(request) is None:
            return _unauthorized()
        return JSONResponse({"major": "1", "minor": "31", "gitVersion": "v1.31.0-fake"})

    async def _namespace(self, request: Request) -> Response:
        return JSONResponse(await request.json(), 201)

    async def _define(self, request: Request) -> Response:
        spec = (await request.json())["spec"]
        version = spec["versions"][0]
        self.kinds[spec["group"], spec["names"]["plural"]] = Kind(
            spec["names"]["kind"], version["schema"]["openAPIV3Schema"], "status" in version.get("subresources", {})
        )
        return JSONResponse({}, 201)

    async def _review(self, request: Request) -> Response:
        user = self._user(request)
        if user is None:
            return _unauthorized()
        review = await request.json()
        asked = review["spec"]["resourceAttributes"]
        allowed = self._may(user, asked["verb"], asked["group"], asked["resource"], asked["namespace"])
        return JSONResponse(review | {"status": {"allowed": allowed}}, 201)

    def _user(self, request: Request) -> str | None:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        return self.users.get(token) if scheme == "Bearer" else None

    def _may(self, user: str, verb: str, group: str, resource: str, namespace: str) -> bool:
        """By the Roles that are bound to the account in the namespace."""
        if user == "admin":
            return True
        account = user.rpartition(":")[2]
        for (where, _), binding in self.objects.get((RBAC, "rolebindings"), {}).items():
            bound = any(subject.get("name") == account for subject in binding["subjects"])
            role = self.objects.get((RBAC, "roles"), {}).get((namespace, binding["roleRef"]["name"]))
            if where != namespace or not bound or role is None:
                continue
            for rule in role["rules"]:
                if group in rule["apiGroups"] and resource in rule["resources"] and verb in rule["verbs"]:
                    return True
        return False

    def _refused(self, request: Request, verb: str) -> Response | None:
        """Why the request comes no further: no such kind, nobody, or not permitted."""
        user = self._user(request)
        if user is None:
            return _unauthorized()
        path = request.path_params
        group, plural, namespace, name = (path.get(key, "") for key in ("group", "plural", "namespace", "name"))
        resource = f"{plural}/status" if request.url.path.endswith("/status") else plural
        if not self._may(user, verb, group, resource, namespace):
            said = (
                f'{plural}.{group}{f" {json.dumps(name)}" if name else ""} is forbidden: User "{user}" cannot {verb} '
                f'resource "{resource}" in API group "{group}" in the namespace "{namespace}"'
            )
            return _status(403, "Forbidden", said, name, group, plural)
        return None if (group, plural) in self.kinds else PlainTextResponse("404 page not found\n", 404)

    # ------------------------------------------------------------ the objects

    async def _objects(self, request: Request) -> Response:
        """A list, or a new one."""
        refused = self._refused(request, "list" if request.method == "GET" else "create")
        if refused is not None:
            return refused
        group, plural, namespace = (request.path_params[key] for key in ("group", "plural", "namespace"))
        there = self.objects.setdefault((group, plural), {})
        if request.method == "GET":
            wanted = [pair.split("=", 1) for pair in request.query_params.get("labelSelector", "").split(",") if pair]
            found = [
                one for (where, _), one in there.items()
                if where == namespace and all(_labels(one).get(key) == value for key, value in wanted)
            ]  # fmt: skip
            return JSONResponse({"kind": f"{self.kinds[group, plural].name}List", "items": found})
        made = await request.json()
        name = made["metadata"]["name"]
        if (namespace, name) in there:
            return _status(
                409, "AlreadyExists", f"{plural}.{group} {json.dumps(name)} already exists", name, group, plural
            )
        if (bad := self._invalid(group, plural, made)) is not None:
            return bad
        if self.kinds[group, plural].subresource:
            made.pop("status", None)
        made["metadata"] |= {"namespace": namespace, "generation": 1, "resourceVersion": str(next(self._versions))}
        there[namespace, name] = made
        return JSONResponse(made, 201)

    async def _object(self, request: Request) -> Response:
        """One that is there."""
        refused = self._refused(request, VERBS.get(request.method, "get"))
        if refused is not None:
            return refused
        group, plural, namespace, name = (request.path_params[key] for key in ("group", "plural", "namespace", "name"))
        there = self.objects.setdefault((group, plural), {})
        now = there.get((namespace, name))
        if now is None:
            return _status(404, "NotFound", f"{plural}.{group} {json.dumps(name)} not found", name, group, plural)
        if request.method == "GET":
            return JSONResponse(now)
        if request.method == "DELETE":
            if now["metadata"].get("finalizers"):  # it stays until whoever wants to be asked has been
                now["metadata"] |= {
                    "deletionTimestamp": "2026-11-23T03:10:00Z",
                    "resourceVersion": str(next(self._versions)),
                }
                return JSONResponse(now)
            del there[namespace, name]
            return JSONResponse({"kind": "Status", "status": "Success"})
        after = _changed(request, now, await request.json())
        if isinstance(after, Response):
            return after
        token = after["metadata"].get("resourceVersion")
        if token not in {None, now["metadata"]["resourceVersion"]}:
            said = (
                f"Operation cannot be fulfilled on {plural}.{group} {json.dumps(name)}: the object has been modified; "
                "please apply your changes to the latest version and try again"
            )
            return _status(409, "Conflict", said, name, group, plural)
        if (bad := self._invalid(group, plural, after)) is not None:
            return bad
        after = self._settled(request, self.kinds[group, plural], now, after)
        if request.query_params.get("dryRun") != "All":
            there[namespace, name] = after
            if "deletionTimestamp" in after["metadata"] and not after["metadata"].get("finalizers"):
                del there[namespace, name]
        return JSONResponse(after)

    def _settled(self, request: Request, kind: Kind, now: Object, after: Object) -> Object:
        """What is kept: the part that this address may write, counted on when anything differs."""
        if request.url.path.endswith("/status"):
            after = now | {"status": after.get("status")}
        elif kind.subresource:
            after = {key: value for key, value in after.items() if key != "status"}
            after |= {"status": now["status"]} if "status" in now else {}
        generation, token = now["metadata"]["generation"], now["metadata"]["resourceVersion"]
        after["metadata"] = after["metadata"] | {"generation": generation, "resourceVersion": token}
        if after == now:
            return now
        after["metadata"]["generation"] += after.get("spec") != now.get("spec")
        after["metadata"]["resourceVersion"] = str(next(self._versions))
        manager = request.query_params.get("fieldManager")
        managers = [one["manager"] for one in after["metadata"].get("managedFields", [])]
        if manager and manager not in managers:
            after["metadata"]["managedFields"] = [
                *({"manager": one, "operation": "Update"} for one in managers),
                {"manager": manager, "operation": "Update"},
            ]
        return after

    def _invalid(self, group: str, plural: str, value: Object) -> Response | None:
        kind = self.kinds[group, plural]
        if kind.schema is None:
            return None
        fault = next(Draft202012Validator(kind.schema).iter_errors(value), None)
        if fault is None:
            return None
        where = ".".join(str(part) for part in fault.absolute_path)
        name = value["metadata"]["name"]
        said = f"{kind.name}.{group} {json.dumps(name)} is invalid: {where}: Invalid value: {fault.message}"
        return _status(422, "Invalid", said, name, group, kind.name)


def _changed(request: Request, now: Object, given: Any) -> Object | Response:
    """The whole object that the request makes of what is there."""
    if request.method == "PUT":
        return dict(given)
    match request.headers.get("content-type"):
        case "application/merge-patch+json":
            return dict(_merged(copy.deepcopy(now), given))
        case "application/json-patch+json":
            after = copy.deepcopy(now)
            said = "the server rejected our request due to an error in our request"
            return after if all(_operated(after, one) for one in given) else _status(422, "Invalid", said)
    return _status(415, "UnsupportedMediaType", "the body of the request was in an unknown format")


def _merged(target: Any, patch: Any) -> Any:
    """RFC 7396."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = _merged(result.get(key), value)
    return result


def _operated(target: Object, operation: Object) -> bool:
    """RFC 6902, in place; whether it could be done. A `test` that fails looks like any other fault, as it really does."""
    *parents, last = [part.replace("~1", "/").replace("~0", "~") for part in operation["path"].split("/")[1:]]
    holder: Any = target
    try:
        for part in parents:
            holder = holder[int(part)] if isinstance(holder, list) else holder[part]
        key: Any = int(last) if isinstance(holder, list) and last != "-" else last
        match operation["op"], holder:
            case "add", list():
                holder.insert(len(holder) if key == "-" else key, operation["value"])
            case "add", _:
                holder[key] = operation["value"]
            case "replace", _:
                holder[key]  # must be there
                holder[key] = operation["value"]
            case "remove", _:
                del holder[key]
            case "test", _:
                return bool(holder[key] == operation["value"])
            case _:
                return False
    except (KeyError, IndexError, TypeError, ValueError):
        return False
    return True


def _labels(value: Object) -> Mapping[str, str]:
    labels = value["metadata"].get("labels", {})
    assert isinstance(labels, dict)
    return labels


async def _unknown(_: Request) -> Response:
    return PlainTextResponse("404 page not found\n", 404)


def _unauthorized() -> Response:
    return _status(401, "Unauthorized", "Unauthorized")


def _status(code: int, reason: str, said: str, name: str = "", group: str = "", kind: str = "") -> Response:
    details = {"name": name, "group": group, "kind": kind} if kind else None
    body = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": said}
    body |= {"reason": reason, "code": code} | ({"details": details} if details else {})  # type: ignore[dict-item]
    return JSONResponse(body, code)
