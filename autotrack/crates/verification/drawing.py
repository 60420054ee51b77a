"""Whether what a model predicts may be drawn from the generators that everybody shares.

To keep and to put back their states takes longer than to predict for a few rows.
"""

from __future__ import annotations

import types

from autotrack.runtime.patching import unwrapped
from autotrack.runtime.weak_map import IdentityMap

# What scikit-learn's models are made of. Whatever draws says so in the name of its module.
_PLAIN = ("numpy.", "numpy", "scipy.sparse.", "builtins", "sklearn.")
#: What code that draws speaks of.
CHANCE = ("random", "rng", "shuffle", "permutation", "resample")
#: What a model, or a model that holds it, is asked by whom it is to predict for.
ASKED = (
    "predict",
    "predict_proba",
    "predict_log_proba",
    "decision_function",
    "score_samples",
    "transform",
    "inverse_transform",
    "apply",
    "decision_path",
    "kneighbors",
    "radius_neighbors",
    "diag",
    "__call__",
)
# Classes of scikit-learn's that draw when they are asked, as their code leads to what does; to
# follow it takes milliseconds. A test follows that of every class there is.
_DRAWING = frozenset(
    {
        "BernoulliRBM",
        "DictionaryLearning",
        "DummyClassifier",
        "GaussianRandomProjection",
        "IterativeImputer",
        "LatentDirichletAllocation",
        "MiniBatchDictionaryLearning",
        "MiniBatchNMF",
        "NMF",
        "PatchExtractor",
        "RBFSampler",
        "SkewedChi2Sampler",
        "SparseCoder",
        "_BaseSparsePCA",
        "SparseRandomProjection",
    }
)
_known: IdentityMap[bool] = IdentityMap()


def may_draw(kind: type | types.FunctionType) -> bool:
    """Whether methods of a fitted object of this class, or this function, may draw.

    Of the classes of packages other than scikit-learn and NumPy nothing is known.
    """
    known = _known.get(kind)
    if known is None:
        known = _looks_so(kind)
        _known.set(kind, known)
    return known


def _looks_so(kind: type | types.FunctionType) -> bool:
    module = str(getattr(kind, "__module__", None) or "")
    if not module.startswith(_PLAIN) or "random" in module or ".tests" in module:
        return True
    if not isinstance(kind, type):  # a function, such as those by which an array is made again
        return not module.startswith(("numpy.core.", "numpy._core."))
    if not all(owner.__module__.startswith((*_PLAIN, "abc")) for owner in kind.__mro__):
        return True
    return any(owner.__name__ in _DRAWING or _speaks_of_chance(owner) for owner in kind.__mro__)


def _speaks_of_chance(owner: type) -> bool:
    """Whether what a class is asked speaks of drawing itself."""
    held = (unwrapped(vars(owner)[name]) for name in ASKED if name in vars(owner))
    codes = (getattr(getattr(each, "fn", each), "__code__", None) for each in held)
    spoken = (name for code in codes if code for name in (*code.co_names, *code.co_varnames))
    return any(word in name.lower() for name in spoken for word in CHANCE)
