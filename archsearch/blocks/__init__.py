"""Parts that many networks are made of: functions that write nodes into a Builder and return the value that comes out.

A block opens no scope of its own unless it says so: the caller names the place with `b.scope("layer1")`.
"""
