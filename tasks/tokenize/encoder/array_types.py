"""Names for the arrays of the encoder. Numba ignores them; they say what a kernel's arguments hold."""

import numpy as np
import numpy.typing as npt

Bytes = npt.NDArray[np.uint8]
"""Texts in UTF-8, one after the other, or one small number for each byte value or code point."""
Offsets = npt.NDArray[np.int64]
"""Text i is `data[offsets[i]:offsets[i + 1]]`."""
Int32s = npt.NDArray[np.int32]
Ints = npt.NDArray[np.int64]
Hashes = npt.NDArray[np.uint64]
Flags = npt.NDArray[np.bool_]
