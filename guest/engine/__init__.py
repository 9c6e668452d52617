"""A decoder for ChatGLM-6B that keeps the card busy: static cache, one CUDA graph a token, fused quantised layers."""
