"""The rules of the services, one concept a file."""
