"""How good probabilities of classes are: scikit-learn's figures, and how sure each of them is.

``truths`` (photos,) are class numbers, ``probabilities`` (photos, classes). Balanced accuracy is the mean recall of the
classes that there are photos of (Brodersen et al., "The Balanced Accuracy and Its Posterior Distribution", 2010);
macro F1 the mean over the classes that are the truth or the answer of a photo; top-5 counts a photo as right whose
class is among the five most probable; log loss is the mean of -ln of the probability of the truth.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from thirtyfold.model.metrics.reliability import reliability

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

TOP = 5
# A probability of 0 for the truth would make any mean infinite.
_SMALLEST = 1e-7


def class_figures(
    truths: NDArray[np.int64], probabilities: NDArray[np.float32], classes: Sequence[str]
) -> dict[str, Any]:
    """Plain values for ``model.json``; ``report`` is scikit-learn's ``classification_report`` by class."""
    import numpy as np
    from sklearn.metrics import classification_report, confusion_matrix

    answers = probabilities.argmax(axis=1)
    numbers = list(range(len(classes)))
    report = classification_report(
        truths, answers, labels=numbers, target_names=list(classes), output_dict=True, zero_division=0
    )
    calibration = reliability(probabilities.max(axis=1).astype("float64"), answers == truths)
    # Every photo once.
    means = drawn_figures(np.ones((1, len(truths))), truths, probabilities)
    return {
        "photos": len(truths),
        **{name: round(float(values[0]), 6) for name, values in means.items()},
        "calibration_error": None if calibration.error is None else round(calibration.error, 6),
        "report": {str(name): _plain(row) for name, row in report.items()},
        "confusion": {
            "labels": list(classes),
            "counts": confusion_matrix(truths, answers, labels=numbers).tolist(),
        },
        "reliability": calibration.to_dict(),
    }


def report_text(truths: NDArray[np.int64], probabilities: NDArray[np.float32], classes: Sequence[str]) -> str:
    """scikit-learn's ``classification_report``, as it prints it."""
    from sklearn.metrics import classification_report

    text: str = classification_report(
        truths, probabilities.argmax(axis=1), labels=list(range(len(classes))), target_names=list(classes),
        digits=3, zero_division=0,
    )  # fmt: skip
    return text


def drawn_figures(
    weights: NDArray[np.float64], truths: NDArray[np.int64], probabilities: NDArray[np.float32]
) -> dict[str, NDArray[np.float64]]:
    """The figures (draws,) where each photo counts ``weights`` (draws, photos) times."""
    import numpy as np

    count = probabilities.shape[1]
    answers = probabilities.argmax(axis=1)
    truth = np.eye(count)[truths]  # (photos, classes)
    answer = np.eye(count)[answers]
    right = answers == truths
    photos = weights.sum(axis=1)
    support, predicted = weights @ truth, weights @ answer  # (draws, classes)
    hits = weights @ (truth * right[:, None])
    with np.errstate(divide="ignore", invalid="ignore"):
        recalls = np.where(support > 0, hits / support, np.nan)
        f1 = np.where(support + predicted > 0, 2 * hits / (support + predicted), np.nan)
    drawn = {
        "accuracy": weights @ right / photos,
        "balanced_accuracy": _mean_of_known(recalls),
        "macro_f1": _mean_of_known(f1),
        "log_loss": weights @ losses(truths, probabilities) / photos,
    }
    if count > TOP:
        drawn["top5_accuracy"] = weights @ _in_top(truths, probabilities) / photos
    return drawn


def _in_top(truths: NDArray[np.int64], probabilities: NDArray[np.float32]) -> NDArray[np.float64]:
    """1 for each photo whose class is among the five most probable, else 0."""
    import numpy as np

    best = np.argsort(-probabilities, axis=1, kind="stable")[:, :TOP]
    return np.asarray((best == truths[:, None]).any(axis=1), np.float64)


def losses(truths: NDArray[np.int64], probabilities: NDArray[np.float32]) -> NDArray[np.float64]:
    """-ln of the probability of each photo's class."""
    import numpy as np

    of_truth = probabilities[np.arange(len(truths)), truths].astype(np.float64)
    return np.asarray(-np.log(np.clip(of_truth, _SMALLEST, 1.0)))


def confusions(figures: Mapping[str, Any], most: int) -> list[tuple[str, str, int]]:
    """(truth, answer, photos) of what was taken for something else, most often first."""
    labels, counts = figures["confusion"]["labels"], figures["confusion"]["counts"]
    found = [
        (labels[truth], labels[answer], count)
        for truth, row in enumerate(counts)
        for answer, count in enumerate(row)
        if truth != answer and count
    ]
    return sorted(found, key=lambda item: -item[2])[:most]


def _mean_of_known(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The mean of each row over what is a number; every row has one."""
    import numpy as np

    return np.asarray(np.nanmean(values, axis=1))


def _plain(row: Any) -> Any:
    if isinstance(row, Mapping):
        return {str(key): int(value) if key == "support" else round(float(value), 6) for key, value in row.items()}
    return round(float(row), 6)
