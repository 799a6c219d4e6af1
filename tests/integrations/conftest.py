"""The real servers that some integrations are tried against."""

from tests.integrations.mlflow_server import between, connect_mlflow, direct, registry
from tests.servers.vendors import bentoml, mlflow

__all__ = ["bentoml", "between", "connect_mlflow", "direct", "mlflow", "registry"]
