"""Evaluation: how often a model is right, and how well it knows it."""
