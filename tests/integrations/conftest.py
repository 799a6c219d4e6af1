"""The real servers that some integrations are tried against."""

from tests.integrations.airflow_server import admin, at_airflow, before_airflow, connect_airflow, run_key
from tests.integrations.dagster_server import at_dagster, before_dagster, connect_dagster, person, start_key
from tests.integrations.kserve_world import between_kube, connect_kserve, kserve
from tests.integrations.mlflow_server import between, connect_mlflow, direct, registry
from tests.servers.dagster import queueing, read_only
from tests.servers.kube import kube, real_kube
from tests.servers.localstack import owner
from tests.servers.vendors import bentoml, mlflow

__all__ = [
    "admin",
    "at_airflow",
    "at_dagster",
    "before_airflow",
    "before_dagster",
    "bentoml",
    "between",
    "between_kube",
    "connect_airflow",
    "connect_dagster",
    "connect_kserve",
    "connect_mlflow",
    "direct",
    "kserve",
    "kube",
    "mlflow",
    "owner",
    "person",
    "queueing",
    "read_only",
    "real_kube",
    "registry",
    "run_key",
    "start_key",
]
