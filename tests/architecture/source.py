"""The syntax trees of edge_opt and what they import: read, never executed."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
PACKAGE = CHECKOUT / "edge_opt"


@dataclass(frozen=True)
class Module:
    """One file of edge_opt: ``name`` is dotted (``edge_opt.stages.plan``), ``path`` absolute."""

    name: str
    path: Path

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.path.read_text(encoding="utf-8"), filename=str(self.path))

    @property
    def relative(self) -> str:
        return self.path.relative_to(CHECKOUT).as_posix()

    @property
    def package(self) -> str:
        """What a leading dot in its imports means."""
        return self.name if self.path.name == "__init__.py" else self.name.rpartition(".")[0]

    def walk(self) -> Iterator[ast.AST]:
        return ast.walk(self.tree)


@cache
def modules() -> tuple[Module, ...]:
    """Every file of edge_opt, in the order of its name."""
    return tuple(Module(_dotted(path), path) for path in sorted(PACKAGE.rglob("*.py")))


def _dotted(path: Path) -> str:
    parts = path.relative_to(CHECKOUT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(module: Module) -> Iterator[tuple[str, int]]:
    """Each ``(dotted name, line)`` that ``module`` imports, wherever in the file, relative ones resolved.

    ``from a import b`` is ``a.b`` where that is a module of edge_opt, else ``a``; ``import_module("a.b")`` counts.
    The version, which ``edge_opt`` itself holds, is listed apart: asking for it opens nothing.
    """
    ours = {known.name for known in modules()}
    for node in module.walk():
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            source = node.module or ""
            if node.level:
                above = module.package.split(".")[: len(module.package.split(".")) - node.level + 1]
                source = ".".join([*above, *filter(None, [node.module])])
            for alias in node.names:
                submodule = f"{source}.{alias.name}"
                yield (submodule if submodule in ours or alias.name == "__version__" else source), node.lineno
        elif isinstance(node, ast.Call) and _called(node).endswith("import_module") and node.args:
            match node.args[0]:
                case ast.Constant(value=str(name)):
                    yield name, node.lineno


def _called(call: ast.Call) -> str:
    return ast.unparse(call.func)


def own_imports(module: Module) -> Iterator[tuple[str, int]]:
    """The imports of ``module`` that lie in edge_opt."""
    return ((name, line) for name, line in imports(module) if name.split(".")[0] == "edge_opt")


def definitions(module: Module) -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef]]:
    """Each ``(qualified name, node)`` of a function, method or class that is not inside a function."""
    pending: list[tuple[str, ast.AST]] = [("", module.tree)]
    while pending:
        prefix, scope = pending.pop()
        for node in ast.iter_child_nodes(scope):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                name = f"{prefix}{node.name}"
                yield name, node
                if isinstance(node, ast.ClassDef):
                    pending.append((f"{name}.", node))
            elif isinstance(node, ast.If | ast.Try | ast.With):
                pending.append((prefix, node))
