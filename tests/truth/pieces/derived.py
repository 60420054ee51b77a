"""Scores of what is derived of one model's prediction, row by row, in the open."""

from __future__ import annotations

from tests.truth.pieces.common import (
    BINARY,
    LABELS,
    NUMBERS,
    in_variable,
    model_with_proba,
    piece,
    prediction_in_variable,
    score_derived,
    some_prediction,
    speaking_model,
)
from tests.truth.writing import Script, options_of


@piece("rounding", NUMBERS)
def rounding(script: Script) -> None:
    own = script.random.choice(
        ["np.round({p}, 2)", "{p}.round(1)", "np.rint({p})", "np.round({p}).astype(int)"]
    )
    score_derived(script, own)


@piece("clipping", NUMBERS)
def clipping(script: Script) -> None:
    own = script.random.choice(
        ["np.clip({p}, 19, 21)", "{p}.clip(19.5, 22)", "np.maximum({p}, 20)", "np.minimum({p}, 20)"]
    )
    if script.random.random() < 0.3:
        low = in_variable(script, "19.25", "low")
        own = f"np.maximum({{p}}, {low})"
    score_derived(script, own)


@piece("affine", NUMBERS)
def affine(script: Script) -> None:
    scale = in_variable(script, repr(round(script.random.uniform(0.5, 3), 2)), "scale")
    own = script.random.choice(
        [
            "2.5 * {p} + 1",
            "{p} * " + scale,
            "{p} / 1000",
            "{p} - 3",
            "-{p}",
            "1.1 * {p}",
            "({p} - 20) / " + scale,
            "np.multiply({p}, 0.5)",
        ]
    )
    data = script.data()
    model = speaking_model(script)
    p = in_variable(script, model.predict(data.X))
    truth = None
    if script.random.random() < 0.5:
        truth = own.format(p=f"np.asarray({data.y})")
    score_derived(script, own, held=(model, data, p), truth=truth)


@piece("exp or log", NUMBERS)
def exponential(script: Script) -> None:
    own = script.random.choice(
        ["np.log({p})", "np.log1p({p})", "np.exp({p})", "np.expm1({p})", "np.log10({p})"]
    )
    model, data, p, _ = some_prediction(script)
    truth = own.format(p=f"np.asarray({data.y})")
    score_derived(script, own, held=(model, data, p), truth=truth)


@piece("in place, affine", NUMBERS)
def in_place_affine(script: Script) -> None:
    model, data, p = prediction_in_variable(script)
    change = script.random.choice([" += 1", " *= 2.0", " -= 0.5"])
    script.add(f"{p}{change}")
    own = f"({{p}} {change[1]} {change[4:]})"
    script.score(p, own=own, grade="derived", model=model, data=data, shape="nested", truth=data.y)


@piece("inverse of a target transformer", NUMBERS)
def target_inverse(script: Script) -> None:
    data, train, pick = script.data(), script.train, script.random
    transformer, alpha = script.name("of_target"), float(f"{1 + script.mark() / 1000:.9g}")
    text = pick.choice(
        [
            "StandardScaler()",
            "MinMaxScaler()",
            "FunctionTransformer(np.log1p, inverse_func=np.expm1, check_inverse=False)",
        ]
    )
    var = script.name("on_scaled")
    model = script.aside(var, ("alpha", alpha), "ridge")
    script.add(
        f"{transformer} = {text}.fit(np.asarray({train.y}).reshape(-1, 1))",
        f"{var} = Ridge(alpha={alpha}).fit({train.X}, "
        f"{transformer}.transform(np.asarray({train.y}).reshape(-1, 1)).ravel())",
    )
    p = model.predict(data.X)
    if pick.random() < 0.6:
        p = in_variable(script, p, "scaled")
    value = f"{transformer}.inverse_transform({p}.reshape(-1, 1)).ravel()"
    script.score(value, grade="derived", model=model, data=data)


@piece("threshold of a number", NUMBERS)
def number_threshold(script: Script) -> None:
    model, data, p, _ = some_prediction(script)
    limit = in_variable(script, repr(round(script.random.uniform(19, 21), 1)), "limit")
    own = script.random.choice(["({p} > 20).astype(int)", f"({{p}} >= {limit}).astype(int)"])
    script.score(
        own.format(p=p),
        own=own,
        grade="derived",
        truth=own.format(p=f"np.asarray({data.y})"),
        metric=("accuracy_score", {}),
        model=model,
        data=data,
    )


@piece("subset")
def subsets(script: Script) -> None:
    model, data, p = prediction_in_variable(script)
    metric = script.metric(robust=True)
    mask = in_variable(
        script,
        script.random.choice(
            [
                f"np.arange({data.rows}) % 3 != 0",
                f"{data.first_feature()} >= np.median({data.first_feature()})",
                f"np.flatnonzero(np.arange({data.rows}) % 2 == 0)",
                f"rng.permutation({data.rows})[: max(3, {data.rows} // 2)]",
            ]
        ),
        "chosen",
    )
    script.score(
        f"{p}[{mask}]",
        own=f"{{p}}[{mask}]",
        truth=f"np.asarray({data.y})[{mask}]",
        grade="derived",
        metric=metric,
        model=model,
        data=data,
    )


@piece("subset by pandas")
def pandas_subsets(script: Script) -> None:
    model, data = speaking_model(script), script.data()
    metric = script.metric(robust=True)
    frame = script.name("table")
    p = model.predict(data.X)
    if script.random.random() < 0.5:
        p = in_variable(script, p)
    script.add(
        f"{frame} = pd.DataFrame({{'actual': np.asarray({data.y}), 'predicted': {p}, "
        f"'group': np.arange({data.rows}) % 2}})"
    )
    if script.random.random() < 0.5:
        names = model.names(data) or frozenset()
        if model.feed != "{X}":
            names |= {"test"}  # neither the features nor the truth have a name of the user's
        calls = [script.expect(metric, model, data, grade="derived", names=names) for _ in range(2)]
        keys = [call.id for call in calls]
        with script.block(f"for group, rows in {frame}.groupby('group'):"):
            script.add(f"scores[{keys}[group]] = {metric[0]}(rows['actual'], rows['predicted'])")
        for group, call in enumerate(calls):
            where = f"np.arange({data.rows}) % 2 == {group}"
            script.shadow(call, metric, f"np.asarray({data.y})[{where}]", f"{{p}}[{where}]", data)
    else:
        part = script.random.choice(
            [f"{frame}[{frame}['group'] == 1]", f"{frame}.query('group == 1')"]
        )
        rows = in_variable(script, part, "rows")
        script.score(
            f"{rows}['predicted']",
            truth=f"{rows}['actual']",
            own=f"{{p}}[{rows}.index]",
            grade="derived",
            metric=metric,
            model=model,
            data=data,
        )


@piece("label map", LABELS)
def label_map(script: Script) -> None:
    model, data, p = prediction_in_variable(script)
    known = script.classes
    names = (
        [f"class {i}" for i in range(len(known))]
        if script.random.random() < 0.6
        else [10 * (i + 1) for i in range(len(known))]
    )
    table = script.name("mapped")
    script.add(f"{table} = {dict(zip(known, names, strict=True))!r}")
    options = [
        "np.array([{t}[v] for v in {p}])",
        "pd.Series({p}).map({t})",
        "[{t}[v] for v in {p}]",
    ]
    if len(known) == 2:
        options.append(f"np.where({{p}} == {known[1]!r}, {names[1]!r}, {names[0]!r})")
    form = script.random.choice(options).replace("{t}", table)
    truth = f"np.array([{table}[v] for v in {data.y}])"
    script.score(form.format(p=p), own=form, truth=truth, grade="derived", model=model, data=data)


@piece("label encoder", LABELS)
def label_encoder(script: Script) -> None:
    data, train = script.data(), script.train
    encoder, var, mark = script.name("encoder"), script.name("on_codes"), script.mark()
    model = script.aside(var, ("leaf_size", mark), "knn")
    script.add(
        f"{encoder} = LabelEncoder().fit({train.y})",
        f"{var} = KNeighborsClassifier(leaf_size={mark}).fit({train.X}, "
        f"{encoder}.transform({train.y}))",
    )
    value = f"{encoder}.inverse_transform({model.predict(data.X)})"
    script.score(value, grade="derived", model=model, data=data)


@piece("arg-max", LABELS)
def argmax(script: Script) -> None:
    model, data = model_with_proba(script), script.data()
    proba = model.predict(data.X, "predict_proba")
    if script.random.random() < 0.6:
        proba = in_variable(script, proba, "proba")
    own = script.random.choice(
        [
            f"{model.var}.classes_[{{p}}.argmax(axis=1)]",
            f"{model.var}.classes_[np.argmax({{p}}, axis=1)]",
        ]
    )
    script.score(
        own.format(p=proba),
        own=own,
        method="predict_proba",
        grade="derived",
        model=model,
        data=data,
    )


@piece("probability", LABELS)
def probability(script: Script) -> None:
    model, data = model_with_proba(script), script.data()
    proba = model.predict(data.X, "predict_proba")
    if script.random.random() < 0.6:
        proba = in_variable(script, proba, "proba")
    own = "{p}"
    if script.task == "binary":
        own = script.random.choice(["{p}[:, 1]", "{p}.T[1]", "1 - {p}[:, 0]", "{p}[:, 1].copy()"])
    script.score(
        own.format(p=proba),
        own=own,
        method="predict_proba",
        metric=script.metric("proba"),
        grade="derived" if own != "{p}" else "must",
        model=model,
        data=data,
    )


@piece("threshold of a probability", BINARY)
def proba_threshold(script: Script) -> None:
    model, data = model_with_proba(script), script.data()
    column = in_variable(script, f"{model.predict(data.X, 'predict_proba')}[:, 1]", "chance")
    no, yes = script.classes
    limits = [
        round(script.random.uniform(0.2, 0.8), 2) for _ in range(script.random.choice([1, 3]))
    ]
    metric = script.metric()
    more = options_of(metric)
    calls = [script.expect(metric, model, data, grade="derived") for _ in limits]
    own = f"np.where({{p}} >= limit, {yes!r}, {no!r})"
    for call, limit in zip(calls, limits, strict=True):
        mine = own.replace("limit", repr(limit)).replace("{p}", "{p}[:, 1]")
        script.shadow(call, metric, data.y, mine, data, "predict_proba")
    pairs = list(zip([call.id for call in calls], limits, strict=True))
    with script.block(f"for key, limit in {pairs}:"):
        script.add(f"scores[key] = {metric[0]}({data.y}, {own.format(p=column)}{more})")
