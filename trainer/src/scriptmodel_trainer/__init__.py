"""Trains a word-level LSTM on scripts and writes new ones."""

__version__ = "0.1.0"
