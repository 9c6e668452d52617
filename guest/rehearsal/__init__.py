"""Plays the part of the ChatGLM-6B repository where there is no GPU; see REHEARSAL.md."""
