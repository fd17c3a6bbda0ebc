"""Promotion: the script of a retrained model replaces the last one only if the model improves (spec.promotion)."""
