"""The pieces of the sessions: each writes some lines, and what is true of their scores."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from tests.truth.material import write_model
from tests.truth.writing import Data, Grade, Model, Script

ALL = ("regression", "binary", "multiclass")
NUMBERS = ("regression",)
LABELS = ("binary", "multiclass")
BINARY = ("binary",)


@dataclass(frozen=True)
class Piece:
    """Some lines of a session."""

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


def _speaking(script: Script) -> Model:
    return script.model(speaks=True) or write_model(
        script, script.random.choice(["pipeline", "knn"])
    )


def _two(script: Script) -> tuple[Model, Model]:
    first = _speaking(script)
    others = [m for m in script.models if m is not first and m.speaks]
    return first, script.random.choice(others) if others else write_model(script, "forest")


def _held(script: Script, value: str, stem: str = "p") -> str:
    name = script.name(stem)
    script.add(f"{name} = {value}")
    return name


def _prediction(script: Script) -> tuple[Model, Data, str, str]:
    """A prediction in a variable, or as the call itself."""
    model, data = _speaking(script), script.data()
    value = model.predict(data.X)
    kept = script.random.random() < 0.6
    return model, data, _held(script, value) if kept else value, value


def _derived(
    script: Script,
    own: str,
    *,
    grade: Grade = "derived",
    truth: str | None = None,
    held: tuple[Model, Data, str] | None = None,
    **more: object,
) -> None:
    model, data, p = held or _prediction(script)[:3]
    script.score(own.format(p=p), own=own, grade=grade, truth=truth, model=model, data=data, **more)


# -- whose it is without doubt ---------------------------------------------------------------------


@piece("untouched")
def untouched(script: Script) -> None:
    model = script.model() or write_model(script)
    data = script.data()
    script.score(model.predict(data.X), grade="must", model=model, data=data)


@piece("a new model")
def new_model(script: Script) -> None:
    model, data = write_model(script), script.data()
    script.score(model.predict(data.X), grade="must", model=model, data=data)
    if script.random.random() < 0.5:
        script.score(
            model.predict(script.sets[0].X), grade="must", model=model, data=script.sets[0]
        )


@piece("copy or list", NUMBERS)
def copies(script: Script) -> None:
    own = script.random.choice(
        [
            "{p}.copy()",
            "list({p})",
            "{p}.tolist()",
            "np.array({p})",
            "pd.Series({p}, index=np.arange(len({p})) + 7)",
            "{p}.reshape(-1, 1)",
            "pd.DataFrame({{'p': {p}}})['p']",
            "np.column_stack([{p}, {p} * 0])[:, 0]",
            "dict(a={p}.copy())['a']",
            "np.concatenate([{p}])",
        ]
    )
    _derived(script, own, grade="must")


@piece("copy of labels", LABELS)
def label_copies(script: Script) -> None:
    own = script.random.choice(["{p}.copy()", "list({p})", "{p}.tolist()", "pd.Series({p}).values"])
    _derived(script, own)


@piece("view")
def views(script: Script) -> None:
    model, data, p, _ = _prediction(script)
    if data.rows >= 8 and data.container != "list":
        stop = script.random.randint(data.rows // 2, data.rows - 1)
        script.score(
            f"{p}[:{stop}]",
            own=f"{{p}}[:{stop}]",
            grade="must" if script.tells == "number" else "derived",
            truth=f"{data.y}[:{stop}]",
            metric=script.metric(robust=True),
            model=model,
            data=data,
        )
    else:
        script.score(f"{p}[:]", own="{p}[:]", grade="must", model=model, data=data)


@piece("score method or scorer")
def scorers(script: Script) -> None:
    model, data = script.model() or write_model(script), script.data()
    number = script.task == "regression"
    name, function, sign = script.random.choice(
        [("", "", 1), ("r2", "r2_score", 1), ("neg_mean_squared_error", "mean_squared_error", -1)]
        if number
        else [("", "", 1), ("accuracy", "accuracy_score", 1), ("f1_macro", "f1_score_macro", 1)]
    )
    call = script.call(
        grade="must",
        owner=model.owner,
        metric=function or "score",
        names=model.names(data),
        data_set=data.X,
        sign=sign,
    )
    X = model.feed.format(X=data.X)
    if name:
        script.add(f"scores[{call.id!r}] = get_scorer({name!r})({model.var}, {X}, {data.y})")
    else:
        script.add(f"scores[{call.id!r}] = {model.var}.score({X}, {data.y})")


@piece("evaluate(model, X, y)")
def evaluates(script: Script) -> None:
    model, data = script.model() or write_model(script), script.data()
    metric = script.metric()
    more = "".join(f", {key}={value}" for key, value in metric[1].items())
    helper = script.name("evaluate")
    with script.block(f"def {helper}(model, X, y):"):
        script.add("p = model.predict(X)", f"return {metric[0]}(y, p{more})")
    call = script.score("0", grade="must", model=model, data=data, metric=metric, shape="nested")
    script.lines.pop()
    X = model.feed.format(X=data.X)
    script.add(f"scores[{call.id!r}] = {helper}({model.var}, {X}, {data.y})")


@piece("deleted model")
def deleted(script: Script) -> None:
    if len(script.models) < 2:
        write_model(script)
    model, data = _speaking(script), script.data()
    p = _held(script, model.predict(data.X))
    script.add(f"del {model.var}")
    script.models.remove(model)
    script.gone.append(model)
    script.score(p, grade="must", model=model, data=data)


@piece("refitted model")
def refitted(script: Script) -> None:
    model, data = _speaking(script), script.data()
    if model.feed != "{X}":
        model = write_model(script, "tree")
    if model.feed != "{X}":
        return
    train = script.train
    old = _held(script, model.predict(data.X), "old")
    rows = script.random.randint(train.rows // 2, train.rows - 3)
    script.add(f"{model.var}.fit({train.X}[:{rows}], {train.y}[:{rows}])")
    before = replace(model)
    model.version += 1
    script.score(old, grade="must", model=before, data=data)
    script.score(model.predict(data.X), grade="must", model=model, data=data)
    # Its training rows are other ones from here on.
    script.models.remove(model)
    script.gone.append(model)


@piece("swapped arguments")
def swapped(script: Script) -> None:
    model, data = _speaking(script), script.data()
    p = _held(script, model.predict(data.X))
    script.score(data.y, truth=p, grade="may", model=model, data=data, own=data.y)


@piece("frame of many predictions", NUMBERS)
def frame_of_many(script: Script) -> None:
    data, pick = script.data(), script.random
    count = pick.choice([2, 3, 5, 8, 20, 40, 60])
    models = [script.name("many") for _ in range(1)]
    held, frame, train = models[0], script.name("P"), script.train
    alphas = [0.05 * (i + 1) + script.mark() / 10**5 for i in range(count)]
    alphas = [float(f"{alpha:.9g}") for alpha in alphas]
    several = [
        Model(f"{held}[{i}]", f"{held}[{i}]", ("alpha", alpha), "ridge")
        for i, alpha in enumerate(alphas)
    ]
    script.add(
        f"{held} = [Ridge(alpha=a).fit({train.X}, {train.y}) for a in {alphas}]",
        f"{frame} = pd.DataFrame({{f'm{{i}}': m.predict({data.X}) for i, m in enumerate({held})}})",
    )
    script.gone.extend(several)
    metric = script.metric(robust=True)
    calls = [
        script.call(
            grade="must",
            owner=model.owner,
            metric=metric[0],
            names=model.names(data),
            data_set=data.X,
        )
        for model in several
    ]
    column = pick.choice(["{f}[c]", "{f}[c].to_numpy()", "{f}[c].tolist()", "{f}.loc[:, c]"])
    with script.block(f"for c, key in zip({frame}, {[call.id for call in calls]}, strict=True):"):
        script.add(f"scores[key] = {metric[0]}({data.y}, {column.format(f=frame)})")
    blend = script.random.random() < 0.5
    if blend:
        script.score(f"{frame}.mean(axis=1).to_numpy()", grade="never", data=data)


@piece("loop of models")
def loop_of_models(script: Script) -> None:
    data, train, pick = script.data(), script.train, script.random
    count = pick.choice([1, 2, 3, 5, 10])
    family = "KNeighborsRegressor" if script.task == "regression" else "KNeighborsClassifier"
    leaves = [script.mark() for _ in range(count)]
    metric = script.metric()
    more = "".join(f", {key}={value}" for key, value in metric[1].items())
    calls = []
    for leaf in leaves:
        model = Model(f"leaf{leaf}", "", ("leaf_size", leaf), "knn")
        script.gone.append(model)
        calls.append(
            script.call(
                grade="must",
                owner=model.owner,
                metric=_key(metric),
                names=model.names(data),
                data_set=data.X,
            )
        )
    keys = [(call.id, leaf) for call, leaf in zip(calls, leaves, strict=True)]
    with script.block(f"for key, leaf in {keys}:"):
        script.add(
            f"member = {family}(n_neighbors=leaf % 5 + 1, leaf_size=leaf).fit({train.X}, {train.y})"
        )
        if pick.random() < 0.5:
            script.add(f"p = member.predict({data.X})")
            script.add(f"scores[key] = {metric[0]}({data.y}, p{more})")
        else:
            script.add(f"scores[key] = {metric[0]}({data.y}, member.predict({data.X}){more})")


# -- derived ---------------------------------------------------------------------------------------


@piece("rounding", NUMBERS)
def rounding(script: Script) -> None:
    own = script.random.choice(
        ["np.round({p}, 2)", "{p}.round(1)", "np.rint({p})", "np.round({p}).astype(int)"]
    )
    _derived(script, own)


@piece("clipping", NUMBERS)
def clipping(script: Script) -> None:
    own = script.random.choice(
        ["np.clip({p}, 19, 21)", "{p}.clip(19.5, 22)", "np.maximum({p}, 20)", "np.minimum({p}, 20)"]
    )
    if script.random.random() < 0.3:
        low = _held(script, "19.25", "low")
        own = f"np.maximum({{p}}, {low})"
    _derived(script, own)


@piece("affine", NUMBERS)
def affine(script: Script) -> None:
    scale = _held(script, repr(round(script.random.uniform(0.5, 3), 2)), "scale")
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
    model = _speaking(script)
    p = _held(script, model.predict(data.X))
    truth = None
    if script.random.random() < 0.5:
        truth = own.format(p=f"np.asarray({data.y})")
    _derived(script, own, held=(model, data, p), truth=truth)


@piece("exp or log", NUMBERS)
def exponential(script: Script) -> None:
    own = script.random.choice(
        ["np.log({p})", "np.log1p({p})", "np.exp({p})", "np.expm1({p})", "np.log10({p})"]
    )
    model, data, p, _ = _prediction(script)
    truth = own.format(p=f"np.asarray({data.y})")
    _derived(script, own, held=(model, data, p), truth=truth)


@piece("in place, affine", NUMBERS)
def in_place_affine(script: Script) -> None:
    model, data = _speaking(script), script.data()
    p = _held(script, model.predict(data.X))
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
    model = Model(var, var, ("alpha", alpha), "ridge")
    script.gone.append(model)
    script.add(
        f"{transformer} = {text}.fit(np.asarray({train.y}).reshape(-1, 1))",
        f"{var} = Ridge(alpha={alpha}).fit({train.X}, "
        f"{transformer}.transform(np.asarray({train.y}).reshape(-1, 1)).ravel())",
    )
    p = model.predict(data.X)
    if pick.random() < 0.6:
        p = _held(script, p, "scaled")
    value = f"{transformer}.inverse_transform({p}.reshape(-1, 1)).ravel()"
    script.score(value, grade="derived", model=model, data=data)


@piece("threshold of a number", NUMBERS)
def number_threshold(script: Script) -> None:
    model, data, p, _ = _prediction(script)
    limit = _held(script, repr(round(script.random.uniform(19, 21), 1)), "limit")
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
    model, data = _speaking(script), script.data()
    p = _held(script, model.predict(data.X))
    metric = script.metric(robust=True)
    grade: Grade = "derived"
    mask = _held(
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
        grade=grade,
        metric=metric,
        model=model,
        data=data,
    )


@piece("subset by pandas")
def pandas_subsets(script: Script) -> None:
    model, data = _speaking(script), script.data()
    metric = script.metric(robust=True)
    frame = script.name("table")
    p = model.predict(data.X)
    if script.random.random() < 0.5:
        p = _held(script, p)
    script.add(
        f"{frame} = pd.DataFrame({{'actual': np.asarray({data.y}), 'predicted': {p}, "
        f"'group': np.arange({data.rows}) % 2}})"
    )
    names = model.names(data)
    if script.random.random() < 0.5:
        calls = [
            script.call(
                grade="derived", owner=model.owner, metric=metric[0], names=names, data_set=data.X
            )
            for _ in range(2)
        ]
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
        rows = _held(script, part, "rows")
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
    model, data = _speaking(script), script.data()
    p = _held(script, model.predict(data.X))
    strings = not script.labels[0].isdigit()
    known = script.labels if strings else tuple(map(int, script.labels))
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
    model = Model(var, var, ("leaf_size", mark), "knn")
    script.gone.append(model)
    script.add(
        f"{encoder} = LabelEncoder().fit({train.y})",
        f"{var} = KNeighborsClassifier(leaf_size={mark}).fit({train.X}, "
        f"{encoder}.transform({train.y}))",
    )
    value = f"{encoder}.inverse_transform({model.predict(data.X)})"
    script.score(value, grade="derived", model=model, data=data)


def _with_proba(script: Script) -> Model:
    return script.model(proba=True, speaks=True) or write_model(script, "logistic")


@piece("arg-max", LABELS)
def argmax(script: Script) -> None:
    model, data = _with_proba(script), script.data()
    proba = model.predict(data.X, "predict_proba")
    if script.random.random() < 0.6:
        proba = _held(script, proba, "proba")
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
    model, data = _with_proba(script), script.data()
    proba = model.predict(data.X, "predict_proba")
    if script.random.random() < 0.6:
        proba = _held(script, proba, "proba")
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
    model, data = _with_proba(script), script.data()
    column = _held(script, f"{model.predict(data.X, 'predict_proba')}[:, 1]", "chance")
    no, yes = script.labels if not script.labels[0].isdigit() else (0, 1)
    limits = [
        round(script.random.uniform(0.2, 0.8), 2) for _ in range(script.random.choice([1, 3]))
    ]
    metric = script.metric()
    more = "".join(f", {key}={value}" for key, value in metric[1].items())
    calls = [
        script.call(
            grade="derived",
            owner=model.owner,
            metric=_key(metric),
            names=model.names(data),
            data_set=data.X,
        )
        for _ in limits
    ]
    own = f"np.where({{p}} >= limit, {yes!r}, {no!r})"
    for call, limit in zip(calls, limits, strict=True):
        mine = own.replace("limit", repr(limit)).replace("{p}", "{p}[:, 1]")
        script.shadow(call, metric, data.y, mine, data, "predict_proba")
    pairs = list(zip([call.id for call in calls], limits, strict=True))
    with script.block(f"for key, limit in {pairs}:"):
        script.add(f"scores[key] = {metric[0]}({data.y}, {own.format(p=column)}{more})")


# -- rows with a name of their own -----------------------------------------------------------------


@piece("training rows")
def training_rows(script: Script) -> None:
    model, train = _speaking(script), script.train
    script.score(model.predict(train.X), grade="must", model=model, data=train)


@piece("part of the training rows")
def training_part(script: Script) -> None:
    model, train = _speaking(script), script.train
    stop = script.random.randint(train.rows // 3, train.rows - 2)
    part = frozenset({"train_part"})
    metric = script.metric(robust=True)
    if script.random.random() < 0.5:
        p = _held(script, model.predict(train.X))
        value, truth = f"{p}[:{stop}]", f"{train.y}[:{stop}]"
    else:
        value, truth = model.predict(f"{train.X}[:{stop}]"), f"{train.y}[:{stop}]"
    script.score(
        value,
        own=f"{{p}}[:{stop}]",
        truth=truth,
        grade="derived",
        names=part,
        metric=metric,
        model=model,
        data=train,
    )


@piece("training rows with noise")
def noisy_training(script: Script) -> None:
    model, train = _speaking(script), script.train
    noisy = f"np.asarray({train.X}) + rng.normal(size=np.shape({train.X}))"
    if train.container == "frame":
        noisy = f"{train.X} + rng.normal(size={train.X}.shape)"
    names = None
    if script.random.random() < 0.5:
        noisy, names = _held(script, noisy, "X_noisy"), None
    script.score(model.predict(noisy), grade="must", names=names, model=model, data=train)


@piece("out of bag", NUMBERS)
def out_of_bag(script: Script) -> None:
    train, mark = script.train, script.mark()
    var = script.name("forest")
    model = Model(var, var, ("random_state", mark), "forest")
    script.gone.append(model)
    script.add(
        f"{var} = RandomForestRegressor(30, oob_score=True, random_state={mark})"
        f".fit({train.X}, {train.y})"
    )
    script.score(f"{var}.oob_prediction_", grade="must", rule="oob", model=model, data=train)
    if script.random.random() < 0.5:
        script.score(model.predict(train.X), grade="must", model=model, data=train)


@piece("out of fold")
def out_of_fold(script: Script) -> None:
    train, mark = script.train, script.mark()
    name = "KNeighborsRegressor" if script.task == "regression" else "KNeighborsClassifier"
    model = Model(f"folded{mark}", "", ("leaf_size", mark), "knn")
    script.gone.append(model)
    p = _held(
        script, f"cross_val_predict({name}(leaf_size={mark}), {train.X}, {train.y}, cv=3)", "folds"
    )
    call = script.score(p, grade="must", rule="oof", model=model, data=train)
    script.change(call, owner=f"{model.id}/validation")


@piece("staged")
def staged(script: Script) -> None:
    data, train, mark = script.data(), script.train, script.mark()
    name = "Regressor" if script.task == "regression" else "Classifier"
    var, metric = script.name("boosting"), script.metric()
    more = "".join(f", {key}={value}" for key, value in metric[1].items())
    model = Model(var, var, ("random_state", mark), "boosting")
    script.gone.append(model)
    script.add(
        f"{var} = GradientBoosting{name}(n_estimators=5, max_depth=2, random_state={mark})"
        f".fit({train.X}, {train.y})"
    )
    call = script.call(
        grade="must",
        owner=model.owner,
        metric=_key(metric),
        names=model.names(data),
        data_set=data.X,
        rule="staged",
    )
    stages = f"{var}.staged_predict({data.X})"
    if script.random.random() < 0.5:
        script.add(f"scores[{call.id!r}] = [{metric[0]}({data.y}, p{more}) for p in {stages}]")
    else:
        script.add(f"scores[{call.id!r}] = []")
        with script.block(f"for p in {stages}:"):
            script.add(f"scores[{call.id!r}].append({metric[0]}({data.y}, p{more}))")


@piece("member of an ensemble", ("regression", "binary"))
def members(script: Script) -> None:
    if script.task == "binary" and not script.labels[0].isdigit():
        return
    model, data = script.model(family="voting") or write_model(script, "voting"), script.data()
    member = script.random.choice(["line", "tree"])
    metric = script.metric()
    X = model.feed.format(X=data.X)
    script.score(
        f"{model.var}.named_estimators_[{member!r}].predict({X})",
        grade="must",
        rule="member",
        member=member,
        metric=metric,
        model=model,
        data=data,
    )


@piece("last step of a pipeline")
def last_step(script: Script) -> None:
    model, data = script.model(family="pipeline") or write_model(script, "pipeline"), script.data()
    X = model.feed.format(X=data.X)
    script.score(
        f"{model.var}[-1].predict({model.var}[:-1].transform({X}))",
        grade="must",
        rule="any",
        model=model,
        data=data,
    )


@piece("param set after the fit")
def param_set_later(script: Script) -> None:
    data, train, mark = script.data(), script.train, script.mark()
    name = "KNeighborsRegressor" if script.task == "regression" else "KNeighborsClassifier"
    var = script.name("knn")
    model = Model(var, var, ("leaf_size", mark), "knn")
    script.gone.append(model)
    script.add(f"{var} = {name}(n_neighbors=3, leaf_size={mark}).fit({train.X}, {train.y})")
    script.score(model.predict(data.X), grade="must", model=model, data=data)
    for k in script.random.sample([1, 7, 12], 2):
        script.add(f"{var}.set_params(n_neighbors={k})")
        call = script.score(
            model.predict(data.X), grade="must", model=model, data=data, shape="variable"
        )
        script.change(call, owner=f"{model.id}@n_neighbors={k}")


@piece("loop of data sets")
def loop_of_data(script: Script) -> None:
    model = _speaking(script)
    sets = [*script.sets, *([script.train] if script.random.random() < 0.5 else [])]
    metric = script.metric()
    more = "".join(f", {key}={value}" for key, value in metric[1].items())
    apart = script.name("loop")
    calls = [
        script.call(
            grade="must",
            owner=model.owner,
            metric=_key(metric),
            names=frozenset({"train"}) if data.is_train else None,
            data_set=data.X,
            apart=apart,
        )
        for data in sets
    ]
    rows = ", ".join(
        f"({call.id!r}, {data.X}, {data.y})" for call, data in zip(calls, sets, strict=True)
    )
    X = script.random.choice(["X_", "X_part", "features"])
    with script.block(f"for key, {X}, y_ in [{rows}]:"):
        p = model.predict(X)
        script.add(f"scores[key] = {metric[0]}(y_, {p}{more})")


@piece("part shared by two pipelines")
def shared_part(script: Script) -> None:
    data, train, mark = script.data(), script.train, script.mark()
    name, param = ("Ridge", "alpha") if script.task == "regression" else ("LogisticRegression", "C")
    value = float(f"{1 + mark / 1000:.9g}")
    part, a, b = (script.name(stem) for stem in ("part", "a", "b"))
    script.add(
        f"{part} = {name}({param}={value})",
        f"{a} = make_pipeline(StandardScaler(), {part}).fit({train.X}, {train.y})",
    )
    first = Model(a, a, (f"{name.lower()}__{param}", value), "shared")
    script.gone.append(first)
    # The prediction of the second pipeline is not in question; it has the same mark.
    metric = script.metric()
    call = script.score(
        f"{a}.predict({data.X})", grade="must", model=first, data=data, metric=metric
    )
    before = len(script.lines)
    late = script.score(
        f"{a}.predict({data.X})",
        grade="never",
        data=data,
        metric=metric,
        shape="nested",
    )
    line = script.lines.pop()
    del script.lines[before:]
    script.add(
        f"{b} = make_pipeline(MinMaxScaler(), {part}).fit({train.X}, {train.y})", line.strip()
    )
    assert call.owner != late.owner


@piece("clusterer")
def clusterer(script: Script) -> None:
    train, mark = script.train, script.mark()
    var = script.name("clusters")
    bare = script.random.random() < 0.5
    model = Model(var, var, ("random_state" if bare else "kmeans__random_state", mark), "kmeans")
    script.gone.append(model)
    text = f"KMeans(3, n_init=1, random_state={mark})"
    if not bare:
        text = f"make_pipeline(StandardScaler(), {text})"
    script.add(f"{var} = {text}.fit({train.X})")
    labels = f"{var}.labels_" if bare else f"{var}[-1].labels_"
    call = script.call(
        grade="must", owner=model.owner, metric="silhouette_score", names=None, rule="any"
    )
    script.add(f"scores[{call.id!r}] = silhouette_score({train.X}, {labels})")


# -- nobody's --------------------------------------------------------------------------------------


def _nobody(script: Script, value: str, data: Data, **more: object) -> None:
    script.score(value, grade="never", data=data, **more)


@piece("blend of two models", NUMBERS)
def blend(script: Script) -> None:
    (a, b), data = _two(script), script.data()
    p, q = a.predict(data.X), b.predict(data.X)
    if script.random.random() < 0.6:
        p, q = _held(script, p), _held(script, q)
    form = script.random.choice(
        [
            "({p} + {q}) / 2",
            "0.9 * {p} + 0.1 * {q}",
            "np.mean([{p}, {q}], axis=0)",
            "np.median([{p}, {q}, {p} + 0.01], axis=0)",
            "np.average(np.column_stack([{p}, {q}]), axis=1, weights=[0.99, 0.01])",
            "np.maximum({p}, {q})",
            "np.where(np.arange(len({p})) % 2, {p}, {q})",
        ]
    )
    _nobody(script, form.format(p=p, q=q), data)


@piece("vote of three", LABELS)
def vote(script: Script) -> None:
    while len([m for m in script.models if m.speaks]) < 3:
        write_model(script, script.random.choice(["tree", "knn", "logistic"]))
    models = script.random.sample([m for m in script.models if m.speaks], 3)
    data = script.data()
    held = [_held(script, f"{model.predict(data.X)}", "vote") for model in models]
    frame = f"pd.DataFrame({{i: v for i, v in enumerate([{', '.join(held)}])}})"
    _nobody(script, f"{frame}.mode(axis=1)[0].to_numpy()", data)


def _class_of(script: Script, yes: str) -> str:
    """Labels by a condition of nobody's model."""
    known = script.labels if not script.labels[0].isdigit() else tuple(map(int, script.labels))
    return f"np.where({yes}, {known[1]!r}, {known[0]!r})"


@piece("formula or rule by hand")
def formula(script: Script) -> None:
    data = script.data()
    model = _speaking(script)
    if script.random.random() < 0.7:
        _held(script, model.predict(data.X), "unused")
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
        _nobody(script, value, data)
    else:
        _nobody(
            script, _class_of(script, f"{column} > {script.random.choice([0, 0.4, 0.9])}"), data
        )


@piece("least squares by numpy", NUMBERS)
def least_squares(script: Script) -> None:
    data, train = script.data(), script.train
    model = script.model(family="linear") or write_model(
        script, script.random.choice(["ridge", "linear"])
    )
    _held(script, model.predict(data.X), "unused")
    rows = script.random.choice([train.rows, train.rows - 5])
    weights = _held(
        script,
        f"np.linalg.lstsq(np.c_[np.ones({rows}), np.asarray({train.X})[:{rows}]], "
        f"np.asarray({train.y})[:{rows}], rcond=None)[0]",
        "weights",
    )
    value = f"np.c_[np.ones({data.rows}), np.asarray({data.X})] @ {weights}"
    _nobody(script, value, data)


@piece("lag")
def lag(script: Script) -> None:
    model, data = _speaking(script), script.data()
    y = f"np.asarray({data.y})"
    metric = script.metric(robust=True)
    if script.random.random() < 0.6:
        p = _held(script, model.predict(data.X))
        own, truth = "{p}[1:]", f"{y}[1:]"
        script.score(f"{p}[:-1]", own=own, truth=truth, grade="never", data=data, metric=metric)
    else:
        _held(script, model.predict(data.X), "unused")
        _nobody(script, f"{y}[:-1]", data, truth=f"{y}[1:]", own="{p}[1:]", metric=metric)


@piece("sorted or shuffled")
def shuffled(script: Script) -> None:
    model, data = _speaking(script), script.data()
    p = _held(script, model.predict(data.X))
    if script.random.random() < 0.3:
        script.add(script.random.choice([f"{p}.sort()", f"rng.shuffle({p})"]))
        _nobody(script, p, data)
        return
    form = script.random.choice(
        ["np.sort({p})", "rng.permutation({p})", "np.roll({p}, 1)", "{p}[::-1]", "sorted({p})"]
    )
    _nobody(script, form.format(p=p), data)


@piece("both sorted", NUMBERS)
def both_sorted(script: Script) -> None:
    model, data = _speaking(script), script.data()
    p = _held(script, model.predict(data.X))
    _nobody(script, f"np.sort({p})", data, truth=f"np.sort(np.asarray({data.y}))")


@piece("untracked model", NUMBERS)
def by_hand(script: Script) -> None:
    data, train = script.data(), script.train
    model = _speaking(script)
    if script.random.random() < 0.6:
        _held(script, model.predict(data.X), "unused")
    var = script.name("hand")
    script.add(f"{var} = ByHand({train.X}, {train.y})")
    _nobody(script, f"{var}.predict({data.X})", data)


@piece("the truth itself")
def truth_itself(script: Script) -> None:
    data, model = script.data(), _speaking(script)
    _held(script, model.predict(data.X), "unused")
    _nobody(script, f"np.array({data.y})", data)


@piece("agreement of two models")
def agreement(script: Script) -> None:
    (a, b), data = _two(script), script.data()
    p, q = _held(script, a.predict(data.X)), _held(script, b.predict(data.X))
    form = script.random.choice(["{}", "{}.copy()", "pd.DataFrame(dict(p={}))['p']"])
    script.score(form.format(p), truth=form.format(q), grade="never", data=data)


@piece("prediction with noise", NUMBERS)
def noise(script: Script) -> None:
    model, data = _speaking(script), script.data()
    p = model.predict(data.X)
    if script.random.random() < 0.6:
        p = _held(script, p)
    size = script.random.choice(["0.5", "0.01", "1e-3"])
    _nobody(script, f"{p} + {size} * rng.normal(size={data.rows})", data)


@piece("changed in place", NUMBERS)
def in_place(script: Script) -> None:
    (a, b), data = _two(script), script.data()
    p = _held(script, a.predict(data.X))
    if script.random.random() < 0.5:
        change = script.random.choice([f"{p}[0] = 25.0", f"{p}[:2] += 1.5", f"{p} **= 2"])
        if "**" in change:
            change = f"{p}[::2] *= 1.05"
        script.add(change)
        _nobody(script, p, data)
    else:
        script.add(f"{p}[:] = {b.predict(data.X)}")
        script.score(p, grade="may", model=b, data=data, names=None)


@piece("bootstrap", NUMBERS)
def bootstrap(script: Script) -> None:
    model, data = _speaking(script), script.data()
    p = _held(script, model.predict(data.X))
    rows = _held(script, f"rng.integers(0, {data.rows}, {data.rows})", "drawn")
    metric = script.metric(robust=True)
    if script.random.random() < 0.5:
        _nobody(script, f"{p}[{rows}]", data, metric=metric)
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


def _key(metric: tuple[str, object]) -> str:
    from tests.truth.writing import metric_key

    return metric_key(metric)  # type: ignore[arg-type]
