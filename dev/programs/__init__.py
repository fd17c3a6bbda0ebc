"""The programs that the project needs besides Python: found, downloaded, installed or built from Go modules."""
