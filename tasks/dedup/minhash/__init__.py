"""MinHash signatures, bands, and the sorted index of band keys."""
