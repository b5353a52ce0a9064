"""Training: options, the loop, devices, files of weights, what may fail. Evaluators and supernets stand on it."""
