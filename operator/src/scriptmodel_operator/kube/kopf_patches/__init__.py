"""Changes of kopf's behaviour, each for one reason. Nothing else in the code depends on how kopf works inside.

`slim_import` imports kopf without the `kubernetes` package, which kopf loads whole where it is installed: 48 MiB of
memory and five times kopf's own start, for two types that this operator does not use.

`session` gives kopf HTTP sessions whose response class reports when a watch receives something. kopf reconnects a
silent watch, but ignores bookmarks, so a quiet cluster looks like a proxy that forwards nothing. The class
also turns answers that would end kopf (a body that breaks off, a CRD that is not served for a while) into connection
errors, which kopf retries.

`echo_filter` drops the watch events that the operator's own writes cause. kopf would parse each and start a task for
it: two in three events of a cluster with many ScriptModels are such.

`no_diffs` replaces kopf's storage of the last handled version. This operator compares nothing there, and kopf would
copy each object to do so.
"""
