"""Prove the coffee model, register it, serve it, and ask it for coffees that nobody has tasted.

Run ``python examples/coffee.py`` first: this takes the best of its runs.

    python examples/coffee_service.py          # --env: prove it in an environment of its own too
"""

import importlib.util
import json
import re
import subprocess
import sys
import urllib.request

import autotrack

best = autotrack.best_run("test_r2_score", experiment="coffee")
crate = best.load_model()

# In a process that has neither autotrack nor this project, the model has to say what it said here;
# with --env in a new environment, where nothing but the crate's requirements is installed.
proof = crate.verify(env="--env" in sys.argv)
print(proof)
if not proof:
    sys.exit(1)

version = autotrack.register_model(f"runs:/{best.run_id}/model", "coffee")
autotrack.set_alias("coffee", "champion", version.version)
print(f"registered as {version.uri}, which is the champion now")

COFFEES = [
    {
        "variety": variety,
        "processing_method": "Washed / Wet",
        "country_of_origin": country,
        "aroma": aroma,
        "flavor": 7.7,
        "aftertaste": 7.5,
        "acidity": 7.6,
        "sweetness": 10.0,
        "altitude_mean_meters": altitude,
    }
    for variety, country, aroma, altitude in [
        ("Bourbon", "Guatemala", 7.8, 1600),
        ("Bourbon", "Guatemala", None, 1600),
        ("Caturra", "Colombia", 7.5, None),
        (None, "Ethiopia", 8.2, 1900),
        (None, None, None, None),
        ("Moonbean", "Guatemala", 7.8, 1600),
        ("Moonbean", "Atlantis", 7.8, -400),
        ("Gesha", "Panama", 8.5, 1700),
        ("Typica", "Mexico", 7.2, 1100),
        ("Other", "Brazil", 7.4, 160000),
    ]
]

command = [sys.executable, "-m", "autotrack", "serve", "models:/coffee@champion", "--port", "0"]
with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
    try:
        lines = iter(server.stdout.readline, "")
        address = next(found[0] for line in lines if (found := re.search(r"http://\S+", line)))
        request = urllib.request.Request(
            address,
            data=json.dumps({"rows": COFFEES}).encode(),
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=30) as response:
            points = json.load(response)["predictions"]
    finally:
        server.terminate()

print(f"asked {address} for {len(COFFEES)} coffees:")
for coffee, each in zip(COFFEES, points, strict=True):
    print(f"  {coffee['variety'] or '-':<10} {coffee['country_of_origin'] or '-':<10} {each:.2f}")

# The same folder is an MLflow model, if you have colleagues who use that.
if importlib.util.find_spec("mlflow"):
    import mlflow.pyfunc
    import numpy as np
    import pandas as pd

    folder = autotrack.download_artifact(best.run_id, "model")
    theirs = mlflow.pyfunc.load_model(str(folder)).predict(pd.DataFrame(COFFEES))
    np.testing.assert_allclose(theirs, points)
    print("MLflow predicts the same")
