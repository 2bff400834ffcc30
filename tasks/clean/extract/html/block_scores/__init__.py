"""A learned score for each block of a page's text, and the choice of the blocks that are kept."""
