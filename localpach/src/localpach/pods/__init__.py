"""Workers as pods: each attempt at a datum is a Job of Kubernetes."""
