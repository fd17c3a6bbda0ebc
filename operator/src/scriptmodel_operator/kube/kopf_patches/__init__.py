"""Changes of kopf's behaviour, and what kopf would need so that each could go.

* `slim_import` hides the `kubernetes` package while kopf is imported (47 MiB). kopf would import its two types late.
* `session` tells a quiet watch from a dead one, and makes broken answers errors that kopf retries. kopf would count
  bookmarks, and retry a body that breaks off, an answer that is not HTTP, and a list with 403 or 404.
* `echo_filter` drops events of the operator's own writes, two in three, each a task of kopf's. kopf would offer a
  filter before it parses an event.
* `endings` keeps the log of a normal end free of errors of watches that the event loop closes. kopf would close its
  generators when it is cancelled.
* `watch.NoDiffs` keeps kopf from copying each object and from reading its annotation of another operator, which may be
  invalid. kopf would do so only where a handler of changes exists.
"""
