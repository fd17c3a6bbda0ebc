"""Runs one command of a pipeline as an attempt of the engine of Jobs and a bucket: fetches, runs, stores."""
