"""The real servers that some integrations are tried against."""

from tests.integrations.dagster_server import at_dagster, before_dagster, connect_dagster, person, start_key
from tests.integrations.kserve_world import between_kube, connect_kserve, kserve
from tests.integrations.mlflow_server import between, connect_mlflow, direct, registry
from tests.servers.dagster import dagster
from tests.servers.kube import kube, real_kube
from tests.servers.vendors import bentoml, mlflow

__all__ = [
    "at_dagster",
    "before_dagster",
    "bentoml",
    "between",
    "between_kube",
    "connect_dagster",
    "connect_kserve",
    "connect_mlflow",
    "dagster",
    "direct",
    "kserve",
    "kube",
    "mlflow",
    "person",
    "real_kube",
    "registry",
    "start_key",
]
