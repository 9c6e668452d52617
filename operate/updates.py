"""up, park, restore and destroy: Pulumi's Automation API around the same program that `pulumi up` runs.

They set the keys that a person would set, and nothing is done that `pulumi up` alone would not do.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from pulumi import automation
from pulumi.automation.errors import CommandError, ConcurrentUpdateError

from components.settings import PROJECT, load_settings
from operate.engine import PatientEngine
from operate.errors import ExitCode, OperateError
from operate.locks import find_locks, locked
from operate.narration import Narrator, tell_failure
from operate.queries import no_engine
from operate.stacks import Stack
from words import phrase

STATE = f"{PROJECT}:state"


class Command(Enum):
    UP = "up"
    PARK = "park"
    RESTORE = "restore"
    DESTROY = "destroy"

    @property
    def wanted(self) -> str | None:
        """The word that chatglm:state takes; a destroy leaves it alone."""
        return {Command.PARK: "parked", Command.DESTROY: None}.get(self, "running")


@dataclass(frozen=True)
class Announced:
    """What the update would do, in the program's words and as the engine's deeds."""

    action: Command
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
    """One update of one stack. Every method raises OperateError with the program's own words.

    `once` holds keys for this update alone: they never reach the stack's own file. Nor does anything of a plan.
    `tell` hears what is said when the update is interrupted; it then ends in order. `message` stands in the stack's
    history.
    """

    def __init__(
        self,
        stack: Stack,
        action: Command,
        once: Mapping[str, str] | None = None,
        tell: Callable[[str], None] = lambda _: None,
        message: str | None = None,
    ) -> None:
        self._stack = stack
        self._message = message
        self.action = action
        self._once = dict(once or {})
        # The word that stays in the stack's file, unless this update alone is to see it.
        self._lasting = {STATE: action.wanted} if action.wanted and STATE not in self._once else {}
        self._engine = _select(stack, tell)

    @property
    def settings(self) -> dict[str, str]:
        """Every key that this update sees changed."""
        return {**self._lasting, **self._once}

    def plan(self) -> Announced:
        """Preview with the new settings, on a copy of the stack's file: nobody has agreed yet."""
        narrator = Narrator(destroying=self._destroying)
        with self._copy(self.settings) as file:
            if self._destroying:
                self._run(
                    narrator,
                    lambda hear: self._engine.destroy(
                        on_event=hear, run_program=True, preview_only=True, config_file=file
                    ),
                )
            else:
                self._run(narrator, lambda hear: self._engine.preview(on_event=hear, config_file=file))
        return self._plan_of(narrator)

    def carry_out(self, say: Callable[[str], None], show: Callable[[str], None]) -> tuple[Announced, dict[str, Any]]:
        """Do it, saying what happens, the plan first. Returns what was done, and the outputs without secrets."""
        narrator = Narrator(say, show, destroying=self._destroying)
        self._keep(self._lasting)
        with self._copy(self._once) as file:
            if self._destroying:
                for line in self._end_in_words():
                    say(line)
                self._run(
                    narrator, lambda hear: self._engine.destroy(on_event=hear, run_program=True, config_file=file)
                )
                return self._plan_of(narrator), {}
            self._run(
                narrator,
                lambda hear: self._engine.up(
                    on_event=hear, show_secrets=False, config_file=file, message=self._message
                ),
            )
        outputs = self._engine.outputs()
        shown = {name: output.value for name, output in outputs.items() if not output.secret}
        return self._plan_of(narrator), shown

    def keep_word(self) -> None:
        """Write the word that this update alone saw into the stack's own file, now that it is done."""
        if self.action.wanted:
            self._keep({STATE: self.action.wanted})

    def free_lock(self) -> None:
        """Free the stack of its locks: only where each of their engines is known to be dead."""
        workspace = self._engine.workspace
        try:
            workspace.pulumi_command.run(
                ["cancel", "--yes", "--stack", self._stack.name], str(self._stack.project), workspace.env_vars
            )
        except CommandError as error:
            raise OperateError(
                phrase("The stack's lock could not be freed: {reason}", reason=last_line(error))
            ) from None

    @property
    def _destroying(self) -> bool:
        return self.action is Command.DESTROY

    def _plan_of(self, narrator: Narrator) -> Announced:
        announcements = [*(self._end_in_words() if self._destroying else ()), *narrator.announcements]
        return Announced(self.action, self.settings, tuple(announcements), tuple(narrator.deeds))

    def _end_in_words(self) -> list[str]:
        settings = load_settings({**self._stack.config, **self.settings}, self._stack.encrypted)
        machine = self._stack.machine_id
        if not self._stack.outputs:
            return [
                phrase(
                    "The stack holds nothing, so nothing is ended. What carries its name in the cloud: chatglm cost."
                )
            ]
        words = []
        if machine:
            words.append(
                phrase("{machine} is terminated with its disk", machine=machine)
                + (
                    phrase(" and its work is thrown away (chatglm:discard).")
                    if settings.discard
                    else phrase(", if an image holds its work.")
                )
            )
        words.append(
            phrase("The newest image stays and goes on costing money; the next chatglm up restores from it.")
            if settings.keep_image
            else phrase("The images are deleted with their snapshots.")
        )
        return words

    @contextmanager
    def _copy(self, changes: Mapping[str, str]) -> Iterator[str | None]:
        """A copy of the stack's file with these keys changed, gone afterwards; None where nothing is to change.

        The engine reads its configuration there, so that no way out, not even a kill, leaves a trace in the file.
        """
        changed = {key: value for key, value in changes.items() if self._stack.config.get(key) != value}
        if not changed:
            yield None
            return
        with tempfile.TemporaryDirectory(prefix="chatglm-") as folder:
            copy = Path(folder) / self._stack.file.name
            if self._stack.file.exists():
                shutil.copyfile(self._stack.file, copy)
            self._set(changed, "--config-file", str(copy))
            yield str(copy)

    def _keep(self, changes: Mapping[str, str]) -> None:
        """Write keys into the stack's own file."""
        if changed := {key: value for key, value in changes.items() if self._stack.config.get(key) != value}:
            self._set(changed)

    def _set(self, changes: Mapping[str, str], *where: str) -> None:
        pairs = [part for key, value in changes.items() for part in ("--plaintext", f"{key}={value}")]
        command = ["config", "set-all", "--stack", self._stack.name, *where, *pairs]
        workspace = self._engine.workspace
        try:
            workspace.pulumi_command.run(command, str(self._stack.project), workspace.env_vars)
        except CommandError as error:
            raise OperateError(
                phrase("The stack's configuration could not be written: {last_line}", last_line=last_line(error))
            ) from None

    def _run(self, narrator: Narrator, run: Callable[[automation.OnEvent], object]) -> None:
        try:
            run(narrator.hear)
        except KeyboardInterrupt:
            raise OperateError(
                phrase("Interrupted. What the update had begun stands in the stack's state."),
                phrase("Run the same command again to go on from here."),
                ExitCode.INTERRUPTED,
            ) from None
        except ConcurrentUpdateError as error:
            raise locked(find_locks(str(error)), self._stack.name) from None
        except CommandError as error:
            text = tell_failure(narrator.errors) if narrator.errors else last_line(error)
            raise OperateError(text, phrase("Run the same command again to go on from here.")) from None


def _select(stack: Stack, tell: Callable[[str], None]) -> automation.Stack:
    try:
        options = automation.LocalWorkspaceOptions(pulumi_command=PatientEngine(tell), env_vars=dict(stack.environment))
        return automation.select_stack(stack.name, work_dir=str(stack.project), opts=options)
    except FileNotFoundError:
        raise no_engine() from None
    except CommandError as error:
        raise OperateError(phrase("Pulumi: {last_line}", last_line=last_line(error))) from None


def last_line(error: CommandError) -> str:
    """The engine's last complaint, without its frame."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    marked = [line.partition("error:")[2].strip() for line in lines if "error:" in line]
    return marked[-1] if marked else (lines[-1] if lines else phrase("no reason given"))
