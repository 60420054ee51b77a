"""Scores on the rows of training, on some of them, out of bag and out of fold."""

from __future__ import annotations

from tests.truth.pieces.common import NUMBERS, in_variable, piece, speaking_model
from tests.truth.writing import Script


@piece("training rows")
def training_rows(script: Script) -> None:
    model, train = speaking_model(script), script.train
    script.score(model.predict(train.X), grade="must", model=model, data=train)


@piece("part of the training rows")
def training_part(script: Script) -> None:
    model, train = speaking_model(script), script.train
    stop = script.random.randint(train.rows // 3, train.rows - 2)
    part = frozenset({"train_part"})
    metric = script.metric(robust=True)
    if script.random.random() < 0.5:
        p = in_variable(script, model.predict(train.X))
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
    model, train = speaking_model(script), script.train
    noisy = f"np.asarray({train.X}) + rng.normal(size=np.shape({train.X}))"
    if train.container == "frame":
        noisy = f"{train.X} + rng.normal(size={train.X}.shape)"
    names = None
    if script.random.random() < 0.5:
        noisy, names = in_variable(script, noisy, "X_noisy"), None
    script.score(model.predict(noisy), grade="must", names=names, model=model, data=train)


@piece("out of bag", NUMBERS)
def out_of_bag(script: Script) -> None:
    train, mark = script.train, script.mark()
    var = script.name("forest")
    model = script.aside(var, ("random_state", mark), "forest")
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
    name = script.class_of("KNeighbors")
    model = script.aside(f"folded{mark}", ("leaf_size", mark), "knn")
    p = in_variable(
        script, f"cross_val_predict({name}(leaf_size={mark}), {train.X}, {train.y}, cv=3)", "folds"
    )
    call = script.score(p, grade="must", rule="oof", model=model, data=train)
    script.change(call, owner=f"{model.id}/validation")
