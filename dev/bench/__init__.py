"""Benches: what operator, localpach, pages and trainer cost. They are run by hand; CI tests that they run."""
