"""One run of a training: its options, its preparation, the fit and the assessment."""
