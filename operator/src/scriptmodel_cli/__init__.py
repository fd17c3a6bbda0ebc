"""The command `scriptmodel`, for people: how it reaches the cluster and Pachyderm, and what it prints."""
