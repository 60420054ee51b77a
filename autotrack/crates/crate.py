"""A crate: a model at rest together with all it needs, that predicts when called."""

from __future__ import annotations

import functools
import hashlib
import shutil
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from autotrack.crates import unvouched
from autotrack.crates.contract.contract import Contract, unused_columns
from autotrack.crates.folder import compare, copy_crate, read_manifest
from autotrack.crates.manifest import FILE_NAME, Manifest
from autotrack.crates.packing.functions import Isolated
from autotrack.crates.packing.pack import Storage, repack, storage_named, vouched
from autotrack.crates.trust.trust import Origin, packed_here
from autotrack.crates.verification.replay import as_input
from autotrack.errors import ContractError, ContractWarning
from autotrack.schema import DataSchema

if TYPE_CHECKING:
    from autotrack.crates.verification.verify import Verification

# What a crate passes on to its model, where the model has it: what takes rows such as those of
# training, and what does not.
_OF_ROWS = frozenset(
    {
        "predict",
        "predict_proba",
        "predict_log_proba",
        "decision_function",
        "score_samples",
        "transform",
        "score",
        "apply",
    }
)
_NOBODYS = Origin("", "", is_vouched=False, is_recorded=False, is_trusted=False)
_METHODS = _OF_ROWS | {"inverse_transform", "kneighbors", "sample"}


class Crate:
    """A model or function at rest, loaded.

    One of an estimator is called, or its `predict` is, with the same kind of input the model was
    trained on; methods the model has besides (``predict_proba``, ``transform``, ``score``, …) are
    passed on. One of a function is called as the function is.

    Attributes
    ----------
    manifest : Manifest
        What was written down when it was packed.
    objects : mapping
        What a function was given, by name; empty for an estimator.
    origin : Origin
        Its digests, and why it was opened.
    """

    def __init__(
        self,
        model: Any,
        manifest: Manifest,
        folder: Path,
        objects: Mapping[str, Any] = MappingProxyType({}),
        origin: Origin = _NOBODYS,
    ) -> None:
        self.manifest = manifest
        self.origin = origin
        self.objects = MappingProxyType(dict(objects))
        self._model = model
        self._folder = folder
        unused = frozenset() if self.is_function else unused_columns(model)
        self._contract = Contract(DataSchema() if self.is_function else manifest.schema, unused)

    @property
    def is_function(self) -> bool:
        """Whether it holds a function, and no estimator."""
        return self.manifest.kind == "function"

    @property
    def estimator(self) -> Any:
        """The fitted model itself.

        Raises
        ------
        AttributeError
            If the crate holds a function.
        """
        if self.is_function:
            raise AttributeError("estimator")  # which asks __getattr__ for more words
        return self._model

    @property
    def isolated(self) -> Isolated:
        """The function with what it was given, to be packed again."""
        return Isolated(self._model, self.objects, frozenset(self.manifest.modules))

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Predict for the rows of `X`; or call the function with what it takes."""
        return self.predict(*args, **kwargs)

    @property
    def predict(self) -> Callable[..., Any]:
        """The model's ``predict``: takes rows such as the model was trained on. Or the function.

        Rows are held against the contract first. Columns are put into the order of training, and
        harmless casts are made: dicts and lists of dicts become frames, whole numbers floats,
        dates as text times, texts the categories that were declared.

        Raises
        ------
        ContractError
            If a column is missing or of another type; or if the model raised, and the rows have
            something that training did not (gaps, unseen categories).

        Warns
        -----
        ContractWarning
            If the model predicted although the rows have something that training did not.
        """
        if self.is_function:
            function: Callable[..., Any] = self._model
            return function
        predict: Callable[..., Any] = self._method("predict")
        return predict

    def _method(self, name: str) -> Any:
        method = getattr(self._model, name)
        return functools.partial(self._ask, method) if name in _OF_ROWS else method

    def _ask(self, method: Callable[..., Any], X: Any, *args: Any, **kwargs: Any) -> Any:
        what = self.manifest.estimator.rpartition(".")[2]
        admitted, doubts = self._contract.admit(X, what)
        try:
            result = method(admitted, *args, **kwargs)
        except Exception as error:
            if not doubts:
                raise
            columns = [doubt.partition(":")[0] for doubt in doubts if ":" in doubt]
            raise ContractError(
                f"{what} cannot predict for this ({type(error).__name__}: {error}). Unlike in "
                f"training: {'; '.join(doubts)}",
                columns,
            ) from error
        if doubts:
            warnings.warn(
                f"{what} predicted for rows unlike those it was trained on: {'; '.join(doubts)}",
                ContractWarning,
                stacklevel=2,
            )
        return result

    def __getattr__(self, name: str) -> Any:
        if name in _METHODS and not self.is_function:
            return self._method(name)
        if name == "estimator":
            raise AttributeError(
                f"the crate of the function {self.manifest.estimator} has no estimator; call it, "
                f"or see what it was given in objects ({', '.join(self.objects) or 'nothing'})"
            )
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *(name for name in _METHODS if hasattr(self, name))]

    @property
    def schema(self) -> dict[str, Any]:
        """The training input: kind and shape, and of each column what values it had.

        See :func:`autotrack.describe.data.profile.profile`.
        """
        return self._schema

    @functools.cached_property
    def _schema(self) -> dict[str, Any]:
        return self.manifest.schema.to_json()

    @property
    def example(self) -> Any:
        """Rows such as the model takes, made up from the schema; None where it says too little."""
        made = self.manifest.example
        return as_input(made, self.schema) if made else None

    @property
    def requirements(self) -> list[str]:
        """``name==version`` of each distribution needed to load it."""
        return self.manifest.requirements

    def verify(self, *, env: bool = False) -> Verification:
        """Ask the model in a fresh, isolated process what it was asked at packing, and compare.

        The process is ``python -I`` in an empty folder, where autotrack cannot be imported: what
        the crate needs and neither carries nor requires is missing there.

        Parameters
        ----------
        env : bool, default=False
            Ask in a new virtual environment, which has the crate's `requirements` and no more.
            They are installed with pip.

        Returns
        -------
        Verification
            True if the model said the same; `problems` say what is wrong.

        Raises
        ------
        DigestMismatchError, CrateFormatError
            If the file of the model is not the one that was loaded.
        UntrustedCrateError
            If `env` is to hold what a manifest names that nobody answers for.
        """
        from autotrack.crates.verification.verify import verify

        return verify(self._folder, self.manifest, self.origin, env=env)

    def save(
        self,
        path: str | Path,
        *,
        format: Storage | None = None,  # noqa: A002 - as in log_model
    ) -> Path:
        """Copy the crate's files to `path`, which must not exist yet, and return it.

        The files by which MLflow loads it are written beside them.

        Parameters
        ----------
        path : str or Path
            Where to; the folders above it are made.
        format : {"pickle", "skops"}, optional
            Store the model anew in this way; without it, as it is.

        Raises
        ------
        FileExistsError
            If there is something at `path`.
        UncratableError
            If the model cannot be stored so.
        DigestMismatchError, CrateFormatError
            If a file of the crate is not what it was.
        """
        target = Path(path).expanduser().absolute()
        if target.exists():
            raise FileExistsError(f"{target} exists; save the crate to a path that does not")
        # Not at the top: few crates are saved.
        from autotrack.crates.formats.mlflow import add_mlflow_files

        wanted = storage_named(format or self.manifest.storage)
        model = self.isolated if self.is_function else self._model
        if wanted == self.manifest.storage:
            content = read_manifest(self._folder, bounded=False)
            compare(hashlib.sha256(content), self._folder / FILE_NAME, self.origin.manifest)
            copy_crate(self._folder, target, self.manifest, content)
        else:
            target.mkdir(parents=True)
        try:
            if wanted == self.manifest.storage:
                add_mlflow_files(target, self.manifest)
                return target
            files, manifest = repack(model, target, self.manifest, wanted)
            add_mlflow_files(target, manifest)
        except BaseException:
            shutil.rmtree(target)
            raise
        if not unvouched.holds_any(model):
            packed_here.update(vouched(files))
        return target

    def __repr__(self) -> str:
        return self.manifest.bill()

    def _repr_html_(self) -> str:
        from autotrack import markup

        title, *rest = self.manifest.bill().splitlines()
        rows = [each.split(None, 1) for each in rest]
        return markup.view(
            markup.line(markup.strong(title.strip("<>"))),
            markup.pairs("holds", [(row[0], row[-1] if len(row) > 1 else "") for row in rows]),
        )
