"""One network trained to its end: resumable, from weights that are there, by several seeds, then tested and exported."""
