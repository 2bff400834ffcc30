"""Names for the arrays of the encoder. Numba ignores them; they say what a kernel's arguments hold."""

import numpy as np
import numpy.typing as npt

Int32s = npt.NDArray[np.int32]
Ints = npt.NDArray[np.int64]
Hashes = npt.NDArray[np.uint64]
