"""An answer on a terminal: Markdown, drawn while it comes."""

from __future__ import annotations

from types import TracebackType

from rich.console import Console, ConsoleOptions, RenderResult
from rich.live import Live
from rich.markdown import Markdown
from rich.segment import Segment
from typing_extensions import Self

_WAITING = "[dim]…[/dim]"
_FENCES = ("```", "~~~")


class Screen:
    """Takes an answer piece by piece. What is finished is printed for good; the block that grows is drawn anew."""

    def __init__(self, console: Console) -> None:
        self._live = Live(console=console, auto_refresh=False)
        self._rest = ""

    def __enter__(self) -> Self:
        self._live.start()
        self._live.update(_WAITING, refresh=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.update(Markdown(self._rest))
        self._live.stop()

    def write(self, text: str) -> None:
        """Show more of the answer."""
        done, self._rest = finished(self._rest + text)
        if done.strip():
            self._live.console.print(Markdown(done), "")
        self._live.update(_Tail(self._rest), refresh=True)


class _Tail:
    """As much of a growing block's end as the screen has room for: what has left the screen cannot be drawn anew."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for line in console.render_lines(Markdown(self._text), options)[1 - console.height :]:
            yield from line
            yield Segment.line()


def finished(text: str) -> tuple[str, str]:
    """The blocks that nothing can be added to, up to an empty line outside of code, and the rest."""
    code, cut, position = False, 0, 0
    for line in text.splitlines(keepends=True):
        position += len(line)
        if line.lstrip().startswith(_FENCES):
            code = not code
        elif not code and line.endswith("\n") and not line.strip():
            cut = position
    return text[:cut], text[cut:]
