"""Which of several machines this one is: ``TF_CONFIG``, as tf.distribute documents it.

https://www.tensorflow.org/guide/distributed_training#TF_CONFIG
"""

from __future__ import annotations

import json
import os

from thirtyfold.errors import UsageError

_EXAMPLE = '{"cluster": {"worker": ["10.0.0.1:4000", "10.0.0.2:4000"]}, "task": {"type": "worker", "index": 0}}'


def place_in_cluster(config: str) -> tuple[int, int]:
    """(this machine's number, machines) of a ``TF_CONFIG``; (0, 1) without one. Number 0 is the chief.

    Raises :class:`UsageError` if it makes no sense.
    """
    if not config:
        return 0, 1
    try:
        raw = json.loads(config)
        cluster, task = raw.get("cluster", {}), raw.get("task", {})
        order = [(kind, index) for kind in ("chief", "worker") for index in range(len(cluster.get(kind, [])))]
        if not order:
            return 0, 1
        return order.index((str(task["type"]), int(task["index"]))), len(order)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UsageError(
            f"TF_CONFIG: does not say which worker this is ({error}); something like {_EXAMPLE} was expected"
        ) from error


def helps_a_chief() -> bool:
    """Whether the environment makes this machine one of several, and not the first."""
    return place_in_cluster(os.environ.get("TF_CONFIG", ""))[0] > 0
