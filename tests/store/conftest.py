from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from autotrack.store.store import Store


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "runs"


@pytest.fixture
def store(root: Path) -> Iterator[Store]:
    store = Store(root)
    yield store
    store.close()
