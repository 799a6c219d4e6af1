"""A stand-in for Opsgenie, and for Operations: every request is checked by Opsgenie's own description, every answer, too."""

import json
from dataclasses import dataclass, field
from typing import Any

import httpx
from jsonschema import Draft4Validator

from tests.integrations.deliveries import ROOT

OAS = json.loads((ROOT / "opsgenie" / "fixtures" / "opsgenie-oas.schema.json").read_text())
CLOUD = "11111111-2222-3333-4444-555555555555"
MOVED = f"/jsm/ops/api/{CLOUD}/v1/alerts"
REACH = 20_000


@dataclass
class FakeOpsgenie:
    """Alerts by id, as the API shows one. `moved`: it is Operations, whose form is known from others who use it."""

    key: str = "key-of-this-test"
    moved: bool = False
    alerts: dict[str, dict[str, Any]] = field(default_factory=dict)
    asked: list[httpx.Request] = field(default_factory=list)
    limits: int = 0
    """So many requests are answered with 429 first."""

    def answer(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        if self.limits:
            self.limits -= 1
            return _told(429, {"message": "You are making too many requests!", "took": 0.1, "requestId": "1"})
        scheme = "Basic " if self.moved else f"GenieKey {self.key}"
        if not request.headers.get("authorization", "").startswith(scheme):
            return _told(401, {"message": "Could not authenticate", "took": 0.1, "requestId": "1"})
        base = MOVED if self.moved else "/v2/alerts"
        assert request.method == "GET", request
        assert request.url.path.startswith(base), request
        one = request.url.path.removeprefix(base).removeprefix("/")
        return self._one(one, dict(request.url.params)) if one else self._list(dict(request.url.params))

    def _list(self, given: dict[str, str]) -> httpx.Response:
        size = "size" if self.moved else "limit"
        if self.moved:
            assert set(given) <= {"query", "offset", "size", "sort", "order"}, given
        else:
            _check("/v2/alerts", given)
        offset, limit = int(given.get("offset", 0)), int(given.get(size, 20))
        if offset + limit > REACH:
            return _told(422, {"message": "Sum of offset and limit is too large", "took": 0.1, "requestId": "1"})
        fits = [alert for alert in self.alerts.values() if _fits(alert, given.get("query", ""))]
        fits.sort(key=lambda alert: str(alert["createdAt"]), reverse=given.get("order", "desc") == "desc")
        page = [_shown(alert) for alert in fits[offset : offset + limit]]
        if self.moved:
            return _told(200, {"values": page, "count": len(fits)})
        body = {"data": page, "paging": {}, "took": 0.1, "requestId": "1"}
        _check_answer("ListAlertsResponse", body)
        return _told(200, body)

    def _one(self, id_: str, given: dict[str, str]) -> httpx.Response:
        if not self.moved:
            _check("/v2/alerts/{identifier}", given)
        if id_ not in self.alerts:
            return _told(404, {"message": "Alert not found", "took": 0.1, "requestId": "1"})
        alert = self.alerts[id_]
        if self.moved:
            named = {("extraProperties" if key == "details" else key): value for key, value in alert.items()}
            return _told(200, named)
        body = {"data": alert, "took": 0.1, "requestId": "1"}
        _check_answer("GetAlertResponse", body)
        return _told(200, body)


def _shown(alert: dict[str, Any]) -> dict[str, Any]:
    """A list leaves the details out."""
    return {key: value for key, value in alert.items() if key not in {"details", "description", "entity"}}


def _fits(alert: dict[str, Any], query: str) -> bool:
    """As much of the search language as is used: `status: open [AND (tag: ml)]`, and Operations' status `acked`."""
    alive, _, rest = query.partition(" AND ")
    assert alive in {"status: open", "(status: open OR status: acked)"}, query
    statuses = {"open", "acked"} if "acked" in alive else {"open"}
    tag = rest.removeprefix("(tag: ").removesuffix(")")
    return alert["status"] in statuses and (not rest or tag in alert.get("tags", []))


def _check(path: str, given: dict[str, str]) -> None:
    declared = {}
    for parameter in OAS["paths"][path]["get"]["parameters"]:
        found = OAS["parameters"][parameter["$ref"].rpartition("/")[2]] if "$ref" in parameter else parameter
        declared[found["name"]] = found
    for name, text in given.items():
        assert name in declared, f"{path} has no parameter {name}"
        schema = {key: declared[name][key] for key in ("type", "enum", "minimum", "maximum") if key in declared[name]}
        value: object = int(text) if schema["type"] == "integer" else text
        Draft4Validator(schema).validate(value)


def _check_answer(name: str, body: object) -> None:
    Draft4Validator({"$ref": f"#/definitions/{name}", "definitions": OAS["definitions"]}).validate(body)


def _told(status: int, body: object) -> httpx.Response:
    return httpx.Response(status, json=body)
