"""The items of the REFORMS checklist, and which of them a record answers."""

from __future__ import annotations

from collections.abc import Mapping

#: What each item asks for, in short. The wording, with guidelines, is the paper's.
ITEMS: Mapping[str, str] = {
    "1a": "the population or distribution the claim is about",
    "1b": "why this population was chosen",
    "1c": "why machine learning is used",
    "2a": "the data, uniquely identified",
    "2b": "the code, uniquely identified",
    "2c": "the computing infrastructure",
    "2d": "a README with instructions",
    "2e": "a script that reproduces the results",
    "3a": "the sources of the data",
    "3b": "what the data was sampled from",
    "3c": "why the data is useful for the task",
    "3d": "the outcome variable and its statistics",
    "3e": "the number of samples",
    "3f": "missing data",
    "3g": "whether the data is representative",
    "4a": "what data was left out, and why",
    "4b": "impossible or corrupt samples",
    "4c": "transformations of the data",
    "5a": "the models, in detail",
    "5b": "why these kinds of models",
    "5c": "how they were evaluated",
    "5d": "how models were selected",
    "5e": "how hyperparameters were selected",
    "5f": "comparison with suitable baselines",
    "6a": "preprocessing and training kept apart from the evaluation data",
    "6b": "dependencies or duplicates between training and evaluation data",
    "6c": "whether each input is legitimate for the task",
    "7a": "the metrics, and why these",
    "7b": "the uncertainty of the scores",
    "7c": "statistical tests",
    "8a": "evidence of validity elsewhere",
    "8b": "where the findings are not expected to hold",
}
