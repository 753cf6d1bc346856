"""The best network so far, which is kept where training may stop early."""

from collections.abc import Mapping

import keras

from capsule_inspect.runs.history import read_scores
from capsule_inspect.runs.run_folder import RunFolder
from capsule_inspect.runs.score import score
from capsule_inspect.training.network_file import save_network


def save_best(network: keras.Model, metrics: Mapping[str, float], run: RunFolder) -> None:
    """Saves a network, without its optimizer, if it is better than all before it.

    It goes by history.csv, so that a resumed run knows the best before it.

    Args:
        network: With the weights that were validated.
        metrics: What the validation measured, by name; its row is not in history.csv yet.
        run: Where history.csv is, and the network goes.
    """
    if score(metrics) > max(read_scores(run.history), default=-1.0):
        save_network(network, run.best, compiled=False)
