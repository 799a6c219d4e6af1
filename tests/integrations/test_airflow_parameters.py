"""Airflow's Params, which may hold any JSON Schema, as parameters."""

import pytest

from bot.ports.systems import Parameter
from integrations.airflow.parameters import parameters
from integrations.airflow.wire import Param


@pytest.mark.parametrize(
    ("param", "shown"),
    [
        ({"value": 5, "schema": {}}, Parameter("p", "integer", default=5)),
        ({"value": 5.5}, Parameter("p", "number", default=5.5)),
        ({"value": True}, Parameter("p", "boolean", default=True)),
        ({"value": None, "schema": {}}, Parameter("p")),
        ({"value": [1], "schema": {}}, Parameter("p", "array")),
        ({"value": {"a": 1}, "schema": {"type": "object"}}, Parameter("p", "object")),
        ({"value": None, "schema": {"type": "integer"}}, Parameter("p", "integer", required=True)),
        ({"value": None, "schema": {"type": ["null", "number"], "minimum": 0}}, Parameter("p", "number", minimum=0)),
        ({"value": None, "schema": {"enum": ["a", "b"]}}, Parameter("p", required=True, choices=("a", "b"))),
        ({"value": "v1", "schema": {"const": "v1"}}, Parameter("p", default="v1", choices=("v1",))),
        (
            {"value": "2026-10-01", "schema": {"type": "string", "format": "date"}},
            Parameter("p", default="2026-10-01", pattern=r"^\d{4}-\d{2}-\d{2}$"),
        ),
        (
            {"value": 1, "schema": {"type": "integer", "exclusiveMinimum": 0, "exclusiveMaximum": 10}},
            Parameter("p", "integer", default=1, minimum=1, maximum=9),
        ),
        (
            {"value": 1, "schema": {"type": "integer", "exclusiveMinimum": 0.5, "minimum": 3, "exclusiveMaximum": 9.5}},
            Parameter("p", "integer", default=1, minimum=3, maximum=9),
        ),
        (
            {"value": 0.5, "schema": {"type": "number", "exclusiveMinimum": 0, "maximum": 1}},
            Parameter("p", "number", default=0.5, minimum=0, maximum=1),
        ),
        ({"value": "x", "schema": {"type": 5, "title": "Name"}}, Parameter("p", default="x", description="Name")),
        ({"value": "x", "schema": {"pattern": 5, "enum": "abc"}}, Parameter("p", default="x")),
        ({"value": 1, "schema": {"minimum": "0", "maximum": True}}, Parameter("p", "integer", default=1)),
        ({"value": "a", "schema": {"enum": ["a"] * 300}}, Parameter("p", default="a")),
        ({"value": 1, "description": "d" * 600}, Parameter("p", "integer", default=1, description="d" * 500)),
    ],
)
def test_a_param_says_what_it_may_be(param: dict[str, object], shown: Parameter) -> None:
    assert parameters({"p": Param.model_validate(param)}) == (shown,)


def test_a_whole_number_below_an_odd_bound() -> None:
    schema = {"type": "integer", "exclusiveMinimum": 0.5, "exclusiveMaximum": 9.5}
    (shown,) = parameters({"p": Param.model_validate({"value": 1, "schema": schema})})
    assert (shown.minimum, shown.maximum) == (1, 9)
