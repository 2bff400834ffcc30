"""From candidate pairs to the documents that are kept, and to clusters."""
