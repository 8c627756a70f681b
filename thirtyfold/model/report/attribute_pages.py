"""What a report shows of attributes: figures, tables by group, answers over truths, photos."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from thirtyfold.datasets.pixels import read_pixels
from thirtyfold.errors import FileDataError
from thirtyfold.model.metrics.attributes import SMALLEST_GROUP, HeadAnswers
from thirtyfold.model.report.page import Big, Gallery, Plot, Table, bounds_text
from thirtyfold.model.report.plots import confusion_png, scatter_png
from thirtyfold.model.report.tiles import MOST_TILES, Tile, fitted
from thirtyfold.predict.attribute_heads import short_number
from thirtyfold.sample import Sample

if TYPE_CHECKING:
    from numpy.typing import NDArray

_RANDOM_TILES = 12
_SEED = 30
_FEW = f"A group of fewer than {SMALLEST_GROUP} photos says little, whatever its interval."


def bigs(figures: Mapping[str, Any]) -> list[Big]:
    """A large figure a head."""
    found = []
    for name, its in figures["heads"].items():
        if "accuracy" in its:
            below = _interval(its, "accuracy", ".3f")
            found.append(Big(value=f"{its['accuracy']:.3f}", title=f"{name} accuracy", below=below))
        elif "mae" in its:
            below = _interval(its, "mae", ".2f")
            unit = f", {its['unit']}" if its["unit"] else ""
            found.append(Big(value=f"{its['mae']:.2f}", title=f"{name} MAE{unit}", below=below))
    return found


def tables(figures: Mapping[str, Any], name: str) -> list[Table]:
    """Every head beside an answer that looks at nothing, then each head by its own values and in every group."""
    heads: Mapping[str, Mapping[str, Any]] = figures["heads"]
    found = [_of_heads(heads, name)]
    found += [_by_class(head, its, name) for head, its in heads.items() if "accuracy" in its]
    found += [_by_value(head, its, name) for head, its in heads.items() if "mae" in its]
    return [*found, *(_by_group(group, name) for group in figures["groups"])]


def scatter_plots(figures: Mapping[str, Any], heads: Sequence[HeadAnswers], name: str) -> list[Plot]:
    """Answers over truths, a plot a number, in colours of the first head that chooses."""
    colours = next((one for one in heads if one.head.classes), None)
    plots = []
    for number, one in enumerate(heads):
        if one.head.classes or not one.known.any():
            continue
        groups: list[tuple[str, NDArray[np.bool_]]] = [("", one.known)]
        if colours is not None:
            groups = [
                (value, one.known & (colours.truths == place)) for place, value in enumerate(colours.head.classes)
            ]
            groups.append((f"{colours.head.name} not known", one.known & ~colours.known))
        points = {group: (one.truths[of], one.answers[of]) for group, of in groups if of.any()}
        mean = figures["heads"][one.head.name].get("train_mean")
        plots.append(
            Plot(
                name=f"scatter-{number}",
                title=f"{one.head.name}: answers over truths",
                caption=f"{name}: on the diagonal the answer is right. The dotted line is the mean of the training "
                "photos, which a model that knows nothing would always say.",
                png=scatter_png(points, one.head.name, one.head.unit, mean),
            )
        )
    return plots


def confusion_plots(figures: Mapping[str, Any], name: str) -> list[Plot]:
    """What was taken for what, a plot a head that chooses."""
    return [
        Plot(
            name=f"confusion-{number}",
            title=f"{head}: what was taken for what",
            caption=f"{name}: truth down, answer across.",
            png=confusion_png(its["confusion"]["labels"], its["confusion"]["counts"], nothing=False),
        )
        for number, (head, its) in enumerate(figures["heads"].items())
        if "confusion" in its
    ]


def galleries(
    samples: Sequence[Sample], heads: Sequence[HeadAnswers], qualities: NDArray[np.float64], name: str
) -> list[Gallery]:
    """The worst photos by their quality, and some by chance."""
    known = np.nonzero(~np.isnan(qualities))[0]
    if not len(known):
        return []
    worst = known[np.argsort(qualities[known], kind="stable")][:MOST_TILES]
    chosen = np.random.default_rng(_SEED).permutation(known)[:_RANDOM_TILES]
    return [
        Gallery(name="worst", title=f"The worst of {name}, worst first", tiles=_tiles(samples, heads, worst)),
        Gallery(name="random", title=f"Photos by chance, of {name}", tiles=_tiles(samples, heads, chosen)),
    ]


def _of_heads(heads: Mapping[str, Mapping[str, Any]], name: str) -> Table:
    rows = []
    for head, its in heads.items():
        if "accuracy" in its:
            row = (
                f"accuracy {_with_interval(its, 'accuracy', '.3f')}",
                f"balanced accuracy {_with_interval(its, 'balanced_accuracy', '.3f')}",
                f"{its['most_frequent']:.3f}\nalways the most frequent",
            )
        elif "mae" in its:
            near = f"within 5 years {_with_interval(its, 'within_5', '.0%')}" if "within_5" in its else ""
            row = (
                f"MAE {_with_interval(its, 'mae', '.2f', its['unit'])}",
                near,
                f"{its['mae_of_mean']:.2f}\nalways the mean" if "mae_of_mean" in its else "–",
            )
        else:
            row = ("–", "", "–")
        rows.append((head, str(its["photos"]), *row))
    note = (
        "MAE: the mean of how far an answer is off, whichever way. The last column is what an answer reaches that "
        "looks at no photo: the class that is most frequent here, or the mean of the training photos. In small: 95 % "
        "intervals. Quality, above, is the mean over what is known of a photo: 1 for the right class, and for a number "
        "1 less its error in spreads (standard deviations) of the training photos, 0 at least."
    )
    columns = ("head", "photos", "", "", "without looking")
    return Table(title=f"By head: {name}", columns=columns, rows=rows, note=note)


def _by_class(head: str, its: Mapping[str, Any], name: str) -> Table:
    rows = [
        (value, *(f"{its['report'][value][key]:.3f}" for key in ("precision", "recall", "f1-score")),
         str(its["report"][value]["support"]))
        for value in its["confusion"]["labels"]
    ]  # fmt: skip
    note = (
        "Precision: the share of right ones among the answers of a class. Recall: the share of its photos that were "
        "answered with it."
    )
    return Table(
        title=f"{head} by class: {name}", columns=("", "precision", "recall", "F1", "photos"), rows=rows, note=note
    )


def _by_value(head: str, its: Mapping[str, Any], name: str) -> Table:
    rows = [
        (row["group"], str(row["photos"]), f"{row['mae']:.2f}" + _below(row["interval"], ".2f"), f"{row['bias']:+.2f}")
        for row in its["by_value"]
    ]
    unit = f", {its['unit']}" if its["unit"] else ""
    note = f"Bias: answer less truth in the mean; above 0 the answers are too high. {_FEW}"
    if len(rows) > 1 and rows[0][3].startswith("+") and rows[-1][3].startswith("-"):
        note += " Too high where the truth is low, too low where it is high: what is unsure is drawn towards the mean."
    return Table(
        title=f"{head} {'by decade' if unit else 'by its value'}: {name}",
        columns=(head, "photos", f"MAE{unit}", f"bias{unit}"),
        rows=rows,
        note=note,
    )


def _by_group(group: Mapping[str, Any], name: str) -> Table:
    is_share = group["name"] == "accuracy"
    form = ".3f" if is_share else ".2f"
    unit = f", {group['unit']}" if group["unit"] else ""
    rows = [
        (
            row["group"],
            str(row["photos"]),
            format(row["figure"], form) + _below(row["interval"], form),
            *(() if is_share else (f"{row['bias']:+.2f}",)),
        )
        for row in group["groups"]
    ]
    said = group["said"]
    return Table(
        title=f"{group['of']} by {group['by']}: {name}",
        columns=(group["by"], "photos", f"{group['name']}{unit}", *(() if is_share else (f"bias{unit}",))),
        rows=rows,
        note=f"{said[0].upper()}{said[1:]}. {_FEW}",
    )


def _tiles(samples: Sequence[Sample], heads: Sequence[HeadAnswers], indexes: NDArray[np.intp]) -> list[Tile]:
    tiles = []
    for index in indexes:
        sample = samples[index]
        try:
            pixels = fitted(read_pixels(sample))
        except FileDataError:
            continue  # it was there when it was judged
        truth = ", ".join(_text(one, one.truths[index]) if one.known[index] else "?" for one in heads)
        said = ", ".join(_answer(one, int(index)) for one in heads)
        tiles.append(
            Tile(name=sample.image_path.name, pixels=pixels, caption=f"{truth}: {said}", session=sample.session)
        )
    return tiles


def _text(one: HeadAnswers, value: float) -> str:
    return one.head.classes[int(value)] if one.head.classes else short_number(value, one.head.unit)


def _answer(one: HeadAnswers, index: int) -> str:
    text = _text(one, one.answers[index])
    return text if one.probabilities is None else f"{text} {one.probabilities[index].max():.0%}"


def _interval(figures: Mapping[str, Any], key: str, form: str) -> str:
    return bounds_text(figures["intervals"].get(key), form)


def _with_interval(figures: Mapping[str, Any], key: str, form: str, unit: str = "") -> str:
    return f"{format(figures[key], form)} {unit}".rstrip() + _below(figures["intervals"].get(key), form)


def _below(bounds: Sequence[float] | None, form: str) -> str:
    return f"\n{bounds_text(bounds, form)}" if bounds else ""
