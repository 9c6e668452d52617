"""Plays gradio 3: the components that upstream's pages name, and a server that speaks its protocol."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from guest.rehearsal.gradio_server import serve


class Component:
    """A part of the page; it belongs to the page that is being built."""

    kind = ""

    def __init__(self, value: Any = None, **props: Any) -> None:
        self.value, self.props = value, props
        page = Blocks.current
        self.id = len(page.components) + 1 if page else 0
        if page:
            page.components.append(self)

    def __enter__(self) -> Component:
        return self

    def __exit__(self, *_: Any) -> None:
        return

    def style(self, **_: Any) -> Component:
        return self

    def click(self, function: Callable[..., Any], inputs: Any = (), outputs: Any = (), **_: Any) -> None:
        assert Blocks.current is not None  # noqa: S101 - upstream's pages do it inside
        Blocks.current.dependencies.append((function, list(inputs), list(outputs)))


class HTML(Component):
    kind = "html"


class Chatbot(Component):
    kind = "chatbot"


class Textbox(Component):
    kind = "textbox"


class Button(Component):
    kind = "button"


class State(Component):
    kind = "state"


class Row(Component):
    kind = "row"


class Column(Component):
    kind = "column"


class Slider(Component):
    kind = "slider"

    def __init__(self, minimum: float = 0, maximum: float = 100, value: float | None = None, **props: Any) -> None:
        super().__init__(value, minimum=minimum, maximum=maximum, **props)


class Blocks:
    """A page: components, and functions between them."""

    current: Blocks | None = None

    def __init__(self) -> None:
        self.components: list[Component] = []
        self.dependencies: list[tuple[Callable[..., Any], list[Component], list[Component]]] = []

    def __enter__(self) -> Blocks:
        Blocks.current = self
        return self

    def __exit__(self, *_: Any) -> None:
        Blocks.current = None

    def queue(self) -> Blocks:
        return self

    def config(self) -> dict[str, Any]:
        """What gradio 3 tells of the page in `/config`."""
        return {
            "version": "3.50.2",
            "title": "ChatGLM (rehearsal)",
            "components": [
                {"id": one.id, "type": one.kind, "props": {"value": one.value, **one.props}} for one in self.components
            ],
            "dependencies": [
                {"inputs": [one.id for one in inputs], "outputs": [one.id for one in outputs]}
                for _, inputs, outputs in self.dependencies
            ],
        }

    def launch(
        self,
        server_name: str = "127.0.0.1",
        server_port: int = 7860,
        auth: Callable[[str, str], bool] | None = None,
        ssl_keyfile: str | None = None,
        ssl_certfile: str | None = None,
        **_: Any,
    ) -> None:
        """Serve the page until the process is ended; over TLS where a key is named."""
        serve(self, server_name, server_port, auth, ssl_keyfile, ssl_certfile)


def update(**changes: Any) -> dict[str, Any]:
    return {"__type__": "update", **changes}
