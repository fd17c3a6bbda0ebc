"""One run of a training: its preparation, the fit and the assessment."""
