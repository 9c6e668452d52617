"""Imports of the machine's Python: from drive C: by Windows' paths, and Python's own library as what it is here.

The library's modules look at `os.name` when they are loaded and take the parts of Windows that this computer lacks, so
they see the computer's own name at that moment, except those whose Windows side works anywhere (`pathlib`).
"""

from __future__ import annotations

import importlib
import importlib.machinery
import os
import sys
from collections.abc import Sequence
from importlib.machinery import FileFinder, ModuleSpec
from types import ModuleType
from typing import Any

from localcloud.windows.world.inside import plain
from localcloud.windows.world.inside.where import is_windows, real, spell

#: Conda's Python finds the libraries of these only through PATH (templates/lib.ps1.j2).
_NEED_LIBRARIES = frozenset({"_ssl", "_hashlib", "_sqlite3", "_ctypes"})
_ALWAYS_NEEDED = ("shutil", "subprocess", "socket", "ctypes", "tempfile", "ntpath", "threading", "io", "signal")
_VERSION = sys.version_info
_AS_WINDOWS = frozenset({"pathlib", "glob"})
_LOADERS = (
    (importlib.machinery.ExtensionFileLoader, importlib.machinery.EXTENSION_SUFFIXES),
    (importlib.machinery.SourceFileLoader, importlib.machinery.SOURCE_SUFFIXES),
    (importlib.machinery.SourcelessFileLoader, importlib.machinery.BYTECODE_SUFFIXES),
)


def load_first() -> None:
    """Load what the rules are built on, while everything is as this computer has it."""
    for name in _ALWAYS_NEEDED:
        importlib.import_module(name)


def install(site: str) -> None:
    """Take imports over; `site` is the folder of the environment's packages."""
    for name in [name for name in sys.modules if name.partition(".")[0] in {"pathlib", "glob"}]:
        del sys.modules[name]
    sys.path_hooks.insert(0, _DriveFinder)
    sys.path_importer_cache.clear()
    sys.meta_path.insert(0, _LibraryFinder())
    sys.meta_path.append(_PackageFinder(site))
    # At once, as another module of the library may be the first to want it.
    importlib.import_module("pathlib")
    if not _has_conda_libraries():
        for name in ("ctypes", "_ctypes", "ssl", "_ssl", "sqlite3", "_hashlib"):
            sys.modules.pop(name, None)


def _has_conda_libraries() -> bool:
    folders = {folder.rstrip("\\").lower() for folder in os.environ.get("PATH", "").split(";")}
    return "c:\\miniconda3\\library\\bin" in folders


class _DriveFinder:
    """Finds modules in one folder of drive C:, and tells them Windows' spelling of where they lie."""

    def __init__(self, folder: str) -> None:
        if not is_windows(folder) and folder:
            raise ImportError("not on drive C:")
        if not plain.is_dir(real(folder or ".")):
            raise ImportError("no folder")
        self._finder = FileFinder(real(folder or "."), *_LOADERS)

    def find_spec(self, name: str, target: ModuleType | None = None) -> ModuleSpec | None:
        spec = self._finder.find_spec(name, target)
        if spec is not None and spec.origin:
            spec.origin = spell(spec.origin)
        if spec is not None and spec.submodule_search_locations is not None:
            spec.submodule_search_locations[:] = [spell(place) for place in spec.submodule_search_locations]
        return spec

    def invalidate_caches(self) -> None:
        self._finder.invalidate_caches()


class _LibraryFinder:
    """Python's own library: loaded under this computer's name, mended afterwards where Windows differs."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name in _NEED_LIBRARIES and not _has_conda_libraries():
            raise ImportError(f"DLL load failed while importing {name}: 找不到指定的模块。", name=name)
        top = name.partition(".")[0]
        inside_package = bool(path) and not any(is_windows(folder) for folder in path or ())
        if top in _AS_WINDOWS or not (top in sys.stdlib_module_names or inside_package):
            return None
        return _as_itself(importlib.machinery.PathFinder.find_spec(name, path, target))


class _PackageFinder:
    """The lock's packages: once pip has installed them they are this computer's own, of whatever version."""

    def __init__(self, site: str) -> None:
        self._site = site

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if path is None and not any(entry.startswith("uvicorn-") for entry in _entries(self._site)):
            return None
        where = [os.environ["WORLD_PACKAGES"]] if path is None else path
        if any(is_windows(folder) for folder in where):
            return None
        return _as_itself(importlib.machinery.PathFinder.find_spec(name, where, target))


def _entries(folder: str) -> list[str]:
    try:
        return plain.listdir(real(folder))
    except OSError:
        return []


def _as_itself(spec: ModuleSpec | None) -> ModuleSpec | None:
    """The module is loaded under this computer's name."""
    if spec is None or spec.loader is None or not hasattr(spec.loader, "exec_module"):
        return spec
    own: Any = spec.loader.exec_module

    def exec_module(module: ModuleType) -> None:
        known = os.name, sys.platform, sys.version_info
        os.name, sys.platform, sys.version_info = "posix", "linux", _VERSION
        try:
            own(module)
        finally:
            os.name, sys.platform, sys.version_info = known
        _mend(module)

    spec.loader.exec_module = exec_module  # type: ignore[method-assign]
    return spec


def _by_windows_paths(context: Any) -> None:
    """OpenSSL opens a key's file itself, past Python's own functions."""
    inner = context.load_cert_chain

    def load_cert_chain(self: Any, certfile: Any, keyfile: Any = None, password: Any = None) -> None:
        inner(self, real(os.fspath(certfile)), keyfile and real(os.fspath(keyfile)), password)

    context.load_cert_chain = load_cert_chain


def _mend(module: Any) -> None:
    """What Windows' own edition of a module has besides."""
    if module.__name__ == "ssl":
        module.enum_certificates = lambda store: []  # noqa: ARG005
        _by_windows_paths(module.SSLContext)
    if module.__name__ == "asyncio":
        module.ProactorEventLoop = module.SelectorEventLoop
        module.WindowsSelectorEventLoopPolicy = module.DefaultEventLoopPolicy
