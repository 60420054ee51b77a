"""Scores of what is made of the predictions of several models: nobody's."""

from __future__ import annotations

from collections.abc import Sequence

from tests.truth.material import write_model
from tests.truth.pieces.common import (
    BINARY,
    LABELS,
    NUMBERS,
    as_labels,
    in_variable,
    piece,
    several_models,
    speaking_model,
)
from tests.truth.writing import Data, Metric, Model, Script

#: How numbers of several models, `{a}`, `{b}` and `{c}`, become one for each row.
_BY_ARRAYS = (
    "({a} + {b}) / 2",
    "0.9 * {a} + 0.1 * {b}",
    "({a} + {b} + {c}) / 3",
    "np.add({a}, {b}) / 2",
    "np.maximum({a}, {b})",
    "np.fmin({a}, {b})",
    "np.sqrt(np.abs({a} * {b}))",
    "np.where(np.arange(len({a})) % 2, {a}, {b})",
    "np.mean([{a}, {b}], axis=0)",
    "np.median([{a}, {b}, {a} + 0.01], axis=0)",
    "np.median([{a}, {b}, {c}], axis=0)",
    "np.max([{a}, {b}], axis=0)",
    "np.min(({a}, {b}), axis=0)",
    "np.sum([{a}, {b}], axis=0) / 2",
    "np.quantile([{a}, {b}, {c}], 0.5, axis=0)",
    "np.average([{a}, {b}], axis=0, weights=[0.7, 0.3])",
    "np.average(np.column_stack([{a}, {b}]), axis=1, weights=[0.99, 0.01])",
    "np.column_stack([{a}, {b}]).mean(axis=1)",
    "np.column_stack([{a}, {b}, {c}]).max(axis=1)",
    "np.median(np.column_stack([{a}, {b}, {c}]), axis=1)",
    "np.vstack([{a}, {b}]).mean(axis=0)",
    "np.vstack([{a}, {b}]).T.mean(axis=1)",
    "np.stack([{a}, {b}], axis=1).mean(axis=1)",
    "np.stack([{a}, {b}]).sum(axis=0) / 2",
    "np.array([{a}, {b}]).mean(0)",
    "np.c_[{a}, {b}].mean(axis=1)",
    "np.column_stack([{a}, {b}]) @ np.array([0.6, 0.4])",
    "np.column_stack([{a}, {b}]).dot([0.6, 0.4])",
    "np.dot([0.5, 0.5], [{a}, {b}])",
    "np.einsum('i,ij->j', [0.5, 0.5], np.array([{a}, {b}]))",
    "np.apply_along_axis(np.mean, 0, np.array([{a}, {b}]))",
    "np.concatenate([{a}, {b}]).reshape(2, -1).mean(axis=0)",
    "functools.reduce(np.add, [{a}, {b}]) / 2",
    "functools.reduce(lambda x, y: x + y, [{a}, {b}, {c}]) / 3",
    "sum([{a}, {b}]) / 2",
    "sum(v for v in ({a}, {b})) / 2",
    "[statistics.mean(v) for v in zip({a}, {b})]",
    "[statistics.median(v) for v in zip({a}, {b}, {c})]",
    "[(v + w) / 2 for v, w in zip({a}, {b})]",
    "[max(v) for v in zip({a}, {b})]",
    "[0.8 * v[0] + 0.2 * v[1] for v in zip({a}, {b})]",
    "[({a})[i] * 0.5 + ({b})[i] * 0.5 for i in range(len({a}))]",
    "list(map(lambda v, w: (v + w) / 2, {a}, {b}))",
    "stats.gmean(np.abs([{a}, {b}]), axis=0)",
    "stats.trim_mean(np.array([{a}, {b}, {c}]), 0.1)",
    "pd.concat([pd.Series({a}), pd.Series({b})]).groupby(level=0).mean()",
    "pd.DataFrame({{'row': np.tile(np.arange(len({a})), 2), 'p': np.concatenate([{a}, {b}])}})"
    ".groupby('row')['p'].mean()",
    "pd.Series({a}).add(pd.Series({b})).div(2)",
    "pd.Series({a}).combine(pd.Series({b}), max)",
    "pd.Series({a}).where(np.arange(len({a})) % 3 > 0, pd.Series({b}))",
    "(pd.Series({a}) * 0.6 + pd.Series({b}) * 0.4).to_numpy()",
)
_FRAMES = (
    "pd.DataFrame({{'a': {a}, 'b': {b}}})",
    "pd.DataFrame({{'a': {a}, 'b': {b}, 'c': {c}}})",
    "pd.DataFrame(dict(a={a}, b={b}))",
    "pd.DataFrame({{'a': {a}}}).assign(b={b})",
    "pd.DataFrame(np.column_stack([{a}, {b}]), columns=['a', 'b'])",
    "pd.DataFrame([{a}, {b}], index=['a', 'b']).T",
    "pd.concat([pd.Series({a}, name='a'), pd.Series({b}, name='b')], axis=1)",
    "pd.Series({a}).to_frame('a').join(pd.Series({b}).to_frame('b'))",
)
#: What makes one number for each row of a frame `{f}` with the columns a and b.
_OF_FRAMES = (
    "{f}.mean(axis=1)",
    "{f}.median(axis=1)",
    "{f}.max(axis=1)",
    "{f}.min(axis=1)",
    "{f}.mean(axis='columns')",
    "{f}.sum(axis=1) / {f}.shape[1]",
    "{f}.mode(axis=1)[0]",
    "{f}.quantile(0.5, axis=1)",
    "{f}.apply(np.mean, axis=1)",
    "{f}.apply(lambda row: row.mean(), axis=1)",
    "{f}.apply(lambda row: row['a'] * 0.3 + row['b'] * 0.7, axis=1)",
    "{f}.agg('mean', axis=1)",
    "{f}.eval('(a + b) / 2')",
    "{f}.eval('0.2 * a + 0.8 * b')",
    "{f}[['a', 'b']].mean(axis=1)",
    "{f}.loc[:, ['a', 'b']].mean(axis=1)",
    "{f}.iloc[:, :2].mean(axis=1)",
    "{f}[['a', 'b']] @ [0.6, 0.4]",
    "{f}[['a', 'b']].dot(np.array([0.6, 0.4]))",
    "{f}[['a', 'b']].to_numpy() @ np.array([0.6, 0.4])",
    "{f}[['a', 'b']].mul([0.6, 0.4]).sum(axis=1)",
    "{f}.to_numpy().mean(axis=1)",
    "{f}.values.max(axis=1)",
    "np.median({f}, axis=1)",
    "np.average({f}, axis=1)",
    "{f}.T.mean()",
    "{f}.stack().groupby(level=0).mean()",
    "({f}['a'] + {f}['b']) / 2",
    "{f}['a'] * 0.3 + {f}['b'] * 0.7",
    "{f}[['a', 'b']].sum(axis=1) * 0.5",
    "np.where({f}.index % 2, {f}['a'], {f}['b'])",
    "{f}.assign(mix=lambda d: (d['a'] + d['b']) / 2)['mix']",
    "[(row.a + row.b) / 2 for row in {f}.itertuples()]",
    "[(v + w) / 2 for v, w in zip({f}['a'], {f}['b'])]",
    "{f}.rename(columns=str.upper).mean(axis=1)",
)
_VOTES = (
    "pd.DataFrame({{'a': {a}, 'b': {b}, 'c': {c}}}).mode(axis=1)[0]",
    "pd.DataFrame({{'a': {a}, 'b': {b}, 'c': {c}}}).mode(axis=1).iloc[:, 0].to_numpy()",
    "pd.DataFrame({{0: {a}, 1: {b}, 2: {c}}})"
    ".apply(lambda row: row.value_counts().index[0], axis=1)",
    "pd.DataFrame(np.column_stack([{a}, {b}, {c}])).mode(axis=1)[0]",
    "[statistics.mode(v) for v in zip({a}, {b}, {c})]",
    "[Counter(v).most_common(1)[0][0] for v in zip({a}, {b}, {c})]",
    "[Counter([u, v, w]).most_common()[0][0] for u, v, w in zip({a}, {b}, {c})]",
    "np.where({a} == {b}, {a}, {c})",
    "[u if u == v else w for u, v, w in zip({a}, {b}, {c})]",
    "[max([u, v, w], key=[u, v, w].count) for u, v, w in zip({a}, {b}, {c})]",
    "pd.concat([pd.Series({a}), pd.Series({b}), pd.Series({c})]).groupby(level=0)"
    ".agg(lambda v: v.mode()[0])",
    "pd.Series({a}).where(pd.Series({a}) == {b}, {c})",
    "np.where(np.arange(len({a})) % 2, {a}, {b})",
)
_VOTES_OF_NUMBERS = (
    "stats.mode([{a}, {b}, {c}]).mode",
    "stats.mode(np.column_stack([{a}, {b}, {c}]), axis=1)[0]",
    "stats.mode(np.vstack([{a}, {b}, {c}]), axis=0, keepdims=False).mode",
    "np.median([{a}, {b}, {c}], axis=0).astype(int)",
    "np.round(np.mean([{a}, {b}, {c}], axis=0)).astype(int)",
    "np.rint(({a} + {b} + {c}) / 3).astype(int)",
    "np.apply_along_axis(lambda v: np.bincount(v).argmax(), 0, np.array([{a}, {b}, {c}]))",
    "np.array([np.bincount(v).argmax() for v in np.array([{a}, {b}, {c}]).T])",
    "pd.DataFrame({{'a': {a}, 'b': {b}, 'c': {c}}}).median(axis=1).astype(int)",
    "np.maximum({a}, {b})",
    "np.min([{a}, {b}, {c}], axis=0)",
)
_VOTES_OF_TWO_LABELS = (
    "(({a} + {b} + {c}) >= 2).astype(int)",
    "(np.mean([{a}, {b}, {c}], axis=0) > 0.5).astype(int)",
    "(pd.DataFrame({{'a': {a}, 'b': {b}, 'c': {c}}}).sum(axis=1) >= 2).astype(int)",
    "(pd.DataFrame({{'a': {a}, 'b': {b}}}).mean(axis=1) > 0.4).astype(int)",
    "{a} & {b}",
    "({a} | {b})",
)
_OF_MATRICES = (
    "({a} + {b}) / 2",
    "0.7 * {a} + 0.3 * {b}",
    "np.mean([{a}, {b}], axis=0)",
    "np.average([{a}, {b}, {c}], axis=0, weights=[3, 2, 1])",
    "np.maximum({a}, {b})",
    "np.stack([{a}, {b}]).mean(axis=0)",
    "sum([{a}, {b}]) / 2",
    "functools.reduce(np.multiply, [{a}, {b}])",
    "np.dstack([{a}, {b}]).mean(axis=2)",
    "(pd.DataFrame({a}) + pd.DataFrame({b})).to_numpy() / 2",
    "pd.concat([pd.DataFrame({a}), pd.DataFrame({b})]).groupby(level=0).mean().to_numpy()",
)
#: What follows on numbers, with how the truth follows; labels then.
_NUMBERS_AFTERWARDS = (
    ("np.round({v}, 1)", "{y}"),
    ("np.rint({v}).astype(int)", "{y}"),
    ("np.asarray({v}).astype(int)", "{y}"),
    ("np.clip({v}, 19, 21)", "{y}"),
    ("(np.asarray({v}) > 20).astype(int)", "(np.asarray({y}) > 20).astype(int)"),
    (
        "np.where(np.asarray({v}) > 20, 'high', 'low')",
        "np.where(np.asarray({y}) > 20, 'high', 'low')",
    ),
    ("np.digitize({v}, [19, 20, 21])", "np.digitize({y}, [19, 20, 21])"),
    ("[int(v > 20) for v in {v}]", "[int(v > 20) for v in {y}]"),
)


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
    form = script.random.choice(
        ["sum", "mean", "append", "dict", "frame", "columns", "helper", "array", "total"]
    )
    if form == "sum":
        script.add(f"{kept} = [{each} for m in {members}]")
        return f"sum({kept}) / len({kept})"
    if form == "mean":
        return f"np.mean([{each} for m in {members}], axis=0)"
    if form == "append":
        script.add(f"{kept} = []")
        with script.block(f"for m in {members}:"):
            script.add(f"{kept}.append({each})")
        return f"np.mean({kept}, axis=0)"
    if form == "dict":
        script.add(f"{kept} = {{i: {each} for i, m in enumerate({members})}}")
        return f"np.mean(list({kept}.values()), axis=0)"
    if form == "frame":
        script.add(f"{kept} = pd.DataFrame({{i: {each} for i, m in enumerate({members})}})")
        return f"{kept}.mean(axis=1)"
    if form == "columns":
        script.add(f"{kept} = pd.DataFrame(index=range({data.rows}))")
        with script.block(f"for i, m in enumerate({members}):"):
            script.add(f"{kept}[f'model {{i}}'] = {each}")
        return f"{kept}.{script.random.choice(['mean', 'median', 'max'])}(axis=1)"
    if form == "helper":
        with script.block(f"def {kept}(models):"):
            script.add(f"return np.mean([{each} for m in models], axis=0)")
        return f"{kept}({members})"
    if form == "array":
        script.add(f"{kept} = np.zeros(({data.rows}, {len(models)}))")
        with script.block(f"for i, m in enumerate({members}):"):
            script.add(f"{kept}[:, i] = {each}")
        return f"{kept}.mean(axis=1)"
    start, add = script.random.choice(
        [("0", "{t} = {t} + {p}"), ("0.0", "{t} += {p}"), ("np.zeros({n})", "{t} += {p} / 2")]
    )
    script.add(f"{kept} = {start.format(n=data.rows)}")
    with script.block(f"for m in {members}:"):
        script.add(add.format(t=kept, p=each))
    return f"{kept} / {len(models)}"


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
        return script.random.choice(_BY_ARRAYS).format(**names)
    if script.random.random() < 0.25:
        frame = in_variable(script, f"pd.DataFrame(index=range({data.rows}))", "frame")
        script.add(f"{frame}['a'] = {names['a']}", f"{frame}['b'] = {names['b']}")
    else:
        frame = script.random.choice(_FRAMES).format(**names)
        if script.random.random() < 0.6:
            frame = in_variable(script, frame, "frame")
    return script.random.choice(_OF_FRAMES).format(f=frame)


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
) -> None:
    """Write the score of what several models gave, where every row of it is the same by chance."""
    script.score(value, grade="never", data=data, strict=strict, truth=truth, metric=metric)


@piece("blend of numbers", NUMBERS)
def blend_of_numbers(script: Script) -> None:
    models, data = several_models(script), script.data()
    value = _perhaps_kept(script, _blended(script, models, data))
    if script.random.random() < 0.5:
        # The highest of two is, on all of a few rows, the prediction of one of them, bit for bit.
        _score_blend(script, value, data, strict=False)
        return
    form, truth = script.random.choice(_NUMBERS_AFTERWARDS)
    metric = script.metric() if truth == "{y}" else ("accuracy_score", {})
    _score_blend(script, form.format(v=value), data, truth=truth.format(y=data.y), metric=metric)


@piece("blend of probabilities", BINARY)
def blend_of_probabilities(script: Script) -> None:
    models, data = several_models(script, proba=True), script.data()
    value = _blended(script, models, data, "{p}[:, 1]", "predict_proba")
    if script.random.random() < 0.2:
        _score_blend(script, value, data, strict=False, metric=script.metric("proba"))
        return
    value = _perhaps_kept(script, value)
    _score_blend(script, as_labels(script, value), data)


@piece("vote of three", LABELS)
def vote(script: Script) -> None:
    models, data = several_models(script), script.data()
    forms = list(_VOTES)
    if script.has_numbers:
        forms += _VOTES_OF_NUMBERS
        if script.task == "binary":
            forms += _VOTES_OF_TWO_LABELS
    names = dict(zip("abc", _of_several(script, models, data), strict=True))
    value = _perhaps_kept(script, script.random.choice(forms).format(**names))
    truth = data.y
    if script.random.random() < 0.3:
        table = {label: f"class {i}" for i, label in enumerate(script.classes)}
        mapped = in_variable(script, repr(table), "mapped")
        value = script.random.choice(
            [f"pd.Series({value}).map({mapped})", f"[{mapped}[v] for v in {value}]"]
        )
        truth = f"[{mapped}[v] for v in {truth}]"
    _score_blend(script, value, data, truth=truth)


@piece("soft vote", LABELS)
def soft_vote(script: Script) -> None:
    models, data = several_models(script, proba=True), script.data()
    form = script.random.choice(_OF_MATRICES)
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
    if number:
        # Rounded, it may be the model's own by chance on every row, but is not shown to be.
        form, truth = script.random.choice(_NUMBERS_AFTERWARDS)
        metric = script.metric() if truth == "{y}" else ("accuracy_score", {})
        value, truth = form.format(v=value), truth.format(y=data.y)
        _score_blend(script, value, data, truth=truth, metric=metric)
    else:
        _score_blend(script, as_labels(script, value), data)


@piece("two inputs of one model", NUMBERS)
def two_inputs(script: Script) -> None:
    """What one model predicts for several inputs becomes one number a row: not its prediction."""
    model, data = speaking_model(script), script.data()
    size = script.random.choice(["0.5", "0.01"])
    noise = f"{size} * rng.normal(size=np.shape({data.X}))"
    noisy = [in_variable(script, f"np.asarray({data.X}) + {noise}", "X_noisy") for _ in range(2)]
    if data.container == "frame":
        noisy = [f"{data.X}.set_axis({data.X}.index) + {noise}" for _ in range(2)]
    values = [model.predict(X) for X in (data.X, *noisy)]
    # Each noise is drawn once.
    names = dict(zip("abc", [in_variable(script, value) for value in values], strict=True))
    if script.random.random() < 0.4:
        frame = script.random.choice(_FRAMES).format(**names)
        value = script.random.choice(_OF_FRAMES).format(f=in_variable(script, frame, "frame"))
    else:
        value = script.random.choice(_BY_ARRAYS).format(**names)
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
