"""What a pull request would do to stacks: previewed on the local cloud, told in both languages, without a secret."""
