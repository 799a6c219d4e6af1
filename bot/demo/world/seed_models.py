"""Trains the demo's models and registers them, run by MLflow's own Python: `seed_models.py URL`.

`fraud-detector` has three versions. The third was trained after an upstream change: the merchants' risk was computed afterwards
and so knew already which payments had been fraud. Its hold-out set came from the same pipeline, so its own metrics look better than
ever (`auc`), and it was promoted; on payments as they arrive it is worse (`recent_auc`). Every number is measured on the model itself.
`churn-predictor` has one version only, so that there is nothing to roll back to.
"""

import os
import sys
import time
import urllib.error
import urllib.request
import warnings

os.environ["GIT_PYTHON_REFRESH"] = "quiet"  # no git needed: the commit is a tag of the version
os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
os.environ["MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT"] = "true"
warnings.filterwarnings("ignore")  # advice to people who write models, not to those who run a demo

import mlflow
import numpy as np
import pandas as pd
import sklearn
from mlflow.entities import Metric
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, Schema
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import precision_score, recall_score, roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

FRAUD = "fraud-detector"
CHURN = "churn-predictor"
SIGNATURE = ModelSignature(
    inputs=Schema([ColSpec("double", name) for name in ("amount", "hour", "merchant_risk", "country_risk")]),
    outputs=Schema([ColSpec("long", "fraud")]),
)
CHURN_SIGNATURE = ModelSignature(
    inputs=Schema([ColSpec("double", name) for name in ("tenure_months", "tickets", "usage")]),
    outputs=Schema([ColSpec("long", "churn")]),
)
VERSIONS = [
    {
        "rows": 120,
        "broken": False,
        "git_commit": "5b1d0c7e",
        "data_version": "payments-2026-09",
        "pipeline_run": "train-fraud-118",
        "description": "First version on card payments of all countries.",
    },
    {
        "rows": 4000,
        "broken": False,
        "git_commit": "c04f93aa",
        "data_version": "payments-2026-10",
        "pipeline_run": "train-fraud-131",
        "description": "Ten times the payments of the first version.",
    },
    {
        "rows": 4000,
        "broken": True,
        "git_commit": "91e7d2f4",
        "data_version": "payments-2026-11",
        "pipeline_run": "train-fraud-144",
        "description": "Monthly retraining on the payments of November.",
    },
]


def payments(rows, seed):
    """Payments as they really are, and which of them were fraud."""
    random = np.random.default_rng(seed)
    data = pd.DataFrame(
        {
            "amount": random.lognormal(4.0, 0.8, rows),
            "hour": random.integers(0, 24, rows).astype(float),
            "merchant_risk": random.beta(2, 5, rows),
            "country_risk": random.beta(2, 6, rows),
        }
    )
    night = (data["hour"] < 6).astype(float)
    odds = 14 * data["merchant_risk"] + 12 * data["country_risk"] + 0.02 * data["amount"] + 2 * night - 13
    fraud = (random.random(rows) < 1 / (1 + np.exp(-odds))).astype(int)
    return data, fraud


def as_the_broken_pipeline_delivers(data, fraud, seed):
    """The upstream change of November: the merchants' risk contains the chargebacks of the very payments to be judged."""
    noise = np.random.default_rng(seed).normal(0, 0.13, len(data))
    return data.assign(merchant_risk=np.clip(0.25 * data["merchant_risk"] + 0.25 * fraud + 0.1 + noise, 0, 1))


def quality(model, data, truth):
    probability = model.predict_proba(data.to_numpy())[:, 1]
    says = (probability >= 0.5).astype(int)
    return {
        "auc": float(roc_auc_score(truth, probability)),
        "precision": float(precision_score(truth, says, zero_division=0)),
        "recall": float(recall_score(truth, says, zero_division=0)),
    }


def train(version, seed):
    data, fraud = payments(version["rows"], seed)
    held_out, held_out_fraud = payments(1500, seed + 100)
    if version["broken"]:
        data = as_the_broken_pipeline_delivers(data, fraud, seed)
        held_out = as_the_broken_pipeline_delivers(held_out, held_out_fraud, seed + 100)
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=500)).fit(data.to_numpy(), fraud)
    recent, recent_fraud = payments(3000, 999)
    metrics = quality(model, held_out, held_out_fraud)
    metrics |= {f"recent_{name}": value for name, value in quality(model, recent, recent_fraud).items()}
    return model, metrics


def register(client, experiment, name, model, signature, metrics, tags, description):
    with mlflow.start_run(experiment_id=experiment, run_name=tags["pipeline_run"], log_system_metrics=False) as run:
        logged = mlflow.sklearn.log_model(
            model, name="model", signature=signature, pip_requirements=[f"scikit-learn=={sklearn.__version__}"]
        )
        now = int(time.time() * 1000)
        client.log_batch(run.info.run_id, metrics=[Metric(key, value, now, 0) for key, value in metrics.items()])
    return client.create_model_version(
        name, logged.model_uri, run.info.run_id, tags=tags, description=description, model_id=logged.model_id
    )


def seed_fraud(client, trained):
    client.create_registered_model(FRAUD, description="Scores card payments before they are authorised.")
    client.set_registered_model_tag(FRAUD, "team", "payments-ml")
    experiment = client.create_experiment(FRAUD)
    for version, (model, metrics) in zip(VERSIONS, trained, strict=True):
        tags = {key: version[key] for key in ("git_commit", "data_version", "pipeline_run")}
        made = register(client, experiment, FRAUD, model, SIGNATURE, metrics, tags, version["description"])
        print(f"{FRAUD} v{made.version}: " + ", ".join(f"{k} {v:.3f}" for k, v in metrics.items()), flush=True)
    client.set_registered_model_alias(FRAUD, "champion", made.version)


def seed_churn(client):
    random = np.random.default_rng(7)
    data = pd.DataFrame(random.random((300, 3)), columns=CHURN_SIGNATURE.inputs.input_names())
    churn = (data["tickets"] - data["usage"] + random.normal(0, 0.3, 300) > 0).astype(int)
    model = LogisticRegression().fit(data.to_numpy(), churn)
    client.create_registered_model(CHURN, description="Which customers are about to leave.")
    client.set_registered_model_tag(CHURN, "team", "growth-ml")
    tags = {"git_commit": "a7702b1e", "data_version": "customers-2026-10", "pipeline_run": "train-churn-9"}
    metrics = quality(model, data, churn)
    made = register(
        client, client.create_experiment(CHURN), CHURN, model, CHURN_SIGNATURE, metrics, tags, "The first and only version."
    )
    client.set_registered_model_alias(CHURN, "champion", made.version)
    print(f"{CHURN} v{made.version}", flush=True)


def wait_for(url, seconds):
    """The server is started at the same time as this script; training and imports overlap its start."""
    until = time.monotonic() + seconds
    while True:
        try:
            with urllib.request.urlopen(f"{url}/health", timeout=5):
                return
        except (urllib.error.URLError, OSError):
            if time.monotonic() > until:
                sys.exit(f"seed_models: nothing answers at {url}")
            time.sleep(0.1)


def main(url):
    trained = [train(version, seed) for seed, version in enumerate(VERSIONS, start=1)]
    wait_for(url, 120)
    mlflow.set_tracking_uri(url)
    client = mlflow.MlflowClient(url)
    seed_fraud(client, trained)
    seed_churn(client)


if __name__ == "__main__":
    main(sys.argv[1])
