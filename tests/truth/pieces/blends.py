"""Scores of what is made of the predictions of several models: nobody's."""

from __future__ import annotations

from collections.abc import Sequence

from tests.truth.material import write_model
from tests.truth.pieces.blend_forms import (
    BY_ARRAYS,
    COLLECTED,
    FRAMES,
    NUMBERS_AFTERWARDS,
    OF_FRAMES,
    OF_MATRICES,
    VOTES,
    VOTES_OF_NUMBERS,
    VOTES_OF_TWO_LABELS,
)
from tests.truth.pieces.common import (
    BINARY,
    LABELS,
    NUMBERS,
    as_labels,
    in_variable,
    piece,
    several_models,
)
from tests.truth.writing import Data, Metric, Model, Script


def _of_several(
    script: Script,
    models: Sequence[Model],
    data: Data,
    how: str = "{p}",
    method: str = "predict",
) -> list[str]:
    """The prediction of each model, in variables or as the calls themselves."""
    values = [how.format(p=model.predict(data.X, method)) for model in models]
    if script.random.random() < 0.6:
        return [in_variable(script, value) for value in values]
    return values


def _collected(
    script: Script, models: Sequence[Model], data: Data, how: str, method: str
) -> str | None:
    """A mean that a loop or a helper makes; None where models take features of their own."""
    if any(model.feed != "{X}" for model in models):
        return None
    members = f"[{', '.join(model.var for model in models)}]"
    each = how.format(p=f"m.{method}({data.X})")
    kept = script.name("kept")
    if script.random.random() < 0.2:
        return _totalled(script, kept, members, each, data)
    lines, value = script.random.choice(COLLECTED)
    names = {"kept": kept, "each": each, "members": members, "rows": data.rows}
    script.add(*(line.format(**names, count=len(models)) for line in lines))
    return value.format(**names, count=len(models))


def _totalled(script: Script, kept: str, members: str, each: str, data: Data) -> str:
    start, add = script.random.choice(
        [("0", "{t} = {t} + {p}"), ("0.0", "{t} += {p}"), ("np.zeros({n})", "{t} += {p} / 2")]
    )
    script.add(f"{kept} = {start.format(n=data.rows)}")
    with script.block(f"for m in {members}:"):
        script.add(add.format(t=kept, p=each))
    return f"{kept} / {members.count(',') + 1}"


def _blended(
    script: Script,
    models: Sequence[Model],
    data: Data,
    how: str = "{p}",
    method: str = "predict",
) -> str:
    """One number for each row, of the numbers of several models."""
    kind = script.random.choice(["arrays", "frame", "frame", "collected"])
    if kind == "collected":
        found = _collected(script, models[: script.random.choice([2, 3])], data, how, method)
        if found is not None:
            return found
    names = dict(zip("abc", _of_several(script, models, data, how, method), strict=True))
    if kind == "arrays":
        return script.random.choice(BY_ARRAYS).format(**names)
    if script.random.random() < 0.25:
        frame = in_variable(script, f"pd.DataFrame(index=range({data.rows}))", "frame")
        script.add(f"{frame}['a'] = {names['a']}", f"{frame}['b'] = {names['b']}")
    else:
        frame = script.random.choice(FRAMES).format(**names)
        if script.random.random() < 0.6:
            frame = in_variable(script, frame, "frame")
    return script.random.choice(OF_FRAMES).format(f=frame)


def _perhaps_kept(script: Script, value: str) -> str:
    return in_variable(script, value, "mix") if script.random.random() < 0.4 else value


def _score_blend(
    script: Script,
    value: str,
    data: Data,
    *,
    strict: bool = True,
    truth: str | None = None,
    metric: Metric | None = None,
    inner: tuple[str, str, str] | None = None,
) -> None:
    """Write the score of what several models gave; `inner` as in `Script.score`."""
    script.score(
        value, grade="never", data=data, strict=strict, truth=truth, metric=metric, inner=inner
    )


@piece("blend of numbers", NUMBERS)
def blend_of_numbers(script: Script) -> None:
    models, data = several_models(script), script.data()
    value = _perhaps_kept(script, _blended(script, models, data))
    if script.random.random() < 0.5:
        # The highest of two is, on all of a few rows, the prediction of one of them, bit for bit.
        _score_blend(script, value, data, strict=False)
        return
    form, truth = script.random.choice(NUMBERS_AFTERWARDS)
    metric = script.metric() if truth == "{y}" else ("accuracy_score", {})
    truth, inner = truth.format(y=data.y), (value, "{p}", "predict")
    _score_blend(script, form.format(v=value), data, truth=truth, metric=metric, inner=inner)


@piece("blend of probabilities", BINARY)
def blend_of_probabilities(script: Script) -> None:
    models, data = several_models(script, proba=True), script.data()
    value = _blended(script, models, data, "{p}[:, 1]", "predict_proba")
    if script.random.random() < 0.2:
        _score_blend(script, value, data, strict=False, metric=script.metric("proba"))
        return
    value = _perhaps_kept(script, value)
    inner = (value, "{p}[:, 1]", "predict_proba")
    _score_blend(script, as_labels(script, value), data, inner=inner)


@piece("vote of three", LABELS)
def vote(script: Script) -> None:
    models, data = several_models(script), script.data()
    forms = list(VOTES)
    if script.has_numbers:
        forms += VOTES_OF_NUMBERS
        if script.task == "binary":
            forms += VOTES_OF_TWO_LABELS
    names = dict(zip("abc", _of_several(script, models, data), strict=True))
    value = _perhaps_kept(script, script.random.choice(forms).format(**names))
    truth, inner = data.y, None
    if script.random.random() < 0.3:
        inner = (value, "{p}", "predict")
        table = {label: f"class {i}" for i, label in enumerate(script.classes)}
        mapped = in_variable(script, repr(table), "mapped")
        value = script.random.choice(
            [f"pd.Series({value}).map({mapped})", f"[{mapped}[v] for v in {value}]"]
        )
        truth = f"[{mapped}[v] for v in {truth}]"
    _score_blend(script, value, data, truth=truth, inner=inner)


@piece("soft vote", LABELS)
def soft_vote(script: Script) -> None:
    models, data = several_models(script, proba=True), script.data()
    form = script.random.choice(OF_MATRICES)
    used = [model for name, model in zip("abc", models, strict=True) if f"{{{name}}}" in form]
    value = None
    if script.random.random() < 0.3:
        value = _matrix_collected(script, used, data)
    if value is None:
        names = dict(
            zip("abc", _of_several(script, models, data, method="predict_proba"), strict=True)
        )
        value = form.format(**names)
    value = _perhaps_kept(script, value)
    classes = f"{models[0].var}.classes_"
    _score_blend(
        script,
        script.random.choice(
            [
                f"{classes}[({value}).argmax(axis=1)]",
                f"{classes}[np.argmax({value}, axis=1)]",
                f"{classes}.take(np.argmax({value}, axis=1))",
                f"pd.DataFrame({value}, columns={classes}).idxmax(axis=1)",
                f"[{classes}[i] for i in np.argmax({value}, axis=1)]",
            ]
        ),
        data,
        inner=(value, "{p}", "predict_proba"),
    )


def _matrix_collected(script: Script, models: Sequence[Model], data: Data) -> str | None:
    if any(model.feed != "{X}" for model in models):
        return None
    members = f"[{', '.join(model.var for model in models)}]"
    return script.random.choice(
        [
            f"np.mean([m.predict_proba({data.X}) for m in {members}], axis=0)",
            f"sum(m.predict_proba({data.X}) for m in {members}) / {len(models)}",
        ]
    )


@piece("blend with a formula", ("regression", "binary"))
def blend_with_a_formula(script: Script) -> None:
    """Half of it is a model's, the other half a number the user has for each row."""
    number = script.task == "regression"
    models, data = several_models(script, **({} if number else {"proba": True})), script.data()
    known = ("{p}", "predict") if number else ("{p}[:, 1]", "predict_proba")
    p = _of_several(script, models[:1], data, *known)[0]
    column = data.first_feature()
    other = f"20 + {column}" if number else f"1 / (1 + np.exp(-{column}))"
    if script.random.random() < 0.5:
        other = in_variable(script, other, "rule")
    form = script.random.choice(
        [
            "pd.DataFrame({{'a': {a}, 'b': {b}}}).mean(axis=1)",
            "pd.DataFrame({{'a': {a}, 'b': {b}}}).max(axis=1)",
            "pd.DataFrame({{'a': {a}, 'b': {b}}}) @ [0.6, 0.4]",
            "(({a}) + ({b})) / 2",
            "np.mean([{a}, {b}], axis=0)",
            "np.column_stack([{a}, {b}]).mean(axis=1)",
            "np.where(np.arange(len({a})) % 2, {a}, {b})",
        ]
    )
    value = _perhaps_kept(script, form.format(a=p, b=other))
    inner = (value, *known)
    if number:
        # Rounded, it may be the model's own by chance on every row, but is not shown to be.
        form, truth = script.random.choice(NUMBERS_AFTERWARDS)
        metric = script.metric() if truth == "{y}" else ("accuracy_score", {})
        value, truth = form.format(v=value), truth.format(y=data.y)
        _score_blend(script, value, data, truth=truth, metric=metric, inner=inner)
    else:
        _score_blend(script, as_labels(script, value), data, inner=inner)


@piece("two inputs of one model", NUMBERS)
def two_inputs(script: Script) -> None:
    """What one model predicts for several inputs becomes one number a row: not its prediction."""
    # A line, so that noise moves every prediction: a tree's would be the same, and so its own.
    model, data = write_model(script, "ridge"), script.data()
    size = script.random.choice(["0.5", "0.01"])
    noise = f"{size} * rng.normal(size=np.shape({data.X}))"
    noisy = [in_variable(script, f"np.asarray({data.X}) + {noise}", "X_noisy") for _ in range(2)]
    if data.container == "frame":
        noisy = [f"{data.X}.set_axis({data.X}.index) + {noise}" for _ in range(2)]
    values = [model.predict(X) for X in (data.X, *noisy)]
    # Each noise is drawn once.
    names = dict(zip("abc", [in_variable(script, value) for value in values], strict=True))
    if script.random.random() < 0.4:
        frame = script.random.choice(FRAMES).format(**names)
        value = script.random.choice(OF_FRAMES).format(f=in_variable(script, frame, "frame"))
    else:
        value = script.random.choice(BY_ARRAYS).format(**names)
    after = script.random.choice(["{p}", "{p}", "np.round({p}, 1)", "np.rint({p})"])
    script.score(after.format(p=value), own=after, grade="never", data=data)


@piece("weights one and zero")
def all_of_one(script: Script) -> None:
    """A blend in which one model has all the weight.

    Real numbers that equal a prediction bit for bit are that prediction; labels show nothing.
    """
    data = script.data()
    number = script.task == "regression"
    other = several_models(script)[0]
    model = write_model(script, "ridge") if number else write_model(script, "knn")
    names = dict(zip("ab", _of_several(script, [model, other], data), strict=True))
    forms = ["np.where(np.arange(len({a})) >= 0, {a}, {b})"]
    if script.has_numbers:
        forms += [
            "1.0 * {a} + 0.0 * {b}",
            "1 * {a} + 0 * {b}",
            "np.average([{a}, {b}], axis=0, weights=[1, 0])",
            "{a} + ({b} - {b})",
            "np.column_stack([{a}, {b}]) @ np.array([1.0, 0.0])",
            "pd.DataFrame({{'a': {a}, 'b': {b}}}) @ [1.0, 0.0]",
            "pd.DataFrame({{'a': {a}, 'b': {b}}}).mul([1, 0]).sum(axis=1)",
        ]
    value = script.random.choice(forms).format(**names)
    if number:
        script.score(value, grade="must", model=model, data=data)
    else:
        _score_blend(script, value, data)
