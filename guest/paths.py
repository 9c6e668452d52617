"""Where things lie on the Windows machine: one table for the templates, the manifest and the channel."""

ROOT = "C:\\chatglm"
#: Short, without blanks: the Miniconda installer takes its target unquoted (Anaconda, "Installing in silent mode").
CONDA = "C:\\miniconda3"
#: With backslashes and without a dot: transformers 4.27.1 takes the last part of the path by the system's separator
#: as a module name, so that `C:/chatglm-6b` fails on Windows (`dynamic_module_utils.py`).
MODEL = "C:\\chatglm-6b"
SOURCE_FOLDER = "ChatGLM-6B"
ENTRY = ROOT + "\\chatglm.ps1"
#: Name under which the second stage is uploaded.
SECOND_STAGE_NAME = "stage2.zip"
#: Name under which the model's small files are uploaded, as a zip.
MODEL_FILES_NAME = "model-files.zip"
