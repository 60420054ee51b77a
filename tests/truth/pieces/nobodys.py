"""Scores of no model: formulas, rules, lags, permutations, agreements, changes by hand."""

from __future__ import annotations

from tests.truth.material import write_model
from tests.truth.pieces.common import (
    NUMBERS,
    in_variable,
    piece,
    prediction_in_variable,
    score_nobodys,
    speaking_model,
    two_models,
)
from tests.truth.writing import Script


def labels_where(script: Script, yes: str) -> str:
    """Labels by a condition of nobody's model."""
    known = script.classes
    return f"np.where({yes}, {known[1]!r}, {known[0]!r})"


@piece("formula or rule by hand")
def formula(script: Script) -> None:
    data = script.data()
    model = speaking_model(script)
    if script.random.random() < 0.7:
        in_variable(script, model.predict(data.X), "unused")
    column = data.first_feature()
    if script.task == "regression":
        value = script.random.choice(
            [
                f"20 + 2 * {column}",
                f"20 + np.asarray({data.X}) @ np.arange(1, np.shape({data.X})[1] + 1)",
                f"np.where({column} > 0, 21.0, 19.0)",
                f"np.full({data.rows}, 20.0)",
            ]
        )
        score_nobodys(script, value, data)
    else:
        score_nobodys(
            script, labels_where(script, f"{column} > {script.random.choice([0, 0.4, 0.9])}"), data
        )


@piece("least squares by numpy", NUMBERS)
def least_squares(script: Script) -> None:
    data, train = script.data(), script.train
    model = script.model(family="linear") or write_model(
        script, script.random.choice(["ridge", "linear"])
    )
    in_variable(script, model.predict(data.X), "unused")
    rows = script.random.choice([train.rows, train.rows - 5])
    weights = in_variable(
        script,
        f"np.linalg.lstsq(np.c_[np.ones({rows}), np.asarray({train.X})[:{rows}]], "
        f"np.asarray({train.y})[:{rows}], rcond=None)[0]",
        "weights",
    )
    value = f"np.c_[np.ones({data.rows}), np.asarray({data.X})] @ {weights}"
    score_nobodys(script, value, data)


@piece("lag")
def lag(script: Script) -> None:
    model, data = speaking_model(script), script.data()
    y = f"np.asarray({data.y})"
    metric = script.metric(robust=True)
    if script.random.random() < 0.6:
        p = in_variable(script, model.predict(data.X))
        own, truth = "{p}[1:]", f"{y}[1:]"
        script.score(f"{p}[:-1]", own=own, truth=truth, grade="never", data=data, metric=metric)
    else:
        in_variable(script, model.predict(data.X), "unused")
        score_nobodys(script, f"{y}[:-1]", data, truth=f"{y}[1:]", own="{p}[1:]", metric=metric)


@piece("sorted or shuffled")
def shuffled(script: Script) -> None:
    _, data, p = prediction_in_variable(script)
    if script.random.random() < 0.3:
        script.add(script.random.choice([f"{p}.sort()", f"rng.shuffle({p})"]))
        score_nobodys(script, p, data)
        return
    form = script.random.choice(
        ["np.sort({p})", "rng.permutation({p})", "np.roll({p}, 1)", "{p}[::-1]", "sorted({p})"]
    )
    score_nobodys(script, form.format(p=p), data)


@piece("both sorted", NUMBERS)
def both_sorted(script: Script) -> None:
    _, data, p = prediction_in_variable(script)
    score_nobodys(script, f"np.sort({p})", data, truth=f"np.sort(np.asarray({data.y}))")


@piece("untracked model", NUMBERS)
def by_hand(script: Script) -> None:
    data, train = script.data(), script.train
    model = speaking_model(script)
    if script.random.random() < 0.6:
        in_variable(script, model.predict(data.X), "unused")
    var = script.name("hand")
    script.add(f"{var} = ByHand({train.X}, {train.y})")
    score_nobodys(script, f"{var}.predict({data.X})", data)


@piece("the truth itself")
def truth_itself(script: Script) -> None:
    data, model = script.data(), speaking_model(script)
    in_variable(script, model.predict(data.X), "unused")
    score_nobodys(script, f"np.array({data.y})", data)


@piece("agreement of two models")
def agreement(script: Script) -> None:
    (a, b), data = two_models(script), script.data()
    p, q = in_variable(script, a.predict(data.X)), in_variable(script, b.predict(data.X))
    form = script.random.choice(["{}", "{}.copy()", "pd.DataFrame(dict(p={}))['p']"])
    script.score(form.format(p), truth=form.format(q), grade="never", data=data)


@piece("prediction with noise", NUMBERS)
def noise(script: Script) -> None:
    model, data = speaking_model(script), script.data()
    p = model.predict(data.X)
    if script.random.random() < 0.6:
        p = in_variable(script, p)
    size = script.random.choice(["0.5", "0.01", "1e-3"])
    score_nobodys(script, f"{p} + {size} * rng.normal(size={data.rows})", data)


@piece("changed in place", NUMBERS)
def in_place(script: Script) -> None:
    (a, b), data = two_models(script), script.data()
    p = in_variable(script, a.predict(data.X))
    if script.random.random() < 0.5:
        change = script.random.choice([f"{p}[0] = 25.0", f"{p}[:2] += 1.5", f"{p} **= 2"])
        if "**" in change:
            change = f"{p}[::2] *= 1.05"
        script.add(change)
        score_nobodys(script, p, data)
    else:
        script.add(f"{p}[:] = {b.predict(data.X)}")
        script.score(p, grade="may", model=b, data=data, names=None)


@piece("bootstrap", NUMBERS)
def bootstrap(script: Script) -> None:
    model, data, p = prediction_in_variable(script)
    rows = in_variable(script, f"rng.integers(0, {data.rows}, {data.rows})", "drawn")
    metric = script.metric(robust=True)
    if script.random.random() < 0.5:
        score_nobodys(script, f"{p}[{rows}]", data, metric=metric)
    else:
        script.score(
            f"{p}[{rows}]",
            own=f"{{p}}[{rows}]",
            truth=f"np.asarray({data.y})[{rows}]",
            grade="may",
            metric=metric,
            model=model,
            data=data,
        )
