"""Tools of the project: the pinned engine, the rehearsal on the local cloud, and checks."""
