"""A hook on upstream's loading of a model, for what must be set on it before it works."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any


def after_loading(then: Callable[[Any], None]) -> None:
    """Call `then` with every model that `AutoModel.from_pretrained` makes.

    The model's class comes from a file beside its weights, and exists only then.
    """
    auto: Any = importlib.import_module("transformers").AutoModel
    own_from_pretrained = auto.from_pretrained

    def from_pretrained(*args: Any, **kwargs: Any) -> Any:
        model = own_from_pretrained(*args, **kwargs)
        then(model)
        return model

    auto.from_pretrained = from_pretrained
