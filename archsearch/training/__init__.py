"""How a network is trained: options, the loop, devices, files of weights, latency, what may fail."""
