"""The real servers that some integrations are tried against."""

from tests.servers.vendors import mlflow, serving

__all__ = ["mlflow", "serving"]
