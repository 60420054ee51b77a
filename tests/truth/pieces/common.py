"""What the pieces of the sessions are written with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.truth.material import write_model
from tests.truth.writing import Data, Grade, Model, Script

ALL = ("regression", "binary", "multiclass")
NUMBERS = ("regression",)
LABELS = ("binary", "multiclass")
BINARY = ("binary",)


@dataclass(frozen=True)
class Piece:
    """Some lines of a session, with what is true of their scores."""

    kind: str
    tasks: tuple[str, ...]
    write: Callable[[Script], None]


PIECES: list[Piece] = []


def piece(
    kind: str, tasks: tuple[str, ...] = ALL
) -> Callable[[Callable[[Script], None]], Callable[[Script], None]]:
    def keep(write: Callable[[Script], None]) -> Callable[[Script], None]:
        PIECES.append(Piece(kind, tasks, write))
        return write

    return keep


def speaking_model(script: Script) -> Model:
    return script.model(speaks=True) or write_model(
        script, script.random.choice(["pipeline", "knn"])
    )


def several_models(script: Script, **wanted: object) -> list[Model]:
    """Three models whose predictions differ."""
    wanted = {"speaks": True, **wanted}

    def fitting() -> list[Model]:
        return [m for m in script.models if all(getattr(m, k) == v for k, v in wanted.items())]

    families = ["ridge", "tree"] if script.task == "regression" else ["logistic", "bayes"]
    while len(fitting()) < 3:
        write_model(script, script.random.choice([*families, "knn", "forest"]))
    return script.random.sample(fitting(), 3)


#: Families whose models may all predict the same: what tells them apart has no effect on it.
_ALIKE = ("boosting", "linear", "tree", "knn")


def has_twin(script: Script, model: Model) -> bool:
    """Whether another model may give the very same numbers."""
    others = (other for other in [*script.models, *script.gone] if other is not model)
    return model.family in _ALIKE and any(other.family == model.family for other in others)


def as_labels(script: Script, chance: str) -> str:
    """Two labels by a threshold of the probabilities that an expression gives."""
    no, yes = script.classes
    limit = round(script.random.uniform(0.2, 0.8), 2)
    forms = [
        "np.where(np.asarray({v}) >= {t}, {yes!r}, {no!r})",
        "[{yes!r} if v > {t} else {no!r} for v in {v}]",
        "pd.Series({v}).gt({t}).map({{True: {yes!r}, False: {no!r}}})",
        "pd.Series({v}).apply(lambda v: {yes!r} if v > {t} else {no!r})",
        "np.array([{no!r}, {yes!r}])[(np.asarray({v}) > {t}).astype(int)]",
    ]
    if script.has_numbers:
        forms += [
            "(np.asarray({v}) > {t}).astype(int)",
            "1 * (np.asarray({v}) >= {t})",
            "np.round({v}).astype(int)",
            "np.array([int(v > {t}) for v in {v}])",
            "pd.cut({v}, [-1, {t}, 2], labels=False)",
        ]
    return script.random.choice(forms).format(v=chance, t=limit, yes=yes, no=no)


def two_models(script: Script) -> tuple[Model, Model]:
    first = speaking_model(script)
    others = [m for m in script.models if m is not first and m.speaks]
    return first, script.random.choice(others) if others else write_model(script, "forest")


def in_variable(script: Script, value: str, stem: str = "p") -> str:
    name = script.name(stem)
    script.add(f"{name} = {value}")
    return name


def prediction_in_variable(script: Script) -> tuple[Model, Data, str]:
    model, data = speaking_model(script), script.data()
    return model, data, in_variable(script, model.predict(data.X))


def some_prediction(script: Script) -> tuple[Model, Data, str, str]:
    """A prediction in a variable, or as the call itself."""
    model, data = speaking_model(script), script.data()
    value = model.predict(data.X)
    kept = script.random.random() < 0.6
    return model, data, in_variable(script, value) if kept else value, value


def score_derived(
    script: Script,
    own: str,
    *,
    grade: Grade = "derived",
    truth: str | None = None,
    held: tuple[Model, Data, str] | None = None,
    **more: object,
) -> None:
    model, data, p = held or some_prediction(script)[:3]
    script.score(own.format(p=p), own=own, grade=grade, truth=truth, model=model, data=data, **more)


def score_nobodys(script: Script, value: str, data: Data, **more: object) -> None:
    script.score(value, grade="never", data=data, **more)


def model_with_proba(script: Script) -> Model:
    return script.model(proba=True, speaks=True) or write_model(script, "logistic")
