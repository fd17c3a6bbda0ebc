"""`scriptmodel local`: a ScriptModel to its script on one machine, by the operator's own code, without Kubernetes."""
