"""Names for arrays that kernels of several stages read. Numba ignores them; they say what an argument holds."""

import numpy as np
import numpy.typing as npt

Bytes = npt.NDArray[np.uint8]
"""Texts in UTF-8, one after the other, or one small number for each byte value or code point."""
Offsets = npt.NDArray[np.int64]
"""Text i is `data[offsets[i]:offsets[i + 1]]`."""
Flags = npt.NDArray[np.bool_]
"""One truth value an item."""
