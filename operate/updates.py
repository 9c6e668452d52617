"""up, park, restore and destroy: Pulumi's Automation API around the same program that `pulumi up` runs.

They set the keys that a person would set, and nothing is done that `pulumi up` alone would not do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from typing import Any

from pulumi import automation
from pulumi.automation.errors import CommandError, ConcurrentUpdateError

from components.settings import PROJECT
from operate.failures import ExitCode, OperateError
from operate.narration import Narrator, tell_failure
from operate.stacks import Stack

STATE = f"{PROJECT}:state"


class Action(Enum):
    UP = "up"
    PARK = "park"
    RESTORE = "restore"
    DESTROY = "destroy"

    @property
    def wanted(self) -> str | None:
        """The word that chatglm:state takes; a destroy leaves it alone."""
        return {Action.PARK: "parked", Action.DESTROY: None}.get(self, "running")


@dataclass(frozen=True)
class Plan:
    """What the update would do, in the program's words and as the engine's deeds."""

    action: Action
    settings: Mapping[str, str]
    announcements: tuple[str, ...]
    deeds: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        return {
            "action": self.action.value,
            "settings": dict(self.settings),
            "announcements": list(self.announcements),
            "deeds": list(self.deeds),
        }


class Update:
    """One update of one stack. Every method raises OperateError with the program's own words."""

    def __init__(self, stack: Stack, action: Action, more: Mapping[str, str] | None = None) -> None:
        self._stack = stack
        self.action = action
        wanted = {STATE: action.wanted} if action.wanted else {}
        self.settings: dict[str, str] = {**wanted, **(more or {})}
        self._engine = _select(stack)

    def plan(self) -> Plan:
        """Preview with the new settings; they are put back afterwards, since nobody has agreed yet."""
        narrator = Narrator()
        with self._settings(keep=False):
            if self.action is Action.DESTROY:
                self._run(
                    narrator, lambda hear: self._engine.destroy(on_event=hear, run_program=True, preview_only=True)
                )
            else:
                self._run(narrator, lambda hear: self._engine.preview(on_event=hear))
        return self._plan_of(narrator)

    def carry_out(self, say: Callable[[str], None], show: Callable[[str], None]) -> tuple[Plan, dict[str, Any]]:
        """Do it, saying what happens, the plan first. Returns what was done, and the outputs without secrets."""
        narrator = Narrator(say, show)
        with self._settings(keep=True):
            if self.action is Action.DESTROY:
                self._run(narrator, lambda hear: self._engine.destroy(on_event=hear, run_program=True))
                return self._plan_of(narrator), {}
            self._run(narrator, lambda hear: self._engine.up(on_event=hear, show_secrets=False))
        outputs = self._engine.outputs()
        shown = {name: output.value for name, output in outputs.items() if not output.secret}
        return self._plan_of(narrator), shown

    def _plan_of(self, narrator: Narrator) -> Plan:
        # What the program announces in a destroy is the plan of an update, not of the stack's end.
        destroying = self.action is Action.DESTROY
        announcements = self._end_in_words() if destroying else narrator.announcements
        return Plan(self.action, self.settings, tuple(announcements), tuple(narrator.deeds))

    def _end_in_words(self) -> list[str]:
        settings = self._stack.settings
        machine = self._stack.machine_id
        words = []
        if machine:
            words.append(
                f"{machine} is terminated with its disk"
                + (
                    " and its work is thrown away (chatglm:discard)."
                    if settings.discard
                    else ", if an image holds its work."
                )
            )
        words.append(
            "The newest image stays and goes on costing money; the next chatglm up restores from it."
            if settings.keep_image
            else "The images are deleted with their snapshots (chatglm:keepImage is false)."
        )
        return words

    @contextmanager
    def _settings(self, *, keep: bool) -> Iterator[None]:
        """Set the keys; put them back after a preview."""
        before = {key: self._stack.config.get(key) for key in self.settings}
        changed = {key: value for key, value in self.settings.items() if before[key] != value}
        self._set(changed)
        try:
            yield
        finally:
            if not keep:
                self._set({key: before[key] for key in changed})

    def _set(self, settings: Mapping[str, str | None]) -> None:
        try:
            for key, value in settings.items():
                if value is None:
                    self._engine.remove_config(key)
                else:
                    self._engine.set_config(key, automation.ConfigValue(value))
        except CommandError as error:
            raise OperateError(f"The stack's configuration could not be written: {_last_line(error)}") from None

    @staticmethod
    def _run(narrator: Narrator, run: Callable[[automation.OnEvent], object]) -> None:
        try:
            run(narrator.hear)
        except ConcurrentUpdateError:
            raise OperateError(
                "Another update of this stack is under way.",
                "Wait for it; if it was cut off: pulumi cancel.",
                ExitCode.REFUSED,
            ) from None
        except CommandError as error:
            text = tell_failure(narrator.errors) if narrator.errors else _last_line(error)
            raise OperateError(text, "Run the same command again to go on from here.") from None


def _select(stack: Stack) -> automation.Stack:
    try:
        options = automation.LocalWorkspaceOptions(
            pulumi_command=automation.PulumiCommand(), env_vars=dict(stack.environment)
        )
        return automation.select_stack(stack.name, work_dir=str(stack.project), opts=options)
    except FileNotFoundError:
        raise OperateError(
            "The Pulumi engine is not installed.", "Run make up once; it fetches or builds it."
        ) from None
    except CommandError as error:
        raise OperateError(f"Pulumi: {_last_line(error)}") from None


def _last_line(error: CommandError) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    marked = [line.partition("error:")[2].strip() for line in lines if "error:" in line]
    return marked[-1] if marked else (lines[-1] if lines else "no reason given")
