"""Predict how a coffee is rated, and let the model predict in another process.

The whole workflow is one scikit-learn pipeline: altitudes that cannot be are struck out by a
transformer of our own, gaps in the numbers are filled from similar coffees, rare varieties and
countries are pooled, numbers are scaled, a random forest predicts. Nothing here logs anything, but
for the two lines that switch tracking on and open a run.

    python examples/coffee.py
"""

import subprocess
import sys
from pathlib import Path

import pandas as pd
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import RandomForestRegressor
from sklearn.impute import KNNImputer, SimpleImputer
from sklearn.metrics import mean_absolute_error, r2_score, root_mean_squared_error
from sklearn.model_selection import train_test_split
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

import autotrack

autotrack.enable()


class PlausibleAltitude(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """Strikes out altitudes that were noted in feet, or with a zero too many."""

    def __init__(self, column="altitude_mean_meters", lowest=100, highest=2500):
        self.column = column
        self.lowest = lowest
        self.highest = highest

    def fit(self, X, y=None):
        self.n_features_in_, self.feature_names_in_ = X.shape[1], X.columns.to_numpy()
        return self

    def transform(self, X):
        altitude = X[self.column]
        plausible = altitude.where(altitude.between(self.lowest, self.highest))
        return X.assign(**{self.column: plausible})


NUMBERS = ["aroma", "flavor", "aftertaste", "acidity", "sweetness", "altitude_mean_meters"]
CATEGORIES = ["variety", "processing_method", "country_of_origin"]

ratings = pd.read_csv(Path(__file__).parent / "data" / "coffee_ratings.csv")
X = ratings[CATEGORIES + NUMBERS]
y = ratings["cupper_points"]
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.2, random_state=1)

model = Pipeline(
    [
        (
            "columns",
            ColumnTransformer(
                [
                    (
                        "numbers",
                        make_pipeline(PlausibleAltitude(), StandardScaler(), KNNImputer()),
                        NUMBERS,
                    ),
                    (
                        "categories",
                        make_pipeline(
                            SimpleImputer(strategy="constant", fill_value="unknown"),
                            OneHotEncoder(min_frequency=20, handle_unknown="infrequent_if_exist"),
                        ),
                        CATEGORIES,
                    ),
                ]
            ),
        ),
        ("forest", RandomForestRegressor(n_estimators=200, min_samples_leaf=3, random_state=1)),
    ]
)

with autotrack.start_run(experiment="coffee") as run:
    model.fit(X_train, y_train)
    y_pred = model.predict(X_test)
    print(f"rmse  {root_mean_squared_error(y_test, y_pred):.3f}")
    print(f"mae   {mean_absolute_error(y_test, y_pred):.3f}")
    print(f"r2    {r2_score(y_test, y_pred):.3f}")

# Another process, which knows nothing but the address of the crate, predicts coffees with gaps
# and with a variety and a country that the model has never seen, of which it warns.
COLLEAGUE = f"""
import pandas as pd
import autotrack

coffees = pd.DataFrame({{
    "variety": ["Bourbon", None, "Moonbean"],
    "processing_method": ["Washed / Wet", "Natural / Dry", None],
    "country_of_origin": ["Guatemala", "Ethiopia", "Atlantis"],
    "aroma": [7.8, 8.2, None],
    "flavor": [7.7, 8.3, 7.5],
    "aftertaste": [7.5, 8.1, 7.4],
    "acidity": [7.6, None, 7.5],
    "sweetness": [10.0, 10.0, 9.3],
    "altitude_mean_meters": [1600.0, None, 1200.0],
}})
crate = autotrack.load_model("runs:/{run.run_id}/model")
print(crate)
print(coffees[["variety", "country_of_origin"]].assign(cupper_points=crate.predict(coffees)))
"""
subprocess.run([sys.executable, "-c", COLLEAGUE], check=True)
