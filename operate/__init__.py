"""The command line for the person who runs the machine: `chatglm`, or `python -m operate`."""
