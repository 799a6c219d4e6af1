"""What a data-science team deploys: a BentoML service around one model version, which lies beside this file in `model/`.

The bento's own version is the model's (`v3`), so `/docs.json` (`info.version`) and `/metrics` (`service_version`) say what really answers.
"""

import json
from pathlib import Path

import bentoml
import numpy as np
import skops.io

HERE = Path(__file__).parent / "model"


@bentoml.service(name="fraud_detector", workers=1, traffic={"timeout": 10}, logging={"access": {"enabled": False}})
class FraudDetector:
    """Scores card payments before they are authorised."""

    def __init__(self) -> None:
        about = json.loads((HERE / "about.json").read_text())
        self.version = about["version"]
        self.columns = about["columns"]
        # Loads only types that skops itself trusts: a registry's file is data, not a program.
        self.model = skops.io.load(HERE / "model.skops")

    @bentoml.api
    def predict(self, payments: list[dict[str, float]]) -> dict:
        """`payments`: amount, hour (0 to 23), merchant_risk and country_risk (0 to 1) of each."""
        rows = np.array([[payment[name] for name in self.columns] for payment in payments], dtype=float)
        probability = self.model.predict_proba(rows)[:, 1]
        return {"version": self.version, "fraud": [round(float(one), 4) for one in probability]}
