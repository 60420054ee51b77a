"""A server on PostgreSQL, killed in the middle like the client: nothing is lost, nothing twice."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.replication.server import BIN, Postgres
from tests.replication.soak import soak


@pytest.mark.thorough
def test_a_store_is_whole_on_postgresql_after_kills_of_both_sides(tmp_path: Path) -> None:
    if not (BIN / "mlflow").exists():
        pytest.skip("there is no MLflow to talk to: make .venv-bench/installed")
    if Postgres.program("initdb") is None:
        pytest.skip("there is no PostgreSQL")
    database = Postgres(tmp_path / "postgres")
    database.start()
    try:
        wrong = soak(
            tmp_path, database.uri, kills=7, server_kills=1, candidates=4, dropped=0.1, seed=1
        )
    finally:
        database.stop()
    assert wrong == []
