"""Runs in the browser as they grow: a server on this machine, for reading alone."""
