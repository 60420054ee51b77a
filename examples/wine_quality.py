"""The elastic net on wine quality, its two inputs from the command line.

autotrack run examples/wine_quality.py -P alpha=0.1 -P l1_ratio=0.9
python examples/wine_quality.py
"""

from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import pandas as pd
from sklearn.linear_model import ElasticNet
from sklearn.metrics import mean_absolute_error, r2_score, root_mean_squared_error
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import autotrack

autotrack.enable()

alpha = autotrack.param("alpha", 0.05)
l1_ratio = autotrack.param("l1_ratio", 0.5)

wine = pd.read_csv(Path(__file__).parent / "data" / "wine_quality_white.csv")
# A quarter of the wines stand in the table more than once: no row is to be on both sides.
wine = wine.drop_duplicates(subset=wine.columns.drop("quality"))
X, y = wine.drop(columns="quality"), wine["quality"]
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.25, random_state=40)

with autotrack.start_run(experiment="wine quality") as run:
    model = make_pipeline(StandardScaler(), ElasticNet(alpha=alpha, l1_ratio=l1_ratio))
    model.fit(X_train, y_train)
    predicted = model.predict(X_test)
    print(f"ElasticNet(alpha={alpha}, l1_ratio={l1_ratio})")
    print(f"  rmse  {root_mean_squared_error(y_test, predicted):.3f}")
    print(f"  mae   {mean_absolute_error(y_test, predicted):.3f}")
    print(f"  r2    {r2_score(y_test, predicted):.3f}")

    weights = pd.Series(model[-1].coef_, index=X.columns).sort_values()
    figure, axes = plt.subplots(figsize=(6, 4), layout="constrained")
    axes.barh(weights.index, weights)
    axes.set(title="What moves the rating", xlabel="change for one standard deviation")
    autotrack.log_figure(figure, "weights.png")
