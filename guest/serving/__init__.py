"""The web demo: upstream's page with this project's model path, login and port, kept alive and switched."""
