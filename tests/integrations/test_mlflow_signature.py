"""The MLmodel file, as MLflow writes it, and what else may stand in its place."""

import json

import pytest

from bot.domain.errors import Unreadable
from bot.domain.models import Column
from integrations.mlflow.wire import TYPE_LIMIT, read_mlmodel
from tests.integrations.deliveries import ROOT


def mlmodel(name: str) -> str:
    return (ROOT / "mlflow" / "fixtures" / f"MLmodel_{name}.yaml").read_text()


def test_a_signature_of_columns() -> None:
    signature = read_mlmodel(mlmodel("columns"), "mlflow")
    assert signature is not None
    names = ("amount", "hour", "merchant_risk", "country_risk")
    assert signature.inputs == tuple(Column(name, "double") for name in names)
    assert signature.outputs == (Column("fraud", "long"),)


def test_a_signature_of_tensors_has_numbers_for_names() -> None:
    signature = read_mlmodel(mlmodel("tensor"), "mlflow")
    assert signature is not None
    assert signature.inputs == (Column("#1", "tensor(float32)[-1,28,28,1]"),)
    assert signature.outputs == (Column("#1", "tensor(float32)[-1,10]"),)


def test_a_nested_signature_is_told_as_one_word_each() -> None:
    signature = read_mlmodel(mlmodel("nested"), "mlflow")
    assert signature is not None
    assert signature.inputs == (
        Column("text", "string"),
        Column("score", "double", required=False),
        Column("tags", "array(string)"),
        Column("message", "object(content?: string, role: string)"),
        Column("counts", "map(long)"),
        Column("deep", "array(object(a: array(double)))"),
    )


def test_a_model_without_a_signature() -> None:
    assert read_mlmodel(mlmodel("no_signature"), "mlflow") is None


def _with_inputs(inputs: object) -> str:
    return json.dumps({"flavors": {}, "signature": {"inputs": json.dumps(inputs), "outputs": None}})


LAUGHS = "\n".join(
    ["flavors: {}", "a0: &a0 {type: double}"]
    + [
        f"a{n}: &a{n} {{type: object, properties: {{{', '.join(f'p{i}: *a{n - 1}' for i in range(20))}}}}}"
        for n in range(1, 9)
    ]
    + ["signature: {inputs: [*a8], outputs: null}"]
)
"""A signature of 20 to the power of 8 fields, in two kilobytes."""


def test_long_types_are_cut_and_stay_different() -> None:
    kinds = []
    for last in ("string", "long"):
        fields = {f"field_{number}": {"type": "double"} for number in range(100)} | {"z": {"type": last}}
        signature = read_mlmodel(_with_inputs([{"type": "object", "name": "o", "properties": fields}]), "mlflow")
        assert signature is not None
        kinds.append(signature.inputs[0].type)
    assert kinds[0] != kinds[1]
    assert all(len(kind) <= TYPE_LIMIT for kind in kinds)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[1, 2]",
        "flavors: none",
        "signature: {inputs: '[]'}",
        "!!python/object/apply:os.system ['true']",
        "[" * 5_000,
        _with_inputs({"a": 1}),
        _with_inputs(["double"]),
        json.dumps({"flavors": {}, "signature": {"inputs": "not json"}}),
        "flavors: {}\nsignature: {inputs: !!binary 'AAAA'}",
        "a: 2026-13-45",
        LAUGHS,
    ],
)
def test_what_is_no_mlmodel_file_is_unreadable(text: str) -> None:
    with pytest.raises(Unreadable):
        read_mlmodel(text, "mlflow")


def test_types_without_end_come_to_one() -> None:
    deep: dict[str, object] = {"type": "double"}
    for _ in range(60):
        deep = {"type": "array", "items": deep}
    signature = read_mlmodel(_with_inputs([{**deep, "name": "x"}]), "mlflow")
    assert signature is not None
    assert len(signature.inputs[0].type) <= TYPE_LIMIT
