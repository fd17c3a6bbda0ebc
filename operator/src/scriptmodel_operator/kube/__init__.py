"""The Kubernetes side: client, status and finalizer writer, events."""
