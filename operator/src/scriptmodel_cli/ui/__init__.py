"""`scriptmodel ui`: pages about ScriptModels on loopback, with the rights of the user's kubeconfig. Changes nothing."""
