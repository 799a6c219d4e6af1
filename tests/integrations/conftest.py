"""The real servers that some integrations are tried against."""

from tests.servers.vendors import bentoml, mlflow

__all__ = ["bentoml", "mlflow"]
