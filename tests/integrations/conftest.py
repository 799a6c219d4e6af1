"""The real servers that some integrations are tried against."""

from tests.integrations.kserve_world import between_kube, connect_kserve, kserve
from tests.integrations.mlflow_server import between, connect_mlflow, direct, registry
from tests.servers.kube import kube, real_kube
from tests.servers.vendors import bentoml, mlflow

__all__ = [
    "bentoml",
    "between",
    "between_kube",
    "connect_kserve",
    "connect_mlflow",
    "direct",
    "kserve",
    "kube",
    "mlflow",
    "real_kube",
    "registry",
]
