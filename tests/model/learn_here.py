"""Run as a program: one machine's part of a training, up to the best weights; nothing is exported.

    python learn_here.py CPUS DATASET FOLDER OPTIONS

The processor counts as ``CPUS`` devices, so that several can be had where there is no GPU. Dropout is
off: every device draws its own, and two devices would never give what one does. The chief writes
``FOLDER/weights.npz``.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


def learn(dataset_root: Path, folder: Path, given: dict[str, Any]) -> None:
    import numpy as np

    from thirtyfold.model import detect, train
    from thirtyfold.model.devices import open_devices
    from thirtyfold.model.fit import fit
    from thirtyfold.model.options import TrainOptions
    from thirtyfold.progress import SILENT
    from thirtyfold.workspace import Dataset

    detect._DROP = 0.0
    dataset, options = Dataset(dataset_root), TrainOptions(**given)
    if train.take_part(dataset, options) is not None:
        return
    devices = open_devices(options.devices, options.precision)
    data, options, weights = train._prepare(dataset, options, devices, None, SILENT)
    fitted = fit(data, options, folder, weights, devices, root=dataset.root, progress=SILENT)
    np.savez(folder / "weights.npz", *fitted.network.model.get_weights())


def main() -> None:
    import tensorflow as tf

    if (count := int(sys.argv[1])) > 1:
        processor = tf.config.list_physical_devices("CPU")[0]
        tf.config.set_logical_device_configuration(processor, [tf.config.LogicalDeviceConfiguration()] * count)
    learn(Path(sys.argv[2]), Path(sys.argv[3]), json.loads(sys.argv[4]))


if __name__ == "__main__":
    main()
