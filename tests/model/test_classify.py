"""The task *classify*: its backbones, its loss, what it refuses."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from sklearn.utils.class_weight import compute_class_weight

from thirtyfold.errors import DataError, NotInstalledError, UsageError
from thirtyfold.model import classify
from thirtyfold.model.applications import APPLICATIONS, fetch_imagenet, mend_normalization
from thirtyfold.model.backbones import Preprocessing, backbone_of, last_block_after
from thirtyfold.model.options import BACKBONES, POOLED_BACKBONES, TrainOptions
from thirtyfold.model.weights import has_imagenet
from thirtyfold.progress import SILENT
from thirtyfold.sample import Sample

CLASSES = ("cat", "dog", "owl")
TRUTH = np.eye(3, dtype=np.float32)[[0, 1, 1, 2]]
GIVEN = np.array([[0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.5, 0.4, 0.1], [0.2, 0.2, 0.6]], np.float32)


def photos(*classes: str) -> list[Sample]:
    return [
        Sample(image_path=Path(f"{number}.jpg"), width=8, height=8, tags=(name,)) for number, name in enumerate(classes)
    ]


def test_every_application_is_one_of_keras() -> None:
    for name, entry in APPLICATIONS.items():
        assert callable(getattr(keras.applications, entry.constructor))
        assert entry.constructor.lower() == name
        assert has_imagenet(name)
    known = {name.lower() for name in dir(keras.applications) if name[0].isupper()}
    left_out = known - set(APPLICATIONS) - set(BACKBONES)
    assert all(name.startswith("convnext") for name in left_out)


@pytest.mark.parametrize(
    ("name", "module"),
    [
        ("densenet121", "densenet"), ("vgg19", "vgg19"), ("xception", "xception"), ("resnet50v2", "resnet_v2"),
        ("efficientnetb0", "efficientnet"), ("mobilenetv3small", "mobilenet_v3"), ("nasnetmobile", "nasnet"),
    ],
)  # fmt: skip
def test_an_application_is_fed_what_keras_feeds_it(name: str, module: str) -> None:
    pixels = np.random.default_rng(3).integers(0, 256, (2, 8, 8, 3), np.uint8)
    theirs = getattr(keras.applications, module).preprocess_input(pixels.astype(np.float32))
    assert np.allclose(Preprocessing(backbone_of(name).preprocessing)(pixels), theirs, atol=1e-4)


def test_whitening_gives_every_photo_the_same_mean_and_deviation() -> None:
    random = np.random.default_rng(4)
    dark, light = random.integers(0, 40, (8, 8, 3), np.uint8), random.integers(100, 256, (8, 8, 3), np.uint8)
    flat = np.full((8, 8, 3), 77, np.uint8)
    fed = np.asarray(Preprocessing("none", whiten=True)(np.stack([dark, light, flat])))
    assert np.allclose(fed[:2].mean(axis=(1, 2, 3)), 114.5, atol=0.01)
    assert np.allclose(fed[:2].std(axis=(1, 2, 3)), 57.6, atol=0.01)
    assert np.allclose(fed[2], 114.5)
    tf = np.asarray(Preprocessing("tf", whiten=True)(dark[None]))
    assert np.allclose(tf, fed[:1] / 127.5 - 1, atol=1e-5)


def test_a_model_of_before_whitening_still_loads() -> None:
    assert Preprocessing.from_config({"name": "preprocessing", "mode": "tf"}).whiten is False


def test_the_seeds_network_has_two_blocks_flatten_and_dense_256() -> None:
    network = classify.build(TrainOptions(task="classify", backbone="cnn", size=32), CLASSES)
    kinds = [type(layer).__name__ for layer in network.backbone.layers]
    assert kinds == ["InputLayer", "Conv2D", "MaxPooling2D", "Conv2D", "MaxPooling2D", "Flatten", "Dense", "Reshape"]
    flat = 8 * 8 * 64
    blocks = (3 * 3 * 3 + 1) * 32 + (3 * 3 * 32 + 1) * 64
    assert network.model.count_params() == blocks + (flat + 1) * 256 + (256 + 1) * 3
    assert network.tuner is None


def test_an_application_is_tuned_from_the_last_place_that_everything_goes_through() -> None:
    backbone = backbone_of("mobilenetv3small").build(64, 1.0)
    name = last_block_after(backbone)
    after = [layer.name for layer in keras.Model(backbone.get_layer(name).output, backbone.output).layers]
    share = sum(backbone.get_layer(each).count_params() for each in after[1:]) / backbone.count_params()
    assert 0.25 <= share < 0.9
    before = [layer.name for layer in keras.Model(backbone.input, backbone.get_layer(name).output).layers]
    assert not set(before[:-1]) & set(after[1:])


def test_the_loss_is_that_of_keras_smoothed_or_not() -> None:
    for smoothing in (0.0, 0.1):
        theirs = keras.losses.CategoricalCrossentropy(label_smoothing=smoothing)(TRUTH, GIVEN)
        ours = classify.class_loss((1.0, 1.0, 1.0), smoothing)(TRUTH, GIVEN)
        assert float(ours) == pytest.approx(float(theirs), rel=1e-5)


def test_a_photo_counts_as_much_as_its_class_weighs_and_one_without_a_class_not_at_all() -> None:
    each = -np.log((TRUTH * GIVEN).sum(axis=1))
    weighed = classify.class_loss((2.0, 0.5, 1.0), 0.0)(TRUTH, GIVEN)
    assert float(weighed) == pytest.approx(float((each * [2.0, 0.5, 0.5, 1.0]).mean()), rel=1e-5)
    none = np.zeros((4, 3), np.float32)
    assert float(classify.class_loss((1.0, 1.0, 1.0), 0.1)(none, GIVEN)) == 0


def test_automatic_weights_are_scikit_learns_balanced_ones() -> None:
    names = ["dog"] * 6 + ["cat"] * 2 + ["owl"]
    samples = [*photos(*names), *photos(*names)[:3]]
    auto = TrainOptions(task="classify", backbone="cnn", class_weights="auto")
    settled = classify.resolve_options(auto, photos(*names), CLASSES)
    theirs = compute_class_weight("balanced", classes=np.array(CLASSES), y=np.array(names))
    assert [float(number) for number in settled.class_weights.split(",")] == pytest.approx(list(theirs), rel=1e-5)
    assert classify.resolve_options(settled, samples, CLASSES) == settled
    assert max(classify.class_weights([100_000, 1])) == 100


def test_a_class_that_no_photo_of_a_share_shows_has_a_weight_all_the_same() -> None:
    # --share 0.1 may leave out all owls; the network has an output for them still.
    options = TrainOptions(task="classify", backbone="cnn", class_weights="auto", share=0.1)
    resolved = classify.resolve_options(options, photos("cat", "dog", "dog"), CLASSES)
    losses, _ = classify.losses(resolved, CLASSES)
    assert float(losses["probabilities"](TRUTH, GIVEN)) > 0


def test_weights_for_another_number_of_classes_are_refused() -> None:
    with pytest.raises(UsageError, match="each of the 3 classes"):
        classify.losses(TrainOptions(task="classify", backbone="cnn", class_weights="1,2"), CLASSES)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"backbone": "efficentnetb0"}, "is not known; efficientnetb0 or"),
        ({"backbone": "resnet"}, "resnet50 or resnet101"),
        ({"backbone": "convnexttiny"}, "take efficientnetv2b0"),
        ({"backbone": "xception", "size": 64}, "71 pixels"),
        ({"backbone": "cnn", "weights": "w.h5"}, "starts from nothing"),
        ({"task": "detect", "backbone": "cnn"}, "looks at places"),
        ({"task": "segment", "backbone": "vgg19"}, "looks at places"),
        ({"label_smoothing": 1.0}, "--label-smoothing 1.0"),
        ({"task": "detect", "label_smoothing": 0.1}, "only for --task classify"),
        ({"task": "detect", "class_weights": "auto"}, "--class-weights"),
        ({"class_weights": "a,b"}, "--class-weights a,b"),
        ({"prepare": ("sharpen",)}, "--prepare sharpen"),
        ({"prepare": ("whiten", "whiten")}, "each was expected once"),
        ({"task": "segment", "prepare": ("whiten",)}, "not for --task segment"),
    ],
)
def test_options_that_make_no_sense_are_named(options: dict[str, Any], text: str) -> None:
    with pytest.raises(UsageError, match=text):
        TrainOptions(**{"task": "classify", **options})


def test_what_starts_from_nothing_does_so_unasked() -> None:
    assert TrainOptions(task="classify", backbone="cnn").weights == "none"
    assert "cnn" in POOLED_BACKBONES


def test_standard_deviations_in_the_place_of_variances_are_squared_once() -> None:
    # EfficientNet's published files hold them, and Keras adds a layer for it only where it loads them itself.
    deviations = np.array([0.229, 0.224, 0.225], np.float32)
    norm = keras.layers.Normalization()
    backbone = keras.Sequential([keras.Input((4, 4, 3)), norm])
    norm.set_weights([np.array([0.485, 0.456, 0.406], np.float32), deviations, np.array(0)])
    mend_normalization(backbone)
    mend_normalization(backbone)
    pixels = np.random.default_rng(5).random((1, 4, 4, 3), np.float32)
    expected = (pixels - [0.485, 0.456, 0.406]) / deviations
    assert np.allclose(backbone(pixels), expected, atol=1e-5)


def test_weights_of_an_application_come_by_way_of_keras_and_lie_in_our_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The network cannot be here: Keras's constructor is stood in for by a small one of random numbers, which adds a
    # layer without weights where it loads ImageNet's, as EfficientNet's does.
    made: list[Any] = []

    def constructor(*, include_top: bool, weights: str | None, **more: Any) -> Any:
        layers = [keras.layers.Rescaling(2.0)] if weights == "imagenet" else []
        model = keras.Sequential(
            [keras.Input((None, None, 3)), *layers, keras.layers.Conv2D(4, 3), keras.layers.ReLU()]
        )
        made.append((weights, model))
        return model

    monkeypatch.setattr(keras.applications, "VGG19", constructor)
    path = fetch_imagenet("vgg19", 1.0, tmp_path, SILENT)
    assert fetch_imagenet("vgg19", 1.0, tmp_path, SILENT) == path
    ((published,), (bare,)) = ([model for weights, model in made if weights == name] for name in ("imagenet", None))
    again = constructor(include_top=False, weights=None)
    again.load_weights(path)
    for model in (bare, again):
        assert all((a == b).all() for a, b in zip(model.get_weights(), published.get_weights(), strict=True))
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_weights_that_cannot_be_kept_are_an_error_that_names_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def constructor(**_: Any) -> Any:
        return keras.Sequential([keras.Input((None, None, 3)), keras.layers.Conv2D(4, 3)])

    monkeypatch.setattr(keras.applications, "VGG19", constructor)
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(DataError, match=r"file/models/.*cannot be written"):
        fetch_imagenet("vgg19", 1.0, tmp_path / "file" / "models", SILENT)
    fetch_imagenet("vgg19", 1.0, tmp_path / "new" / "models", SILENT)
    assert len(list((tmp_path / "new" / "models").iterdir())) == 1


def test_without_a_network_it_says_where_the_weights_would_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def offline(*, weights: str | None, **more: Any) -> Any:
        raise Exception("URL fetch failure on https://example.org: None -- no route")  # as Keras does

    monkeypatch.setattr(keras.applications, "VGG19", offline)
    with pytest.raises(NotInstalledError, match="--weights none"):
        fetch_imagenet("vgg19", 1.0, tmp_path, SILENT)
    assert not list(tmp_path.iterdir())
