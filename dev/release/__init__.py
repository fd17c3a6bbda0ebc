"""What a release consists of, made from a clean checkout so that everybody gets the same bytes."""
