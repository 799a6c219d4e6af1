"""A pipeline whose file a test breaks."""

from airflow.sdk import DAG, task

with DAG("fragile", schedule=None):

    @task
    def only() -> None:
        """Done at once."""

    only()
