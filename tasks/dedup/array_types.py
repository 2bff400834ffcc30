"""Names for the arrays of this stage. Numba ignores them; they say what a kernel's arguments hold."""

import numpy as np
import numpy.typing as npt

Rows = npt.NDArray[np.int64]
"""Row numbers of documents, or positions in another array."""
Similarities = npt.NDArray[np.float32]
CharacterTable = npt.NDArray[np.uint32]
"""For each code point the folded code point, and its class in the bits from CLASS_SHIFT on."""

Hashes32 = npt.NDArray[np.uint32]
"""Hashes of shingles, of which signatures are made; or row numbers of the index."""
Hashes64 = npt.NDArray[np.uint64]
"""Hashes of words, shingles or n-grams."""
Digests = npt.NDArray[np.uint64]
"""128 bits a text, (N, 2)."""
Keys = npt.NDArray[np.uint64]
"""Band keys: the number of the band in the top byte, a hash of the band's rows below it."""
Signatures = npt.NDArray[np.uint32]
"""MinHash signatures, (N, num_perm)."""
SignatureBytes = npt.NDArray[np.uint8]
"""A byte of each entry of the signatures, (N, num_perm)."""
