"""What capture hands to the recorder: plain facts about one call."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import TYPE_CHECKING, Any

import xxhash

from autotrack.describe.data.fingerprint import describe
from autotrack.describe.data.stamp import Stamp, stamp
from autotrack.entities import DatasetUse, Finding, SeenRows, SharedRows
from autotrack.runtime.dataclass import dataclass

if TYPE_CHECKING:
    from autotrack.tracking.recording.library_calls import LibraryCall


@dataclass(frozen=True, slots=True)
class TransformerFacts:
    """A transformer fitted outside of a pipeline: its class and user-set params.

    One that only `resamples` (imbalanced-learn's samplers) is for training, and not for predicting.
    """

    name: str
    params: Mapping[str, Any]
    resamples: bool = False

    def __str__(self) -> str:
        settings = ", ".join(f"{key}={value!r}" for key, value in self.params.items())
        return f"{self.name}({settings})"


def preprocessing_params(transformers: Sequence[TransformerFacts]) -> dict[str, Any]:
    """Params of transformers outside the model, under ``preprocessing__<class in lower case>``.

    Names are made as `sklearn.pipeline.make_pipeline` makes them: a second one of a class is
    ``standardscaler-2``, and a pipeline is ``pipeline``, whatever its steps.
    """
    params: dict[str, Any] = {}
    seen: dict[str, int] = {}
    for transformer in transformers:
        # A pipeline is called by its steps, which as part of a key would need quotes in a filter.
        name = "pipeline" if " > " in transformer.name else transformer.name.lower()
        seen[name] = seen.get(name, 0) + 1
        key = f"preprocessing__{name}" + (f"-{seen[name]}" if seen[name] > 1 else "")
        params[key] = transformer.name
        params |= {f"{key}__{param}": value for param, value in transformer.params.items()}
    return params


@dataclass(frozen=True, slots=True)
class ReachedCode:
    """The user's own code that a model uses, transitively.

    Attributes
    ----------
    texts : mapping of str to str
        By digest: the sources, and under `key` the list of them.
    key : str
        Digest of the list, which says of each class and function the digest of its source.
    unknown : str
        Why it cannot be told whether it is the same as another's; empty where it can.
    """

    texts: Mapping[str, str]
    key: str
    unknown: str = ""

    @classmethod
    def of(cls, sources: Mapping[str, str], content: str, unknown: str = "") -> ReachedCode:
        """Code of these sources by name.

        Parameters
        ----------
        sources : mapping of str to str
            By module and name; empty where the text cannot be found. Under ``constants`` the
            numbers that the code reads.
        content : str
            Digest of the code with all values that it reads; empty where that cannot be told.
        unknown : str
            Why it cannot.
        """
        digests = {name: code_digest(text) for name, text in sorted(sources.items())}
        listed = json.dumps({"content": content, "sources": digests}, sort_keys=True)
        texts = {digests[name]: text for name, text in sources.items()}
        key = code_digest(listed)
        return cls({**texts, key: listed}, key, unknown)


def code_digest(text: str) -> str:
    """By what a source is known again."""
    return xxhash.xxh3_128_hexdigest(text.encode("utf-8", "surrogatepass"))


@dataclass(frozen=True, slots=True)
class FitFacts:
    """A fit that is about to begin.

    Attributes
    ----------
    name : str
        Short readable name of the estimator.
    estimator : str
        Module and class.
    params : dict
        The user-set params.
    data : DatasetUse or None
        The training data.
    preprocessing : sequence of TransformerFacts
        Transformers outside the model whose output it is trained on, first applied first.
    tags : mapping of str to str
        Further facts about the call.
    held : dict
        All that can be set on what is fitted, whether the user set it or not, where the script has
        inputs that may be called the same.
    stamp : Stamp or None
        By what it is told whether the fit changed its data in place.
    warm : bool
        Whether a later fit of the same estimator may go on with this one (``warm_start``).
    call : LibraryCall or None
        The call of an installed function that it is part of.
    code : ReachedCode or None
        The user's own code that it uses, where it uses any.
    """

    def describes(self, X: object) -> bool:
        """Whether `X`, to which it was fitted, is still as it was given."""
        if self.data is None or X is None or (self.stamp and self.stamp == stamp(X)):
            return True
        now = describe(X)
        return now is not None and now.fingerprint == self.data.data.fingerprint

    name: str
    estimator: str
    params: Mapping[str, Any]
    data: DatasetUse | None = None
    preprocessing: Sequence[TransformerFacts] = ()
    tags: Mapping[str, str] = field(default_factory=dict)
    held: Mapping[str, Any] = field(default_factory=dict)
    stamp: Stamp | None = field(default=None, compare=False, repr=False)
    warm: bool = False
    call: LibraryCall | None = field(default=None, compare=False, repr=False)
    code: ReachedCode | None = field(default=None, compare=False, repr=False)

    def without_stamp(self) -> FitFacts:
        """The same to be held on to: a stamp holds on to the data."""
        return self if self.stamp is None else FitFacts(
            self.name, self.estimator, self.params, self.data, self.preprocessing, self.tags,
            self.held, None, self.warm, self.call, self.code,
        )  # fmt: skip

    @property
    def applied_first(self) -> list[TransformerFacts]:
        """The transformers that new data has to go through as well."""
        return [transformer for transformer in self.preprocessing if not transformer.resamples]

    @property
    def identity(self) -> str:
        """Digest of class and params: what makes two fits fits of "the same estimator"."""
        text = f"{self.estimator} {sorted(self.params.items())!r}"
        return xxhash.xxh3_64_hexdigest(text.encode("utf-8", "surrogatepass"))


@dataclass(frozen=True, slots=True)
class Table:
    """A small table: column names and rows."""

    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]


@dataclass(frozen=True, slots=True)
class ScoreFacts:
    """What a scoring call computed. A key is ``<data_name>_<name>``.

    Attributes
    ----------
    data_name : str
        What the data it was computed on is called.
    numbers : mapping of str to float
        Metrics by name: the function and the options that change its meaning.
    tables : mapping of str to Table
        Arrays, curves, matrices and reports by name.
    data : DatasetUse or None
        The data it was computed on, where that is known.
    step : int or None
        The step of the metrics; None for one more than the key has so far.
    drawn : bool
        Whether a display drew it, whose numbers stand back behind those that were computed.
    place : str
        Where the user's code computed it, as ``file:line``, if no model is known for it.
    unseen : mapping of str to float
        The same metrics of the rows that training had not, where they could be computed.
    seen : SeenRows or None
        How many rows training had, where it had some.
    findings : sequence of Finding
        What makes it worth less than it looks.
    shared : sequence of SharedRows
        Held-out sets that its data is part of, or that are part of it, where that is news.
    score_metric : str
        What an estimator's own `score` measures, where it is the first of its run.
    """

    data_name: str
    numbers: Mapping[str, float]
    tables: Mapping[str, Table] = field(default_factory=dict)
    data: DatasetUse | None = None
    step: int | None = None
    drawn: bool = False
    place: str = ""
    unseen: Mapping[str, float] = field(default_factory=dict)
    seen: SeenRows | None = None
    findings: Sequence[Finding] = ()
    shared: Sequence[SharedRows] = ()
    score_metric: str = ""

    @property
    def is_assessed(self) -> bool:
        """Whether there is something to be kept of what it is worth."""
        return bool(self.findings) or self.seen is not None


@dataclass(frozen=True, slots=True)
class Stitched:
    """What a model and the transformers outside of it come to as one.

    Attributes
    ----------
    pipeline : estimator or None
        Takes raw data; None where it is not sure to do what the user did.
    data : object
        The raw training input.
    reason : str
        Why there is no pipeline.
    """

    pipeline: Any = None
    data: Any = None
    reason: str = ""
