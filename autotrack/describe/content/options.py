"""Options of installed libraries, as far as they keep them where anybody may ask for them."""

from __future__ import annotations

import decimal
import sys
from typing import Any

import numpy as np

# What pandas computes with does not depend on these; code may ask for them all the same.
_OF_TEXTS = frozenset({"display", "styler", "plotting", "io"})
_OF_PANDAS = frozenset({"get_option", "describe_option", "option_context", "options"})
_OF_MATPLOTLIB = frozenset({"rcParams", "rc_context"})
_OF_NUMPY = frozenset({"get_printoptions", "printoptions"})


def options() -> dict[str, Any]:
    """The options in force that a computation may depend on without asking for them."""
    context = decimal.getcontext()
    found: dict[str, Any] = {
        "numpy": np.geterr(),
        "decimal": (context.prec, context.rounding, context.Emin, context.Emax, context.clamp),
        "pandas": {k: v for k, v in _of_pandas().items() if k not in _OF_TEXTS},
    }
    for module in ("sklearn", "xgboost"):
        ask = getattr(sys.modules.get(module), "get_config", None)
        if ask is not None:
            found[module] = ask()
    return found


def options_asked_for(names: frozenset[str]) -> dict[str, Any]:
    """The options that code with these names in it may ask for."""
    found: dict[str, Any] = {}
    if names & _OF_PANDAS:
        found["pandas"] = _of_pandas()
    if names & _OF_NUMPY:
        found["numpy"] = np.get_printoptions()
    if names & _OF_MATPLOTLIB:
        held: Any = getattr(sys.modules.get("matplotlib"), "rcParams", {})
        # As a plain dictionary: it warns of options that are going to be removed.
        found["matplotlib"] = {str(key): repr(value) for key, value in dict.items(held)}
    return found


def _of_pandas() -> dict[str, Any]:
    # Asking for one after the other would warn of those that are going to be removed.
    held = getattr(sys.modules.get("pandas"), "options", None)
    return dict(vars(held)["d"]) if held is not None else {}
