"""What the random sessions are written with: text, data, models, and the truth of every score.

A session is the text of a script. Whoever writes a score into it knows, by construction, whose
prediction is scored and on which rows; the `Call` says so beside the text.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Literal

#: must: its very prediction or a copy of it. derived: a function of it that can be seen in the
#: program. may: true of the model, but neither values nor program need to show it. never: it is
#: the score of no model of scikit-learn's, or of one that was not tracked.
Grade = Literal["must", "derived", "may", "never"]
Rule = Literal["data", "oob", "oof", "member", "staged", "any"]
#: The names that say something certain of the rows.
RESERVED = frozenset({"train", "train_part", "oob", "oof"})


@dataclass(frozen=True)
class Call:
    """One score that a session computes, and all that is true of it."""

    id: str
    kind: str
    grade: Grade
    #: The model whose run it belongs to; None for nobody's.
    owner: str | None
    #: How its key ends.
    metric: str
    #: What the data may be called; None where no variable names it, so that any name will do
    #: that does not claim something which is not so.
    names: frozenset[str] | None
    rule: Rule = "data"
    #: Whose name the key of a member's score contains.
    member: str = ""
    #: Which data set it is, where several are scored by the same line.
    data_set: str = ""
    #: The line that scores several data sets, which have to be told apart.
    apart: str = ""
    #: Losses are recorded as the function gives them, not as the scorer does.
    sign: int = 1
    #: Of several models' predictions: nobody's even where one of them gives the same number, unless
    #: it is that prediction on every row.
    strict: bool = False


@dataclass(frozen=True)
class Data:
    """Some rows, as the script knows them."""

    X: str
    y: str
    #: What they are called where X is handed over as it is, and where it is a temporary.
    names: frozenset[str] | None
    temporary: frozenset[str] | None
    container: str
    rows: int

    @property
    def is_train(self) -> bool:
        return self.names == {"train"}

    def part(self, of: str, which: str) -> str:
        """Some rows of the truth (`y`) or of the features (`X`)."""
        if self.container == "frame":
            return f"{of}.iloc[{which}]"
        return f"{of}[{which}]" if self.container == "array" else f"np.asarray({of})[{which}]"

    def first_feature(self) -> str:
        """The first column, as an array."""
        return f"np.asarray({self.X})[:, 0]"


@dataclass
class Model:
    """A model of the script's: what it is called there, and how its run is found."""

    id: str
    var: str
    #: A param no other model has, as its run says it.
    mark: tuple[str, object]
    family: str
    #: What its features go through first.
    feed: str = "{X}"
    version: int = 1
    proba: bool = False
    #: Whether its predictions differ from row to row, and from those of other models.
    speaks: bool = True
    #: What its own target is of the script's.
    target: str = "{y}"

    @property
    def owner(self) -> str:
        return f"{self.id}#{self.version}"

    def predict(self, X: str, method: str = "predict") -> str:
        return f"{self.var}.{method}({self.feed.format(X=X)})"

    def names(self, data: Data) -> frozenset[str] | None:
        """What the data of its scores may be called; nothing refers weakly to a list."""
        if data.is_train:
            return data.names
        if data.container == "list":
            return (data.temporary or frozenset()) | {"test"}
        return data.names if self.feed == "{X}" else data.temporary


Metric = tuple[str, Mapping[str, str]]
_METRICS: Mapping[str, Sequence[Metric]] = {
    "number": (
        ("r2_score", {}),
        ("mean_squared_error", {}),
        ("mean_absolute_error", {}),
        ("median_absolute_error", {}),
        ("max_error", {}),
        ("explained_variance_score", {}),
        ("root_mean_squared_error", {}),
        ("mean_pinball_loss", {"alpha": "0.9"}),
    ),
    "label": (
        ("accuracy_score", {}),
        ("balanced_accuracy_score", {}),
        ("matthews_corrcoef", {}),
        ("zero_one_loss", {}),
        ("f1_score", {"average": "'macro'"}),
        ("precision_score", {"average": "'micro'"}),
    ),
    "proba": (("roc_auc_score", {}), ("log_loss", {})),
    "proba of several": (("log_loss", {}), ("roc_auc_score", {"multi_class": "'ovr'"})),
}
#: What is defined for any few rows.
_ROBUST = {"number": ("mean_squared_error", "mean_absolute_error"), "label": ("accuracy_score",)}


def metric_key(metric: Metric) -> str:
    """How the key of a score by this function ends."""
    name, options = metric
    spoken = {"alpha": "alpha_", "average": "", "multi_class": ""}
    return name + "".join(f"_{spoken[key]}{value.strip(chr(39))}" for key, value in options.items())


def options_of(metric: Metric) -> str:
    """What a call of this function says after truth and prediction."""
    return "".join(f", {key}={text}" for key, text in metric[1].items())


#: Shapes of a call in which the argument's definition stands in the frames of the call.
VISIBLE = (
    "nested",
    "nested",
    "variable",
    "variable",
    "helper",
    "helper of a helper",
    "lambda",
    "comprehension",
    "alias",
    "keyword",
    "walrus",
    "module",
    "loop of metrics",
)
#: Shapes in which it does not.
HIDDEN = ("object", "partial", "thread", "star", "pool")


@dataclass
class Script:
    """The text under way."""

    random: random.Random
    #: Also compute, beside every score, what each model's own prediction would give there.
    shadows: bool = False
    lines: list[str] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    models: list[Model] = field(default_factory=list)
    #: Models that are deleted, or that other models must not be compared with any longer.
    gone: list[Model] = field(default_factory=list)
    task: str = "regression"
    labels: Sequence[str] = ()
    sets: list[Data] = field(default_factory=list)
    train: Data | None = None
    kind: str = ""
    in_run: bool = False
    _indent: int = 0
    _names: int = 0

    # -- text --------------------------------------------------------------------------------------

    def add(self, *lines: str) -> None:
        for line in lines:
            self.lines.append("    " * self._indent + line)

    @contextmanager
    def block(self, head: str) -> Iterator[None]:
        self.add(head)
        self._indent += 1
        yield
        self._indent -= 1

    def name(self, stem: str) -> str:
        self._names += 1
        return f"{stem}_{self._names}"

    def mark(self) -> int:
        """A whole number that no model has yet."""
        self._names += 1
        return 100 + self._names

    # -- what there is -----------------------------------------------------------------------------

    @property
    def classes(self) -> Sequence[str] | Sequence[int]:
        """The labels as the script has them: texts, or whole numbers."""
        return tuple(map(int, self.labels)) if self.has_numbers else self.labels

    @property
    def has_numbers(self) -> bool:
        """Whether models predict numbers, be they labels or not."""
        return not self.labels or self.labels[0].isdigit()

    def class_of(self, stem: str) -> str:
        """The class of scikit-learn's for the task: `KNeighbors` has two."""
        return f"{stem}Regressor" if self.task == "regression" else f"{stem}Classifier"

    @property
    def tells(self) -> str:
        """What the models of this session predict."""
        return "number" if self.task == "regression" else "label"

    def metric(self, what: str | None = None, *, robust: bool = False) -> Metric:
        what = what or self.tells
        if what == "proba" and self.task == "multiclass":
            what = "proba of several"
        known = _METRICS[what]
        if robust:
            known = [metric for metric in known if metric[0] in _ROBUST[what]]
        return self.random.choice(known)

    def model(self, **wanted: object) -> Model | None:
        """Some model alive that is as wanted, if there is one."""
        found = [m for m in self.models if all(getattr(m, k) == v for k, v in wanted.items())]
        return self.random.choice(found) if found else None

    def aside(self, var: str, mark: tuple[str, object], family: str) -> Model:
        """A model that other models are not compared with, whatever it is fitted to."""
        model = Model(var, var, mark, family)
        self.gone.append(model)
        return model

    def data(self) -> Data:
        """Some rows that no model was trained on."""
        return self.random.choice(self.sets)

    # -- scores ------------------------------------------------------------------------------------

    def score(
        self,
        value: str,
        *,
        grade: Grade,
        data: Data,
        model: Model | None = None,
        truth: str | None = None,
        metric: Metric | None = None,
        own: str | None = None,
        method: str = "predict",
        shape: str | None = None,
        visible: bool | None = None,
        inner: tuple[str, str, str] | None = None,
        **facts: object,
    ) -> Call:
        """Write the computing of a score of `value`, and what is true of it.

        `own` is what `value` is of a prediction `{p}`: it tells what the score of another model's
        prediction would be. A derived value in a shape that hides where it comes from may
        be credited, but need not be. `inner` is what `value` is made of, for a strict call, with
        what that would be of a prediction `{p}` and the method that predicts.
        """
        truth = data.y if truth is None else truth
        metric = metric or self.metric()
        if shape is None:
            hidden = not visible and self.random.random() < 0.2
            shape = self.random.choice(HIDDEN if hidden else VISIBLE)
        if shape in HIDDEN and grade == "derived":
            grade = "may"
        if shape == "keyword" and metric[0] in ("log_loss", "roc_auc_score"):
            shape = "nested"
        names = model.names(data) if model is not None else None
        if names is not None and not data.is_train and self._is_far(shape, truth, model, data):
            names |= (data.temporary or frozenset()) | {"test"}
        call = self.call(
            grade=grade,
            owner=model.owner if model is not None else None,
            metric=metric_key(metric),
            names=facts.pop("names", names),
            data_set=data.X,
            **facts,
        )
        if not call.strict:
            self.shadow(call, metric, truth, own or "{p}", data, method)
        else:
            for blend in ((value, "{p}", "predict"), *([inner] if inner else [])):
                self.compare(call, data, *blend)
        self._write(call, metric, truth, value, shape)
        return call

    @staticmethod
    def _is_far(shape: str, truth: str, model: Model | None, data: Data) -> bool:
        """Whether no frame of the call need have a name for the data."""
        if shape in ("thread", "pool"):
            return True
        temporary = model is not None and model.feed != "{X}"
        return temporary and (truth != data.y or shape == "helper of a helper")

    def call(self, **facts: object) -> Call:
        """Take down what is true of a score."""
        facts = {"id": f"s{len(self.calls)}", "kind": self.kind} | facts
        call = Call(**facts)  # type: ignore[arg-type]
        self.calls.append(call)
        return call

    def expect(
        self, metric: Metric, model: Model, data: Data, *, grade: Grade, **facts: object
    ) -> Call:
        """Take down that a score is a model's, on some data."""
        known = {"names": model.names(data), "data_set": data.X, "grade": grade, **facts}
        return self.call(owner=model.owner, metric=metric_key(metric), **known)

    def change(self, call: Call, **facts: object) -> Call:
        """Something else is true of a score."""
        changed = replace(call, **facts)  # type: ignore[arg-type]
        self.calls[self.calls.index(call)] = changed
        return changed

    def shadow(
        self, call: Call, metric: Metric, truth: str, own: str, data: Data, method: str = "predict"
    ) -> None:
        """What the score would be for the prediction of each model there is."""
        if not self.shadows:
            return
        for model in self.models:
            if method != "predict" and not model.proba:
                continue
            value = own.format(p=f"({model.predict(data.X, method)})")
            self.take_down(call.id, model.owner, f"{_called(metric, truth, value)}")

    def compare(self, call: Call, data: Data, blend: str, own: str, method: str) -> None:
        """Whose prediction a blend is on every row: equality of all of it shows whose it is."""
        for model in self.models if self.shadows else ():
            if method != "predict" and not model.proba:
                continue
            predicted = own.format(p=f"({model.predict(data.X, method)})")
            with self.block("try:"):
                self.add(f"compare({call.id!r}, {model.owner!r}, {blend}, {predicted})")
            with self.block("except (ValueError, TypeError, IndexError, KeyError):"):
                self.add("pass")

    def take_down(self, call: str, owner: str, expression: str) -> None:
        """Compute a number that would be true of a model if it were credited with a score."""
        if self.shadows:
            with self.block("try:"):
                self.add(f"shadow({call!r}, {owner!r}, {expression})")
            with self.block("except (ValueError, TypeError, IndexError, KeyError):"):
                self.add("pass")

    def _write(self, call: Call, metric: Metric, truth: str, value: str, shape: str) -> None:
        function, more = metric[0], options_of(metric)
        target = f"scores[{call.id!r}]"
        if shape == "nested":
            self.add(f"{target} = {function}({truth}, {value}{more})")
        elif shape == "variable":
            held = self.name(self.random.choice(["pred", "y_hat", "guess", "out"]))
            self.add(f"{held} = {value}", f"{target} = {function}({truth}, {held}{more})")
        elif shape in ("helper", "helper of a helper"):
            helper = self.name("report")
            with self.block(f"def {helper}(y, p):"):
                self.add(f"return {function}(y, p{more})")
            if shape != "helper":
                inner, helper = helper, self.name("summary")
                with self.block(f"def {helper}(actual, predicted):"):
                    self.add(f"value = {inner}(actual, predicted)", "return value")
            self.add(f"{target} = {helper}({truth}, {value})")
        elif shape == "lambda":
            helper = self.name("judge")
            self.add(f"{helper} = lambda y, p: {function}(y, p{more})")
            self.add(f"{target} = {helper}({truth}, {value})")
        elif shape == "comprehension":
            self.add(f"[{target}] = [{function}({truth}, p{more}) for p in [{value}]]")
        elif shape == "alias":
            alias = self.name("metric")
            self.add(f"{alias} = {function}", f"{target} = {alias}({truth}, {value}{more})")
        elif shape == "keyword":
            self.add(f"{target} = {function}(y_pred={value}, y_true={truth}{more})")
        elif shape == "walrus":
            held = self.name("w")
            self.add(f"{target} = {function}({truth}, ({held} := {value}){more})")
        elif shape == "module":
            self.add(f"{target} = sklearn.metrics.{function}({truth}, {value}{more})")
        elif shape == "loop of metrics":
            held = self.name("predicted")
            self.add(f"{held} = {value}")
            with self.block(f"for metric in [{function}]:"):
                self.add(f"{target} = metric({truth}, {held}{more})")
        elif shape == "object":
            self.add(f"{target} = Judged({truth}, {value}).judge({function}{more})")
        elif shape == "partial":
            self.add(f"{target} = partial({function}, {truth}{more})({value})")
        elif shape == "star":
            pair = self.name("pair")
            self.add(f"{pair} = ({truth}, {value})", f"{target} = {function}(*{pair}{more})")
        elif shape == "thread":
            with self.block("with ThreadPoolExecutor(1) as pool:"):
                self.add(
                    f"{target} = pool.submit({function}, {truth}, {value}{more}).result(timeout=60)"
                )
        else:
            assert shape == "pool", shape
            with self.block("with ThreadPoolExecutor(2) as pool:"):
                each = f"lambda p: {function}({truth}, p{more})"
                self.add(f"[{target}] = pool.map({each}, [{value}])")


def _called(metric: Metric, truth: str, value: str) -> str:
    return f"{metric[0]}({truth}, {value}{options_of(metric)})"
