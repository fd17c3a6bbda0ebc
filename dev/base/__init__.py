"""Builds a base: a model of many public-domain plays that trainings on a few plays start from."""
