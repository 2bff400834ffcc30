"""The parts of `benchmarks/chaos.py`: each breaks a store, a process, a disk or a server in one way."""
