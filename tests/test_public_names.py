"""The front door: what `autotrack` offers is what `__all__` says, and each name explains itself."""

from __future__ import annotations

import inspect
import types

import pytest

import autotrack

NAMES = [name for name in autotrack.__all__ if name != "__version__"]


def test_every_public_name_is_listed_once():
    there = {
        name
        for name, value in vars(autotrack).items()
        if not name.startswith("_") and not isinstance(value, types.ModuleType)
    }
    assert there == set(NAMES)
    assert len(NAMES) == len(set(NAMES))


@pytest.mark.parametrize("name", NAMES)
def test_every_public_name_explains_itself(name):
    assert inspect.getdoc(getattr(autotrack, name))


def test_import_autotrack_imports_no_scikit_learn(run_python):
    run_python(code="import autotrack, sys; assert 'sklearn' not in sys.modules")
