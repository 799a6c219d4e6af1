"""An Airflow 2 in memory: what it takes is checked against its own OpenAPI file, what it says was captured from one.

The real one can't run beside an Airflow 3 in one suite; the same contract was held against a 2.11.0 by hand.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx
import jsonschema

from bot.kit.http import HttpClients, Limits
from tests.integrations.answering import answer
from tests.integrations.deliveries import ROOT

SPEC = json.loads((ROOT / "airflow" / "fixtures" / "airflow-2.11.0-v1.schema.json").read_bytes())
AT = "2026-11-25T06:49:{:02}.764850+00:00"
PAUSED_AT_FIRST = ("nightly",)


def said(name: str) -> Any:
    """What a real one has said."""
    return answer("airflow", f"airflow_2_{name}")


@dataclass
class Airflow2:
    """Has the DAGs `retrain` and `nightly`. `stray` answers in its place, when a test says so."""

    runs: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    tasks: dict[tuple[str, str], list[str | None]] = field(default_factory=dict)
    paused: set[str] = field(default_factory=lambda: set(PAUSED_AT_FIRST))
    asked: list[httpx.Request] = field(default_factory=list)

    def clients(self) -> HttpClients:
        return HttpClients(limits=Limits(attempts=1), transport=httpx.MockTransport(self.answer))

    # ------------------------------------------------------------ what the test arranges

    def put(self, dag: str, run: str, state: str, tasks: tuple[str | None, str | None, str | None]) -> None:
        """Where a run stands, and its tasks prepare, train, evaluate."""
        have = self.runs[dag, run]
        have["state"] = state
        have["start_date"] = have["start_date"] or AT.format(10)
        have["end_date"] = AT.format(40) if state in {"success", "failed"} else None
        self.tasks[dag, run] = list(tasks)

    # ------------------------------------------------------------ HTTP

    def answer(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        path = request.url.path
        if path.startswith("/api/v2/"):
            return httpx.Response(404, html="<html><head><title>Airflow 404</title></head></html>")
        names = _checked(request)
        if path.endswith(("/version", "/health")):
            return httpx.Response(200, json=said(path.rpartition("/")[2]))
        if request.headers.get("authorization") != "Basic Ym90OnBhc3N3b3JkLW9mLXRoZS1ib3Q=":  # bot:password-of-the-bot
            return httpx.Response(401, json=said("wrong_password"))
        status, value = self._said(request, names.get("dag_id", ""), names.get("dag_run_id", ""))
        return httpx.Response(status, json=value)

    def _said(self, request: httpx.Request, dag: str, run: str) -> tuple[int, Any]:
        last = request.url.path.rpartition("/")[2]
        body = json.loads(request.content or b"{}")
        if last == "dags":
            return 200, said("dags")
        if last == "importErrors":
            return 200, said("import_errors")
        have = self.runs.get((dag, run))
        if run and have is None:
            return 404, _renamed(_renamed(said("run_unknown"), "'retrain'", f"'{dag}'"), "op-99", run)
        if dag not in {"retrain", "nightly"}:
            return 404, _renamed(said("dag_unknown"), "no-such-dag", dag)
        if have is None:
            return self._of_dag(request.method, last, dag, body, request.url.params)
        if last == "taskInstances":
            return 200, self._tasks(dag, run)
        if request.method == "PATCH":
            self._patch(dag, run, body)
        return 200, have

    def _of_dag(
        self, method: str, last: str, dag: str, body: Mapping[str, Any], params: httpx.QueryParams
    ) -> tuple[int, Any]:
        if last == "dagRuns" and method == "POST":
            return self._start(dag, body)
        if last == "dagRuns":
            mine = [run for (of, _), run in reversed(self.runs.items()) if of == dag]
            return 200, {"dag_runs": mine[: int(params["limit"])], "total_entries": len(mine)}
        if method == "PATCH":
            (self.paused.add if body["is_paused"] else self.paused.discard)(dag)
        shown = said("dag_scheduled" if dag == "nightly" else "dag")
        return 200, shown | {"is_paused": dag in self.paused}

    def _start(self, dag: str, body: Mapping[str, Any]) -> tuple[int, Any]:
        key = body["dag_run_id"]
        if (dag, key) in self.runs:
            return 409, _renamed(said("start_twice"), "op-17-a1", key)
        for name, kind in (("epochs", int), ("upload", bool)):
            if not isinstance(body["conf"].get(name, kind()), kind):
                return 400, _renamed(said("start_wrong"), "epochs", name)
        made = said("started") | {"dag_id": dag, "dag_run_id": key, "conf": body["conf"], "note": body["note"]}
        self.runs[dag, key] = made
        self.tasks[dag, key] = [None] * 3
        return 200, made

    def _patch(self, dag: str, run: str, body: Mapping[str, Any]) -> None:
        have = self.runs[dag, run]
        if "note" in body:
            have["note"] = body["note"]
        if "state" in body:
            have["state"], have["end_date"] = body["state"], AT.format(50)
            over = {"running": "failed", None: "skipped"}
            self.tasks[dag, run] = [over.get(state, state) for state in self.tasks[dag, run]]

    def _tasks(self, dag: str, run: str) -> Mapping[str, Any]:
        begun = {"start_date": AT.format(20), "end_date": AT.format(30)}
        shown = [
            one | {"dag_id": dag, "dag_run_id": run, "state": state} | (begun if state else {})
            for one, state in zip(said("tasks")["task_instances"], self.tasks[dag, run], strict=True)
        ]
        return {"task_instances": shown, "total_entries": len(shown)}


def _checked(request: httpx.Request) -> Mapping[str, str]:
    """The names in the path of a request that Airflow's own OpenAPI file allows. Fails the test for any other."""
    path = request.url.raw_path.decode().partition("?")[0].removeprefix("/api/v1")
    for template, methods in SPEC.items():
        found = re.fullmatch(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", template), path)
        if found and request.method.lower() in methods:
            break
    else:
        raise AssertionError(f"Airflow 2 has no {request.method} {path}")
    operation = methods[request.method.lower()]
    known = {one["name"]: one for one in operation["parameters"] if one["in"] == "query"}
    for name, text in request.url.params.multi_items():
        schema = known[name]["schema"]
        jsonschema.validate(int(text) if schema["type"] == "integer" else [text], _of_lists(schema))
    if "body" in operation:
        jsonschema.validate(json.loads(request.content), _strict(operation["body"]))
    return {name: httpx.URL(f"http://x/{text}").path[1:] for name, text in found.groupdict().items()}


def _of_lists(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    return schema if schema["type"] in {"integer", "array"} else {"type": "array", "items": schema}


def _strict(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """As JSON Schema, without what only answers hold; `logical_date` may be null in the file, and is refused for real."""
    writable = {name: _nullable(one) for name, one in schema["properties"].items() if not one.get("readOnly")}
    writable["logical_date"] = {"type": "string"}
    return {"type": "object", "properties": writable, "additionalProperties": False}


def _nullable(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"anyOf": [schema, {"type": "null"}]} if schema.get("nullable") else schema


def _renamed(value: Any, old: str, new: str) -> Any:
    return {key: text.replace(old, new) if isinstance(text, str) else text for key, text in value.items()}
