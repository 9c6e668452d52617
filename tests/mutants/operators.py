"""What is changed in a module: those of cosmic-ray's operators that stand for a person's mistakes, and one more."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.operators.operator import Operator
from cosmic_ray.plugins import get_operator

#: Boundaries, opposites, numbers. Not: operators on bits, which the annotations of types are full of.
NAMES = (
    *(f"ReplaceComparisonOperator_{pair}" for pair in (
        "Lt_LtE", "LtE_Lt", "Gt_GtE", "GtE_Gt", "Lt_Gt", "Gt_Lt", "Eq_NotEq", "NotEq_Eq", "Is_IsNot", "IsNot_Is",
    )),
    *(f"ReplaceBinaryOperator_{pair}" for pair in ("Add_Sub", "Sub_Add", "Mul_Div", "Div_Mul", "FloorDiv_Mul")),
    "AddNot", "ReplaceUnaryOperator_Delete_Not", "ReplaceTrueWithFalse", "ReplaceFalseWithTrue", "ReplaceAndWithOr",
    "ReplaceOrWithAnd", "ReplaceBreakWithContinue", "ReplaceContinueWithBreak", "NumberReplacer",
    "ZeroIterationForLoop",
)  # fmt: skip
DELETE = "DeleteStatement"


class DeleteStatement(Operator):
    """A call whose answer nobody takes, or a value that an object keeps, is left out."""

    def mutation_positions(self, node: Any) -> Iterator[tuple[Any, Any]]:
        if node.type != "simple_stmt":
            return
        first = node.children[0]
        keeps = first.type == "expr_stmt" and "." in first.children[0].get_code(include_prefix=False)
        if keeps or first.type == "await_expr" or (first.type == "atom_expr" and first.get_code().rstrip()[-1] == ")"):
            yield first.start_pos, first.end_pos

    def mutate(self, node: Any, index: int) -> Any:
        first = node.children[0]
        nothing = get_ast("pass").children[0]
        nothing.prefix = first.get_first_leaf().prefix
        node.children[0] = nothing
        return node

    @classmethod
    def examples(cls) -> tuple[()]:
        return ()


@dataclass(frozen=True)
class Mutant:
    """The `nth` place (from 0) where an operator applies in a file; `line` is for a person."""

    file: str
    operator: str
    nth: int
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line} {self.operator} {self.nth}"

    def told(self, source: str) -> str:
        """The change in one line, without its place: that moves with every line that is written above it."""
        before, after = source.splitlines(), self.apply(source).splitlines()
        first = next(number for number, pair in enumerate(zip(before, after, strict=False)) if pair[0] != pair[1])
        last = next(
            number
            for number, pair in enumerate(zip(reversed(before), reversed(after), strict=False))
            if pair[0] != pair[1]
        )
        old, new = (" ".join(line.strip() for line in lines[first : len(lines) - last]) for lines in (before, after))
        return f"{self.file}: {old} -> {new}"

    def apply(self, source: str) -> str:
        changed = mutate_code(source, _operator(self.operator), self.nth)
        assert changed is not None, f"{self} is no place any more"
        return str(changed)


def _operator(name: str) -> Any:
    return DeleteStatement() if name == DELETE else get_operator(f"core/{name}")()


def mutants_of(file: str, source: str) -> list[Mutant]:
    """Every mutant of a file but those that change no meaning: types in annotations, texts of documentation."""
    tree, silent = get_ast(source), _silent_lines(source)
    found = []
    for name in (*NAMES, DELETE):
        operator = _operator(name)
        places = [place for node in ast_nodes(tree) for place in operator.mutation_positions(node)]
        found += [Mutant(file, name, nth, start[0]) for nth, (start, _) in enumerate(places)]
    return [mutant for mutant in found if mutant.line not in silent]


def _silent_lines(source: str) -> set[int]:
    """Lines of imports and decorators, and of what only type checkers read."""
    lines: set[int] = set()
    for node in ast.walk(ast.parse(source)):
        typing_only = isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        if typing_only or isinstance(node, ast.Import | ast.ImportFrom):
            lines |= set(range(node.lineno, (node.end_lineno or node.lineno) + 1))
        lines |= {one.lineno for one in getattr(node, "decorator_list", ())}
    return lines
