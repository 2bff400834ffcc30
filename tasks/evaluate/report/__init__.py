"""The report that people read: the answer first, then the numbers, the pictures, and where it all came from."""
