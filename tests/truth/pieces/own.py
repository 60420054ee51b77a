"""Scores of a model's own prediction: the very array, a copy, a view, by a scorer or in a loop."""

from __future__ import annotations

from dataclasses import replace

from tests.truth.material import write_model
from tests.truth.pieces.common import (
    LABELS,
    NUMBERS,
    has_twin,
    in_variable,
    piece,
    prediction_in_variable,
    score_derived,
    some_prediction,
    speaking_model,
)
from tests.truth.writing import Script, options_of


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
    known = some_prediction(script)[:3]
    # A copy whose way is hidden may be of any model that predicts the same.
    grade = "derived" if has_twin(script, known[0]) else "must"
    score_derived(script, own, grade=grade, held=known)


@piece("copy of labels", LABELS)
def label_copies(script: Script) -> None:
    own = script.random.choice(["{p}.copy()", "list({p})", "{p}.tolist()", "pd.Series({p}).values"])
    score_derived(script, own)


@piece("view")
def views(script: Script) -> None:
    model, data, p, _ = some_prediction(script)
    if data.rows >= 8 and data.container != "list":
        stop = script.random.randint(data.rows // 2, data.rows - 1)
        script.score(
            f"{p}[:{stop}]",
            own=f"{{p}}[:{stop}]",
            # The rows of what nobody keeps are known only where the program shows them.
            grade="must" if script.tells == "number" and p.isidentifier() else "derived",
            truth=f"{data.y}[:{stop}]",
            metric=script.metric(robust=True),
            model=model,
            data=data,
        )
    else:
        # Of labels that nobody keeps, and whose way is hidden, nothing shows whose they are.
        certain = script.tells == "number" or p.isidentifier()
        script.score(
            f"{p}[:]",
            own="{p}[:]",
            grade="must" if certain else "derived",
            model=model,
            data=data,
        )


@piece("score method or scorer")
def scorers(script: Script) -> None:
    model, data = script.model() or write_model(script), script.data()
    number = script.task == "regression"
    name, function, sign = script.random.choice(
        [("", "", 1), ("r2", "r2_score", 1), ("neg_mean_squared_error", "mean_squared_error", -1)]
        if number
        else [("", "", 1), ("accuracy", "accuracy_score", 1), ("f1_macro", "f1_score_macro", 1)]
    )
    known = (function or "score", {})
    call = script.expect(known, model, data, grade="must", sign=sign)
    X = model.feed.format(X=data.X)
    if name:
        script.add(f"scores[{call.id!r}] = get_scorer({name!r})({model.var}, {X}, {data.y})")
    else:
        script.add(f"scores[{call.id!r}] = {model.var}.score({X}, {data.y})")


@piece("evaluate(model, X, y)")
def evaluates(script: Script) -> None:
    model, data = script.model() or write_model(script), script.data()
    metric = script.metric()
    more = options_of(metric)
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
    model, data, p = prediction_in_variable(script)
    script.add(f"del {model.var}")
    script.models.remove(model)
    script.gone.append(model)
    script.score(p, grade="must", model=model, data=data)


@piece("refitted model")
def refitted(script: Script) -> None:
    model, data = speaking_model(script), script.data()
    if model.feed != "{X}":
        model = write_model(script, "tree")
    if model.feed != "{X}":
        return
    train = script.train
    old = in_variable(script, model.predict(data.X), "old")
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
    model, data, p = prediction_in_variable(script)
    script.score(data.y, truth=p, grade="may", model=model, data=data, own=data.y)


@piece("frame of many predictions", NUMBERS)
def frame_of_many(script: Script) -> None:
    data, pick = script.data(), script.random
    count = pick.choice([2, 3, 5, 8, 20, 40, 60])
    held, frame, train = script.name("many"), script.name("P"), script.train
    alphas = [0.05 * (i + 1) + script.mark() / 10**5 for i in range(count)]
    alphas = [float(f"{alpha:.9g}") for alpha in alphas]
    several = [
        script.aside(f"{held}[{i}]", ("alpha", alpha), "ridge") for i, alpha in enumerate(alphas)
    ]
    script.add(
        f"{held} = [Ridge(alpha=a).fit({train.X}, {train.y}) for a in {alphas}]",
        f"{frame} = pd.DataFrame({{f'm{{i}}': m.predict({data.X}) for i, m in enumerate({held})}})",
    )
    metric = script.metric(robust=True)
    calls = [script.expect(metric, model, data, grade="must") for model in several]
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
    family = script.class_of("KNeighbors")
    leaves = [script.mark() for _ in range(count)]
    metric = script.metric()
    more = options_of(metric)
    calls = []
    for leaf in leaves:
        model = script.aside(f"leaf{leaf}", ("leaf_size", leaf), "knn")
        calls.append(script.expect(metric, model, data, grade="must"))
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


@piece("loop of data sets")
def loop_of_data(script: Script) -> None:
    model = speaking_model(script)
    sets = [*script.sets, *([script.train] if script.random.random() < 0.5 else [])]
    metric = script.metric()
    more = options_of(metric)
    apart = script.name("loop")
    calls = [
        script.expect(
            metric,
            model,
            data,
            grade="must",
            names=data.names if data.is_train else None,
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


@piece("predictions that come together")
def together(script: Script) -> None:
    """A helper gives what one model predicts for two data sets; each is scored with its truth."""
    model = script.model(speaks=True, feed="{X}") or write_model(script, "knn")
    if model.feed != "{X}":
        return
    helper, kept = script.name("both"), script.name("kept")
    first, second = script.random.sample([script.train, *script.sets], 2)
    each = script.random.choice(["{p}", "{p}.tolist()", "{p}.copy()", "list({p})"])
    if script.random.random() < 0.3:
        each = "np.round({p}, 1)" if script.task == "regression" else "pd.Series({p})"
    p, q = (each.format(p=f"model.predict({X})") for X in ("X1", "X2"))
    named = script.random.choice([True, False, False])
    with script.block(f"def {helper}(model, X1, X2):"):
        made = f"{{'one': {p}, 'two': {q}}}" if named else f"{p}, {q}"
        if script.random.random() < 0.5:
            script.add(f"made = {made}", "return made")
        else:
            script.add(f"return {made}")
    call = f"{helper}({model.var}, {first.X}, {second.X})"
    if script.random.random() < 0.4:
        script.add(f"{kept} = [{p.replace('X1', first.X)}, {q.replace('X2', second.X)}]")
        script.lines[-1] = script.lines[-1].replace("model.", f"{model.var}.")
        values = [f"{kept}[0]", f"{kept}[1]"]
    elif named:
        script.add(f"{kept} = {call}")
        values = [f"{kept}['one']", f"{kept}['two']"]
    elif script.random.random() < 0.5:
        values = [f"{kept}_one", f"{kept}_two"]
        script.add(f"{', '.join(values)} = {call}")
    else:
        script.add(f"{kept} = {call}")
        values = [f"{kept}[0]", f"{kept}[1]"]
    for value, data, X in zip(values, (first, second), ("X1", "X2"), strict=True):
        names = model.names(data)
        if not data.is_train:
            # The helper has a name for it too, which is all there is of a list.
            names = (data.names or frozenset()) | (data.temporary or frozenset()) | {"test", X}
        script.score(value, own=each, grade="derived", names=names, model=model, data=data)
