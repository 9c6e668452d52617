"""Fine-tuning with P-Tuning v2: data checks, runs, the detached task, progress, evaluation, deployment."""
