"""Training: clips in, a model bundle out. Needs the extra `train`."""
