"""Scores of one model's predictions that went through a frame or a series in the open."""

from __future__ import annotations

from tests.truth.pieces.common import (
    BINARY,
    LABELS,
    NUMBERS,
    in_variable,
    model_with_proba,
    piece,
    several_models,
    speaking_model,
)
from tests.truth.writing import Data, Model, Script

#: Frames in which `{p}` is the column p, perhaps beside the truth and other models' predictions.
_FRAMES = (
    "pd.DataFrame({{'p': {p}}})",
    "pd.DataFrame({{'y': np.asarray({y}), 'p': {p}}})",
    "pd.DataFrame(dict(p={p}, y=np.asarray({y})))",
    "pd.DataFrame({{'p': {p}, 'other': {q}}})",
    "pd.DataFrame({{'other': {q}, 'p': {p}, 'y': np.asarray({y})}})",
    "pd.DataFrame({{'y': np.asarray({y})}}).assign(p={p})",
    "pd.DataFrame({{'p': {p}}}, index=range(7, 7 + len({p})))",
)
_COLUMN = (
    "{f}['p']",
    "{f}['p']",
    "{f}.p",
    "{f}['p'].to_numpy()",
    "{f}['p'].values",
    "{f}.loc[:, 'p']",
    "{f}['p'].copy()",
)
#: The only column of a frame that is made of one prediction.
_ALONE = (
    "pd.DataFrame({{'a': {p}}}).mean(axis=1)",
    "pd.DataFrame({{'a': {p}}}).max(axis=1)",
    "pd.DataFrame({{'a': {p}}}).to_numpy().ravel()",
    "pd.DataFrame({{'a': {p}}}).to_numpy()[:, 0]",
    "pd.DataFrame({{'a': {p}}}).iloc[:, 0]",
    "pd.DataFrame({{'a': {p}}})[['a']].mean(axis=1)",
    "pd.Series({p})",
    "pd.Series({p}).to_numpy()",
    "np.mean([{p}], axis=0)",
    "np.column_stack([{p}]).mean(axis=1)",
)


def _frame(script: Script, p: str, q: str, data: Data) -> str:
    if script.random.random() < 0.25:
        frame = in_variable(script, f"pd.DataFrame({{'y': np.asarray({data.y})}})", "frame")
        script.add(f"{frame}['p'] = {p}")
        return frame
    made = script.random.choice(_FRAMES).format(p=p, q=q, y=data.y)
    return in_variable(script, made, "frame")


def _column_of_a_prediction(script: Script) -> tuple[Model, Data, str]:
    """A column with what a model predicts, perhaps beside one with what another predicts."""
    model, other, *_ = several_models(script)
    data = script.data()
    p, q = model.predict(data.X), other.predict(data.X)
    if script.random.random() < 0.5:
        p = in_variable(script, p)
    return model, data, script.random.choice(_COLUMN).format(f=_frame(script, p, q, data))


def _cut(script: Script, yes: object, no: object, limit: float) -> str:
    """Labels by a threshold of an expression `{c}`."""
    forms = [
        f"np.where({{c}} > {limit}, {yes!r}, {no!r})",
        f"({{c}} > {limit}).astype(int)",
        f"({{c}} >= {limit}) * 1",
        f"np.array([int(v > {limit}) for v in {{c}}])",
        f"[{yes!r} if v > {limit} else {no!r} for v in {{c}}]",
        f"pd.Series({{c}}).apply(lambda v: int(v > {limit}))",
        f"pd.Series({{c}}).apply(lambda v: {yes!r} if v > {limit} else {no!r})",
        f"pd.Series({{c}}).gt({limit}).astype(int)",
        f"pd.Series({{c}}).gt({limit}).map({{True: {yes!r}, False: {no!r}}})",
    ]
    if (yes, no) != (1, 0):
        forms = [form for form in forms if f"{yes!r}" in form]
    return script.random.choice(forms)


def _around(form: str, inner: str) -> str:
    """A form with something in the place of `{c}`, to be filled in by ``str.format``."""
    return form.replace("{", "{{").replace("}", "}}").replace("{{c}}", inner)


@piece("column of a frame", NUMBERS)
def number_column(script: Script) -> None:
    model, data, column = _column_of_a_prediction(script)
    after = script.random.choice(["{c}", "{c}.round(1)", "np.round({c}, 2)", "{c}.clip(19, 21)"])
    if script.random.random() < 0.4:
        after = _cut(script, 1, 0, 20)
        truth = f"(np.asarray({data.y}) > 20).astype(int)"
        more = {"truth": truth, "metric": ("accuracy_score", {})}
    else:
        more = {}
    own = _around(after, "pd.Series({p})")
    value = _around(after, "{p}").format(p=column)
    script.score(value, own=own, grade="derived", model=model, data=data, **more)


@piece("column cut at a probability", BINARY)
def proba_column(script: Script) -> None:
    model, data = model_with_proba(script), script.data()
    other = several_models(script, proba=True)[0]
    p = f"{model.predict(data.X, 'predict_proba')}[:, 1]"
    q = f"{other.predict(data.X, 'predict_proba')}[:, 1]"
    if script.random.random() < 0.5:
        p = in_variable(script, p)
    if script.random.random() < 0.6:
        column = script.random.choice(_COLUMN).format(f=_frame(script, p, q, data))
    else:
        column = script.random.choice(_ALONE).format(p=p)
    no, yes = script.classes
    after = _cut(script, yes, no, round(script.random.uniform(0.2, 0.8), 2))
    if script.random.random() < 0.25:
        kept = in_variable(script, f"pd.DataFrame({{'y': np.asarray({data.y}), 'c': {column}}})")
        script.add(f"{kept}['cut'] = {_around(after, '{p}').format(p=kept + '.c')}")
        value = f"{kept}['cut']"
    else:
        value = _around(after, "{p}").format(p=column)
    own = _around(after, "pd.Series({p}[:, 1])")
    script.score(value, own=own, method="predict_proba", grade="derived", model=model, data=data)


@piece("labels in a frame", LABELS)
def label_column(script: Script) -> None:
    model, data, column = _column_of_a_prediction(script)
    if script.random.random() < 0.5:
        script.score(column, own="{p}", grade="derived", model=model, data=data)
        return
    table = {label: f"class {i}" for i, label in enumerate(script.classes)}
    mapped = in_variable(script, repr(table), "mapped")
    own = script.random.choice([f"pd.Series({{p}}).map({mapped})", f"[{mapped}[v] for v in {{p}}]"])
    truth = f"[{mapped}[v] for v in {data.y}]"
    value = own.replace("{p}", column)
    script.score(value, own=own, truth=truth, grade="derived", model=model, data=data)


@piece("frame of one prediction", NUMBERS)
def alone(script: Script) -> None:
    model, data = speaking_model(script), script.data()
    p = model.predict(data.X)
    if script.random.random() < 0.5:
        p = in_variable(script, p)
    own = script.random.choice(_ALONE)
    more = {}
    if script.random.random() < 0.5:
        own = _around(_cut(script, 1, 0, 20), own)
        truth = f"(np.asarray({data.y}) > 20).astype(int)"
        more = {"truth": truth, "metric": ("accuracy_score", {})}
    script.score(own.format(p=p), own=own, grade="derived", model=model, data=data, **more)


@piece("rows of a frame")
def rows_of_frame(script: Script) -> None:
    model, data = speaking_model(script), script.data()
    p = model.predict(data.X)
    if script.random.random() < 0.5:
        p = in_variable(script, p)
    made = (
        f"pd.DataFrame({{'y': np.asarray({data.y}), 'p': {p}, 'half': np.arange({data.rows}) % 2}})"
    )
    frame = in_variable(script, made, "frame")
    mask = script.random.choice([f"{frame}['half'] == 1", f"{frame}.half > 0"])
    if script.random.random() < 0.5:
        mask = in_variable(script, mask, "mask")
    value, truth = script.random.choice(
        [
            (f"{frame}.loc[{mask}, 'p']", f"{frame}.loc[{mask}, 'y']"),
            (f"{frame}[{mask}]['p']", f"{frame}[{mask}]['y']"),
            (f"{frame}['p'][{mask}]", f"{frame}['y'][{mask}]"),
            (f"{frame}.loc[{mask}]['p']", f"{frame}.loc[{mask}]['y']"),
            (f"{frame}.loc[{mask}, 'p'].to_numpy()", f"{frame}.loc[{mask}, 'y'].to_numpy()"),
        ]
    )
    script.score(
        value,
        truth=truth,
        own=f"{{p}}[np.arange({data.rows}) // 2 % 2 == 1]",
        grade="derived",
        metric=script.metric(robust=True),
        model=model,
        data=data,
    )
