"""The runtime of stages: executors, compiled kernels, progress, caches, network errors."""
