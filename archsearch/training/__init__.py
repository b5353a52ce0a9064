"""How a network is trained: options, the loop, devices, files of weights, latency, what may fail."""

PLACES = ("data", "data_dir", "device", "engine", "at_once")
"""Options that may change while a training goes on: the data are compared by content, and latency is measured before."""
