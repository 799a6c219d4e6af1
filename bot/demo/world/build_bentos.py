"""What a team's delivery pipeline does: makes an immutable bento of every registered version, run by BentoML's own Python.

`build_bentos.py MLFLOW_URL MODEL` builds those that the store (`BENTOML_HOME`) does not have yet, the champion first.
"""

import json
import os
import shutil
import sys
import tempfile
import urllib.parse
import urllib.request
from pathlib import Path

os.environ["BENTOML_DO_NOT_TRACK"] = "True"
HERE = Path(__file__).parent
BENTO = "fraud_detector"
LAST = "last-served"
"""The file in the store with the version that served last."""


def get(url, path, /, **query):
    with urllib.request.urlopen(f"{url}{path}?{urllib.parse.urlencode(query)}", timeout=30) as answer:
        return answer.read()


def champion(url, model):
    """The number of the version that the alias points at."""
    answer = json.loads(get(url, "/api/2.0/mlflow/registered-models/alias", name=model, alias="champion"))
    return answer["model_version"]["version"]


def versions(url, model):
    """All versions, the one to be served first and then the newest."""
    found = json.loads(get(url, "/api/2.0/mlflow/model-versions/search", filter=f"name='{model}'", max_results=100))
    numbers = sorted((one["version"] for one in found.get("model_versions", [])), key=int, reverse=True)
    first = champion(url, model)
    return [first, *(number for number in numbers if number != first)]


def columns(url, model, version):
    """The inputs of the model's signature; `signature.inputs` is JSON inside YAML."""
    import yaml

    about = yaml.safe_load(get(url, "/model-versions/get-artifact", name=model, version=version, path="MLmodel"))
    return [one["name"] for one in json.loads(about["signature"]["inputs"])]


def exists(version):
    import bentoml

    try:
        bentoml.bentos.get(f"{BENTO}:v{version}")
    except bentoml.exceptions.NotFound:
        return False
    return True


def build(url, model, version):
    """One bento with the version's artefact inside; nothing is left behind when that fails."""
    import bentoml

    artefact = get(url, "/model-versions/get-artifact", name=model, version=version, path="model.skops")
    about = {"model": model, "version": version, "columns": columns(url, model, version)}
    with tempfile.TemporaryDirectory() as context:
        inside = Path(context, "model")
        inside.mkdir()
        (inside / "model.skops").write_bytes(artefact)
        (inside / "about.json").write_text(json.dumps(about))
        shutil.copy(HERE / "fraud_service.py", context)
        bentoml.bentos.build(
            "fraud_service:FraudDetector",
            name=BENTO,
            version=f"v{version}",
            labels={"model": model},
            include=["fraud_service.py", "model/*"],
            python={"lock_packages": False, "packages": ["scikit-learn", "skops"]},
            build_ctx=context,
        )


def remember(store, version):
    """What serving begins with while the registry does not answer."""
    part = Path(store, f"{LAST}.part")
    part.write_text(version)
    part.rename(Path(store, LAST))


def main(url, model):
    for version in versions(url, model):
        if not exists(version):
            build(url, model, version)
            print(f"built {BENTO}:v{version}", flush=True)
    if not Path(os.environ["BENTOML_HOME"], LAST).exists():
        remember(os.environ["BENTOML_HOME"], champion(url, model))


if __name__ == "__main__":
    main(*sys.argv[1:])
