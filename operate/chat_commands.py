"""The commands that talk with the model."""

from __future__ import annotations

import json
import sys
from typing import Annotated

import typer

from operate.errors import OperateError
from operate.options import AsJson, StackName
from operate.session import session
from words import phrase

talking = typer.Typer()

Temperature = Annotated[float | None, typer.Option(min=0, max=2, help="0 always says the likeliest.")]
Longest = Annotated[int | None, typer.Option("--max-tokens", min=1, help="The answer's length, at most.")]
System = Annotated[str, typer.Option("--system", help="Stands before the first question.")]


@talking.command()
def ask(
    question: Annotated[str, typer.Argument(metavar="QUESTION", help="The question, or - for standard input.")],
    stack: StackName = None,
    as_json: AsJson = False,
    system: System = "",
    temperature: Temperature = None,
    max_tokens: Longest = None,
) -> None:
    """Ask the model one question.

    Example: chatglm ask "用一句话介绍你自己"
    """
    from operate.asking import find_api

    with session(stack, as_json) as here:
        text = sys.stdin.read() if question == "-" else question
        if not text.strip():
            raise OperateError(phrase("The question is empty."), phrase('For example: chatglm ask "你好"'))
        messages = [*_system(system), {"role": "user", "content": text}]
        said = ""
        for piece in find_api(here.stack).stream(messages, **_options(temperature, max_tokens)):
            said += piece
            if not as_json:
                typer.echo(piece, nl=False)
        if as_json:
            here.output.show({"answer": said})
        else:
            typer.echo()


@talking.command()
def chat(
    stack: StackName = None,
    as_json: AsJson = False,
    system: System = "",
    temperature: Temperature = None,
    max_tokens: Longest = None,
) -> None:
    """Talk with the model; an empty line ends it, /new begins anew.

    Example: chatglm chat
    """
    from operate.asking import find_api

    with session(stack, as_json) as here:
        api, begin = find_api(here.stack), _system(system)
        messages = list(begin)
        while True:
            try:
                question = typer.prompt(phrase("你 you"), prompt_suffix="> ", default="", show_default=False, err=True)
            except (typer.Abort, EOFError):
                return
            if not question.strip():
                return
            if question.strip() == "/new":
                messages = list(begin)
                continue
            messages.append({"role": "user", "content": question})
            said = ""
            try:
                for piece in api.stream(messages, **_options(temperature, max_tokens)):
                    said += piece
                    if not as_json:
                        typer.echo(piece, nl=False)
            except OperateError as error:
                # The talk goes on: what was refused is not part of it.
                messages.pop()
                typer.echo(f"{error.message} {error.hint}", err=True)
                continue
            # With --json a line for each answer.
            typer.echo(json.dumps({"answer": said}, ensure_ascii=False) if as_json else "")
            messages.append({"role": "assistant", "content": said})


@talking.command()
def key(stack: StackName = None, as_json: AsJson = False) -> None:
    """Show the API's address and key, for other programs.

    Example: chatglm key
    """
    from operate.asking import find_api

    with session(stack, as_json) as here:
        api = find_api(here.stack)
        # Other programs need the certificate itself, to trust it and nothing else.
        trust = {"certificate": here.stack.outputs.get("demoCertificate")} if api.fingerprint else {}
        text = phrase("certificate: pulumi stack output demoCertificate (SHA-256 {print})", print=api.fingerprint)
        document = {"url": api.url, "key": api.key, **trust}
        here.output.show(document, f"{api.url}\n{api.key}" + (f"\n{text}" if trust else ""))


def _system(text: str) -> list[dict[str, str]]:
    return [{"role": "system", "content": text}] if text else []


def _options(temperature: float | None, max_tokens: int | None) -> dict[str, float | int]:
    given = {"temperature": temperature, "max_tokens": max_tokens}
    return {name: value for name, value in given.items() if value is not None}
