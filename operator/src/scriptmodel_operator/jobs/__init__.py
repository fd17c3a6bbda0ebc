"""The engine of Jobs and a bucket: what never changes lies in the bucket, what changes is a Kubernetes object.

Forms of all objects: docs/contributing/jobs.md.
"""
