"""Histograms of times: sparse counts by bucket, so that those of a day, a month or many keys add up.

Four buckets double the time: each is 19 % wide, so a percentile is right within 10 %. Bucket `i` starts at 2^(i/4)
milliseconds; the last one starts at 17 minutes, above every timeout.
"""

from bisect import bisect_right
from collections.abc import Mapping

_STEPS = 4
_BUCKETS = 81
_STARTS = tuple(2 ** (index / _STEPS) for index in range(_BUCKETS))


def bucket(milliseconds: int) -> str:
    """Return the name of the bucket of a time."""
    return str(max(bisect_right(_STARTS, milliseconds) - 1, 0))


def percentile(histogram: Mapping[str, int], percent: int) -> int | None:
    """Return the time in milliseconds below which `percent` of the counted ones lie; None without any.

    It is the middle of its bucket, on a logarithmic scale.
    """
    rank = -(-sum(histogram.values()) * percent // 100)
    for name, count in sorted(histogram.items(), key=lambda entry: int(entry[0])):
        rank -= count
        if rank <= 0:
            return round(2 ** ((int(name) + 0.5) / _STEPS))
    return None
