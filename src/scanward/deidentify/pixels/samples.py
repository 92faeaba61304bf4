"""Stored values within their samples (PS3.3 C.7.6.3, PS3.5 Section 8.1.1): what is value, and what lies beside it."""

import numpy as np
from numpy.typing import NDArray

from scanward.ports.engines import FrameLayout, Samples


def unsigned(samples: Samples) -> Samples:
    """Return samples as unsigned numbers of the same bits."""
    return samples.view(np.dtype(f"u{samples.dtype.itemsize}"))


def lowest_bit(layout: FrameLayout) -> int:
    """Return the place of the lowest bit of a value within its sample."""
    return layout.high_bit - layout.bits_stored + 1


def fills_samples(layout: FrameLayout) -> bool:
    """Whether a value takes all bits of its sample."""
    return layout.bits_stored >= layout.bits_allocated


def stored_values(samples: Samples, layout: FrameLayout) -> NDArray[np.int64]:
    """Return the values of samples as numbers, without what lies in the other bits."""
    low = lowest_bit(layout)
    if fills_samples(layout):
        return samples.astype(np.int64)
    values = (unsigned(samples).astype(np.int64) >> low) & ((1 << layout.bits_stored) - 1)
    if layout.is_signed:
        sign = 1 << (layout.bits_stored - 1)
        values = (values ^ sign) - sign
    return values


def samples_of(values: NDArray[np.int64], layout: FrameLayout, like: Samples) -> Samples:
    """Return samples that hold values, signed ones extended to all bits above, and zero in all bits else.

    Parameters
    ----------
    values
        Within the range that the layout has for them.
    layout
        How they are stored.
    like
        Samples whose type the result has.
    """
    low = lowest_bit(layout)
    bits = values << low
    if not layout.is_signed:
        bits &= ((1 << layout.bits_stored) - 1) << low
    return bits.astype(np.dtype(f"i{like.dtype.itemsize}")).view(like.dtype)


def value_range(layout: FrameLayout) -> tuple[int, int]:
    """Return the least and the largest value that can be stored."""
    if layout.is_signed:
        return -(1 << (layout.bits_stored - 1)), (1 << (layout.bits_stored - 1)) - 1
    return 0, (1 << layout.bits_stored) - 1


def has_spare_content(samples: Samples, layout: FrameLayout) -> bool:
    """Whether bits beside the values hold something: an overlay of old (PS3.3 C.9.2, retired), text in it perhaps.

    Above a signed value its sign may be repeated; that is no content.
    """
    if fills_samples(layout):
        return False
    spare = _spare_mask(layout)
    bits = unsigned(samples).astype(np.int64) & spare
    if not layout.is_signed:
        return bool(bits.any())
    above = spare >> (layout.high_bit + 1) << (layout.high_bit + 1)
    sign = (unsigned(samples).astype(np.int64) >> layout.high_bit) & 1
    plain = (bits == 0) | ((bits == above) & (sign == 1))
    return not bool(plain.all())


def without_spare_content(samples: Samples, layout: FrameLayout) -> Samples:
    """Return samples with nothing but their values."""
    return samples_of(stored_values(samples, layout), layout, samples)


def _spare_mask(layout: FrameLayout) -> int:
    used = ((1 << layout.bits_stored) - 1) << lowest_bit(layout)
    return ((1 << layout.bits_allocated) - 1) & ~used
