"""YAML with its lines: every value knows where it stands, and every mistake is one line of text that says so."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pytest_cio_load.errors import CioLoadError, near_miss
from pytest_cio_load.pipeline.opening import check_installed
from pytest_cio_load.scaling.planner.facts import Place
from pytest_cio_load.units import show_value

if TYPE_CHECKING:
    from yaml.nodes import Node

_YAML = "tag:yaml.org,2002:"
_DEEPEST = 100


@dataclass(frozen=True, slots=True)
class Mistake:
    """One thing wrong in a manifest.

    Attributes:
        where: the line.
        path: the field: ``spec.metrics[1].pods``; "" for the file itself.
        got: what is there, short.
        expected: what would have been right.
        nearest: the fix that is closest, or "".
    """

    where: Place
    path: str
    got: str
    expected: str
    nearest: str = ""

    def describe(self) -> str:
        """``hpa.yaml:8: spec.minReplicas: got 5; expected at most maxReplicas, 2; try maxReplicas: 5``."""
        path = f"{self.path}: " if self.path else ""
        nearest = f"; {self.nearest}" if self.nearest else ""
        return f"{self.where}: {path}got {self.got}; expected {self.expected}{nearest}"

    def plain(self) -> dict[str, object]:
        """For JSON."""
        said = {name: getattr(self, name) for name in ("path", "got", "expected", "nearest")}
        return {"file": self.where.file, "line": self.where.line, **said}


class ManifestError(CioLoadError, ValueError):
    """Manifests that cannot be used. Holds every mistake, not only the first."""

    def __init__(self, mistakes: Iterable[Mistake]) -> None:
        self.mistakes = tuple(mistakes)
        super().__init__("\n".join(mistake.describe() for mistake in self.mistakes))


class At:
    """A value in a YAML file.

    Args:
        node: of PyYAML's composer.
        file: the file's name as it was given.
        path: the field.
        mistakes: where what is wrong is collected.
    """

    __slots__ = ("file", "mistakes", "node", "path")

    def __init__(self, node: Node, file: str, path: str, mistakes: list[Mistake]) -> None:
        self.node, self.file, self.path, self.mistakes = node, file, path, mistakes

    @property
    def place(self) -> Place:
        """Where it begins."""
        return Place(self.file, self.node.start_mark.line + 1)

    def wrong(self, expected: str, nearest: str = "", *, got: str | None = None) -> None:
        """Collect a mistake about this value."""
        self.mistakes.append(Mistake(self.place, self.path, self._shown() if got is None else got, expected, nearest))

    def fields(self, known: Iterable[str] | None = None) -> Mapping[str, At]:
        """The entries of a mapping by name, empty when this is none; names that are not *known* are mistakes, and so are repeated ones."""
        found: dict[str, At] = {}
        for name, at in self._entries():
            if name in found:
                at.wrong("each field once", f"the first one is at line {found[name].place.line}", got=f"{name} a second time")
            elif known is not None and name not in known:
                nearest = near_miss(name, known) or f"the fields are {', '.join(known)}"
                at.wrong(f"a field of {self.path or 'a manifest'}", nearest, got=f"an unknown one, {show_value(name)}")
            else:
                found[name] = at
        return found

    def items(self) -> list[At]:
        """The entries of a list; none when this is no list, which is a mistake."""
        from yaml.nodes import SequenceNode

        if not isinstance(self.node, SequenceNode):
            self.wrong("a list")
            return []
        return [At(node, self.file, f"{self.path}[{index}]", self.mistakes) for index, node in enumerate(self.node.value)]

    def scalar(self) -> object:
        """Text, number, bool or None; None also for a mapping and a list."""
        from yaml.constructor import SafeConstructor
        from yaml.nodes import ScalarNode

        if not isinstance(self.node, ScalarNode):
            return None
        tag = self.node.tag.removeprefix(_YAML)
        if tag not in ("int", "float", "bool", "null"):
            return str(self.node.value)
        try:
            made: object = SafeConstructor().construct_object(self.node)
        except ValueError:
            return str(self.node.value)
        return made

    def text(self, expected: str = "text", nearest: str = "") -> str | None:
        """The text; None, and a mistake, when this is none or empty."""
        value = self.scalar()
        if isinstance(value, str) and value.strip():
            return value
        if value is not None and not isinstance(value, str):
            nearest = nearest or "put it into quotes"
        self.wrong(expected, nearest)
        return None

    def one_of(self, known: Iterable[str]) -> str | None:
        """One of these words; None, and a mistake, when this is none of them."""
        value = self.scalar()
        words = list(known)
        if isinstance(value, str) and value in words:
            return value
        like = {word.lower(): word for word in words}
        close = like.get(str(value).lower())
        self.wrong(" or ".join(words), f"did you mean {close}?" if close else near_miss(str(value), words) or f"try {words[0]}")
        return None

    def whole(self, least: int, most: int, expected: str, nearest: str = "") -> int | None:
        """A whole number from *least* to *most*; None, and a mistake, when this is none."""
        value = self.scalar()
        if isinstance(value, int) and not isinstance(value, bool) and least <= value <= most:
            return value
        if not nearest and isinstance(value, int) and not isinstance(value, bool):
            nearest = f"try {min(max(value, least), most)}"
        if isinstance(value, str) and value.strip().isdigit():
            nearest = f"leave the quotes out: {value.strip()[:12]}"
        self.wrong(expected, nearest)
        return None

    def _entries(self) -> Iterator[tuple[str, At]]:
        from yaml.nodes import MappingNode

        if not isinstance(self.node, MappingNode):
            self.wrong("a mapping of fields")
            return
        for key, value in self.node.value:
            name = str(key.value) if isinstance(key.value, str) else "?"
            path = f"{self.path}.{name}" if self.path else name
            # The line of a mapping is the one its name stands in, as people count.
            at = At(value, self.file, path, self.mistakes)
            yield name, _Named(at, key.start_mark.line + 1)

    def _shown(self) -> str:
        from yaml.nodes import MappingNode, SequenceNode

        if isinstance(self.node, MappingNode):
            return "a mapping"
        if isinstance(self.node, SequenceNode):
            return "a list" if self.node.value else "an empty list"
        value = self.scalar()
        return "nothing" if value is None or value == "" else show_value(value)


class _Named(At):
    """A value with a name, whose line counts."""

    __slots__ = ("_line",)

    def __init__(self, at: At, line: int) -> None:
        super().__init__(at.node, at.file, at.path, at.mistakes)
        self._line = line

    @property
    def place(self) -> Place:
        return Place(self.file, self._line)


def documents(text: str, file: str, mistakes: list[Mistake]) -> list[At]:
    """The documents of a YAML file, without empty ones. What is no YAML is a mistake.

    Raises:
        ImportError: PyYAML is not installed; the text names the extra.
    """
    check_installed("yaml", "k8s")
    import yaml

    found: list[At] = []
    try:
        # One by one: the documents before the mistake are of use.
        found.extend(At(node, file, "", mistakes) for node in yaml.compose_all(text, Loader=yaml.SafeLoader) if not _is_null(node))
    except yaml.YAMLError as error:
        mistakes.append(_not_yaml(error, text, file))
    except RecursionError:
        mistakes.append(Mistake(Place(file, 1), "", f"values nested more than {_DEEPEST} deep", "a manifest", "write it flatter"))
    return found


def _is_null(node: Any) -> bool:
    return node is None or bool(node.tag == f"{_YAML}null")


def _not_yaml(error: Any, text: str, file: str) -> Mistake:
    mark = getattr(error, "problem_mark", None)
    line = mark.line + 1 if mark is not None else text[: getattr(error, "position", 0)].count("\n") + 1
    why = " ".join(str(getattr(error, "problem", None) or getattr(error, "reason", "") or "it cannot be read").split())
    lines = text.splitlines()
    written = lines[line - 1] if 0 < line <= len(lines) else ""
    if "{{" in text or "{%" in text:
        nearest = "render the template first: helm template"
    elif "\t" in written:
        nearest = "indent by spaces, not by tabs"
    else:
        nearest = "look at the indentation and the colons of this line and the one before"
    return Mistake(Place(file, line), "", f"what is no YAML ({why})", "a manifest in YAML", nearest)
