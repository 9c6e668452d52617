"""From settings to user data and second stage: how the Windows machine installs itself. Pure, no I/O but own files."""
