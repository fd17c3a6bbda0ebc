"""The command `scriptmodel`, also a kubectl plugin: shows, explains and changes ScriptModels."""
