"""How wide text is on a fixed-width screen, and what of a label may be shown at all."""

from __future__ import annotations

import unicodedata

_INVISIBLE = {"Cc", "Cf", "Zl", "Zp", "Cs"}
_WIDTHLESS = {"Mn", "Me"}


def visible(label: str) -> str:
    """The label with control, bidirectional and line-breaking characters written as escapes, e.g. ``\\n``.

    A label comes from the user's data; a raw newline or escape sequence in it would tear the table or drive the
    terminal.
    """
    if label.isprintable():
        return label
    return "".join(_shown(character) for character in label)


def _shown(character: str) -> str:
    if unicodedata.category(character) in _INVISIBLE:
        return character.encode("unicode_escape").decode("ascii")
    return character


def display_width(text: str) -> int:
    """Columns that the text takes on a fixed-width screen (wide East Asian characters take two)."""
    if text.isascii():
        return len(text)
    return sum(_character_width(character) for character in text)


def _character_width(character: str) -> int:
    if unicodedata.category(character) in _WIDTHLESS:
        return 0
    return 2 if unicodedata.east_asian_width(character) in ("W", "F") else 1


def pad_left(text: str, width: int) -> str:
    """The text moved to the right edge of ``width`` columns."""
    return " " * (width - display_width(text)) + text


def pad_right(text: str, width: int) -> str:
    """The text at the left edge of ``width`` columns."""
    return text + " " * (width - display_width(text))


def centred(text: str, width: int) -> str:
    """The text in the middle of ``width`` columns, without blanks behind it."""
    return " " * max(0, (width - display_width(text)) // 2) + text


def wrapped(text: str, width: int) -> list[str]:
    """Lines of at most ``width`` columns, broken at blanks; a word wider than a line is cut.

    ``textwrap`` counts characters, so it makes lines of wide characters twice too long.
    """
    lines: list[str] = []
    line = ""
    for word in text.split():
        for piece in cut(word, width):
            joined = f"{line} {piece}" if line else piece
            if line and display_width(joined) > width:
                lines.append(line)
                line = piece
            else:
                line = joined
    return [*lines, line] if line or not lines else lines


def cut(text: str, width: int) -> list[str]:
    """Pieces of at most ``width`` columns that make up the text; cut behind a mark where one is late enough."""
    pieces: list[str] = []
    rest = text
    while display_width(rest) > width:
        end = _cut_position(rest, width)
        pieces.append(rest[:end])
        rest = rest[end:]
    return [*pieces, rest]


def _cut_position(text: str, width: int) -> int:
    end, used = 0, 0
    while end < len(text) and used + _character_width(text[end]) <= width:
        used += _character_width(text[end])
        end += 1
    end = max(end, 1)
    soft = max(text.rfind(mark, 0, end) + 1 for mark in ":,_ ")
    return soft if soft > end // 2 else end
