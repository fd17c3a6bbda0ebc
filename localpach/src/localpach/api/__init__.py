"""The gRPC services: they convert messages and call the layers below."""
