"""The gateway to Pachyderm: typed values, typed errors, deadlines."""
