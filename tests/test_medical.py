"""Deep greys and DICOM: pixels as stated, broken files named, and nobody's name anywhere."""

from __future__ import annotations

import builtins
import io
import warnings
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from thirtyfold import medical
from thirtyfold.datasets.formats.convert import convert
from thirtyfold.datasets.formats.convert_options import ConvertOptions
from thirtyfold.datasets.samples import read_samples
from thirtyfold.errors import ImageError, NotInstalledError
from thirtyfold.images import read_rgb
from thirtyfold.workspace import Dataset

pydicom = pytest.importorskip("pydicom")

NAME, NUMBER = "Mustermann^Erika", "PAT-4711"


def scan(stored: np.ndarray, *, patient: str = NUMBER, series: str = "1.2.3", number: int = 1, **header: Any) -> bytes:
    """A DICOM file of 16-bit greys (height, width) or (frames, height, width), little endian, unpacked."""
    from pydicom.dataset import FileDataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian, SecondaryCaptureImageStorage

    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = SecondaryCaptureImageStorage
    meta.MediaStorageSOPInstanceUID = "1.2.3.4"
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset = FileDataset("x", {}, file_meta=meta, preamble=b"\0" * 128)
    dataset.PatientName, dataset.PatientID, dataset.PatientBirthDate = NAME, patient, "19640812"
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID, dataset.InstanceNumber = "9.9", series, number
    dataset.Rows, dataset.Columns = stored.shape[-2:]
    if stored.ndim == 3:
        dataset.NumberOfFrames = len(stored)
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 16, 15
    dataset.PixelRepresentation = 1 if stored.dtype == np.int16 else 0
    for name, value in header.items():
        setattr(dataset, name, value)
    dataset.PixelData = stored.tobytes()
    stream = io.BytesIO()
    dataset.save_as(stream, enforce_file_format=True)
    return stream.getvalue()


RAMP = np.tile(np.arange(0, 4000, 40, dtype=np.uint16), (50, 1))


def test_a_scan_is_rescaled_and_seen_through_its_own_window() -> None:
    data = scan(RAMP, RescaleSlope=1, RescaleIntercept=-1024, WindowCenter=40, WindowWidth=400)
    grey = medical.read_single(data, Path("x"))[0, :, 0].astype(int)
    # PS3.3 C.11.2.1.2.1: from centre - 0.5 - (width - 1) / 2 on it is not black any more.
    units = RAMP[0].astype(float) - 1024
    wanted = np.clip((units - (39.5 - 199.5)) / 399, 0, 1) * 255
    assert np.abs(grey - wanted).max() <= 0.5


def test_of_several_windows_the_first_counts_and_without_one_the_percentiles() -> None:
    several = medical.read_single(scan(RAMP, WindowCenter=[1000, 9], WindowWidth=[500, 9]), Path("x"))
    one = medical.read_single(scan(RAMP, WindowCenter=1000, WindowWidth=500), Path("x"))
    assert np.array_equal(several, one)
    none = medical.read_single(scan(RAMP), Path("x"))
    assert np.array_equal(none[..., 0], medical.window_grey(RAMP))


@pytest.mark.parametrize("window", [{"WindowCenter": "nan", "WindowWidth": 500}, {"WindowCenter": 5, "WindowWidth": 0}])
def test_a_window_that_makes_no_sense_counts_as_none(window: dict[str, Any]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pydicom's, of the header
        data = scan(RAMP, **window)
    assert (medical.read_single(data, Path("x")) == medical.read_single(scan(RAMP), Path("x"))).all()


def test_monochrome1_is_turned_round() -> None:
    bright = medical.read_single(scan(RAMP), Path("x")).astype(int)
    dark = medical.read_single(scan(RAMP, PhotometricInterpretation="MONOCHROME1"), Path("x")).astype(int)
    assert np.array_equal(dark, 255 - bright)


def test_a_file_of_several_frames_gives_all_of_them_and_is_no_single_picture() -> None:
    frames = np.stack([RAMP, RAMP[:, ::-1]])
    found = medical.read_scan(scan(frames, PixelSpacing=[0.5, 0.25]), Path("x"))
    assert found.frames.shape == (2, 50, 100, 3)
    assert np.array_equal(found.frames[0], found.frames[1][:, ::-1])
    assert found.mm_per_pixel == (0.5, 0.25)
    with pytest.raises(ImageError, match="holds 2 pictures; make a dataset of them with `thirtyfold convert"):
        medical.read_single(scan(frames), Path("x"))


def test_grey_of_16_bits_is_stretched_from_the_1st_to_the_99th_percentile_in_png_and_tiff(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    deep = random.normal(900, 60, (80, 120)).clip(0, 4095).astype(np.uint16)
    deep[0, 0] = 65535  # one hot pixel
    low, high = np.percentile(deep, [1, 99])
    wanted = np.rint(np.clip((deep.astype(np.float32) - low) / (high - low), 0, 1) * 255)
    for suffix in (".png", ".tif"):
        path = tmp_path / f"deep{suffix}"
        cv2.imwrite(str(path), deep)
        pixels = read_rgb(path)
        assert pixels.dtype == np.uint8
        assert np.abs(pixels[..., 1] - wanted).max() <= 1
        assert np.array_equal(pixels[..., 0], pixels[..., 2])
        assert np.array_equal(read_rgb(path), pixels)


def test_colours_of_16_bits_and_greys_of_8_stay_as_they_were(tmp_path: Path) -> None:
    colours = np.random.default_rng(1).integers(0, 65536, (20, 30, 3), np.uint16)
    cv2.imwrite(str(tmp_path / "c.png"), colours)
    assert np.abs(read_rgb(tmp_path / "c.png")[..., ::-1].astype(int) - (colours >> 8)).max() <= 1
    grey = np.random.default_rng(1).integers(50, 60, (20, 30), np.uint8)
    cv2.imwrite(str(tmp_path / "g.png"), grey)
    assert np.array_equal(read_rgb(tmp_path / "g.png")[..., 0], grey)


def test_a_picture_of_one_grey_or_two_is_not_divided_by_nothing() -> None:
    assert medical.window_grey(np.full((5, 5), 700, np.uint16)).max() == 0
    almost = np.zeros((20, 20), np.uint16)
    almost[3, 3] = 9
    assert medical.window_grey(almost)[3, 3] == 255


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda data: data[:-400], "its pixels cannot be read"),
        (lambda data: data[:200], "DICOM"),
        (lambda data: data[:132], "is DICOM without a picture"),
    ],
)
def test_a_damaged_file_is_one_clear_sentence(spoil: Any, says: str) -> None:
    with pytest.raises(ImageError, match=says) as caught:
        medical.read_scan(spoil(scan(RAMP)), Path("scan.dcm"))
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith("scan.dcm: ")


def test_a_header_that_promises_more_pixels_than_memory_is_refused_before_they_are_unpacked() -> None:
    with pytest.raises(ImageError, match="megapixels"):
        medical.read_scan(scan(RAMP, NumberOfFrames=900_000), Path("x"))


def test_without_pydicom_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def absent(name: str, *args: Any, **kwargs: Any) -> Any:
        if name.split(".", maxsplit=1)[0] == "pydicom":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    data = scan(RAMP)
    monkeypatch.setattr(builtins, "__import__", absent)
    with pytest.raises(NotInstalledError, match=r"thirtyfold\[medical\]"):
        medical.read_single(data, Path("scan.dcm"))


def test_real_files_of_scanners_are_read(tmp_path: Path) -> None:
    folder = Path(pydicom.__file__).parent / "data" / "test_files"
    for name, shape in (
        ("CT_small.dcm", (128, 128, 3)),
        ("MR_small.dcm", (64, 64, 3)),
        ("MR_small_RLE.dcm", (64, 64, 3)),
    ):
        if (folder / name).exists():
            pixels = read_rgb(folder / name)
            assert pixels.shape == shape
            assert pixels.std() > 20


def test_a_folder_of_series_becomes_a_dataset_by_patient_in_order_without_a_word_of_who_they_are(
    tmp_path: Path,
) -> None:
    source = tmp_path / "export"
    (source / "deep").mkdir(parents=True)
    window = {"WindowCenter": 128, "WindowWidth": 256}
    for number in (3, 1, 2):
        slice_ = np.full((40, 60), 10 * number, np.uint16)
        (source / f"IM{number}0").write_bytes(scan(slice_, number=number, PixelSpacing=[0.5, 0.5], **window))
    (source / "deep" / "other").write_bytes(scan(np.stack([RAMP, RAMP]), patient="PAT-1", series="7.7"))
    (source / "broken.dcm").write_bytes(scan(RAMP, patient="PAT-2")[:-1000])
    (source / "notes.txt").write_text("no scan")
    target = tmp_path / "heads"
    result = convert(source, target, ConvertOptions(to="labelme"))
    assert result.from_ == "dicom"
    assert [problem.path.name for problem in result.problems] == ["broken.dcm"]
    samples = read_samples(Dataset(target))
    assert {sample.session for sample in samples} == {"patient001", "patient002"}
    first = [sample for sample in samples if sample.session == "patient001"]
    levels = [int(read_rgb(sample.image_path).mean()) for sample in first]
    assert levels == [10, 20, 30]
    assert all(sample.annotations is None for sample in samples)
    assert len(samples) == 5
    assert '"mm_per_pixel": [0.5, 0.5]' in (target / "captures.jsonl").read_text()
    for path in target.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            for word in (NAME, "Mustermann", NUMBER, "PAT-1", "19640812", "1.2.3", "7.7"):
                assert word.encode() not in content, (path, word)
                assert word not in path.name
