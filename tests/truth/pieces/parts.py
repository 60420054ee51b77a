"""Scores of stages, members and steps, and of models that are changed or shared later."""

from __future__ import annotations

from tests.truth.material import write_model
from tests.truth.pieces.common import piece
from tests.truth.writing import Script, options_of


@piece("staged")
def staged(script: Script) -> None:
    data, train, mark = script.data(), script.train, script.mark()
    name = script.class_of("GradientBoosting")
    var, metric = script.name("boosting"), script.metric()
    more = options_of(metric)
    model = script.aside(var, ("random_state", mark), "boosting")
    script.add(
        f"{var} = {name}(n_estimators=5, max_depth=2, random_state={mark})"
        f".fit({train.X}, {train.y})"
    )
    call = script.expect(metric, model, data, grade="must", rule="staged")
    stages = f"{var}.staged_predict({data.X})"
    if script.random.random() < 0.5:
        script.add(f"scores[{call.id!r}] = [{metric[0]}({data.y}, p{more}) for p in {stages}]")
    else:
        script.add(f"scores[{call.id!r}] = []")
        with script.block(f"for p in {stages}:"):
            script.add(f"scores[{call.id!r}].append({metric[0]}({data.y}, p{more}))")


@piece("member of an ensemble", ("regression", "binary"))
def members(script: Script) -> None:
    if not script.has_numbers:
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
    name = script.class_of("KNeighbors")
    var = script.name("knn")
    model = script.aside(var, ("leaf_size", mark), "knn")
    script.add(f"{var} = {name}(n_neighbors=3, leaf_size={mark}).fit({train.X}, {train.y})")
    script.score(model.predict(data.X), grade="must", model=model, data=data)
    for k in script.random.sample([1, 7, 12], 2):
        script.add(f"{var}.set_params(n_neighbors={k})")
        call = script.score(
            model.predict(data.X), grade="must", model=model, data=data, shape="variable"
        )
        script.change(call, owner=f"{model.id}@n_neighbors={k}")


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
    first = script.aside(a, (f"{name.lower()}__{param}", value), "shared")
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
    model = script.aside(var, ("random_state" if bare else "kmeans__random_state", mark), "kmeans")
    text = f"KMeans(3, n_init=1, random_state={mark})"
    if not bare:
        text = f"make_pipeline(StandardScaler(), {text})"
    script.add(f"{var} = {text}.fit({train.X})")
    labels = f"{var}.labels_" if bare else f"{var}[-1].labels_"
    call = script.call(
        grade="must", owner=model.owner, metric="silhouette_score", names=None, rule="any"
    )
    script.add(f"scores[{call.id!r}] = silhouette_score({train.X}, {labels})")
