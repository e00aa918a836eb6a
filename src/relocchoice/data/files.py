"""Tables from files: text is parsed, nothing in a file is ever evaluated or unpickled."""

from __future__ import annotations

import bz2
import gzip
import lzma
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any

import pandas as pd

from relocchoice.data.provenance import KEY
from relocchoice.errors import DataError

SEPARATORS = {".csv": ",", ".tsv": "\t", ".txt": "\t"}
PARQUET = (".parquet", ".pq")
PROVENANCE = "# provenance:"
_LONGEST = 4096
_OPENERS: Mapping[str, Any] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open, ".zip": None}


def read_table(path: str | PathLike[str], separator: str | None = None) -> pd.DataFrame:
    """The table in a file: CSV or TSV (also compressed, ``.csv.gz``), or Parquet.

    Parameters
    ----------
    path : the file.
    separator : between the fields of a text file; None: by the file's ending.

    Returns
    -------
    DataFrame
        With ``attrs["provenance"]`` where the first line of a text file is ``# provenance: ...``, as in files of
        simulated data.

    Raises
    ------
    DataError
        When the file does not exist, has another ending, cannot be parsed, or holds no rows.
    """
    place = Path(path)
    if not place.is_file():
        raise DataError(f"{place} is not a file")
    endings = [ending.lower() for ending in place.suffixes]
    if endings and endings[-1] in (".gz", ".bz2", ".xz", ".zip"):
        endings = endings[:-1]
    ending = endings[-1] if endings else ""
    if ending not in (*SEPARATORS, *PARQUET) and separator is None:
        known = ", ".join((*SEPARATORS, *PARQUET))
        raise DataError(f"{place} ends in {ending or 'nothing'}; known endings: {known} (or name the separator)")
    try:
        table = (
            pd.read_parquet(place)
            if ending in PARQUET
            else pd.read_csv(
                place,
                sep=separator or SEPARATORS[ending],
                skipinitialspace=True,
                skiprows=1 if _provenance(place) else 0,
            )
        )
    except ImportError:
        raise DataError(
            f"{place}: reading Parquet needs pyarrow; pip install 'relocchoice[parquet]', or save the table as CSV"
        ) from None
    except (
        ValueError,
        UnicodeError,
        EOFError,
        OSError,
    ) as error:  # parser errors are ValueErrors
        raise DataError(f"{place} cannot be read as a table: {str(error).strip()}") from None
    line = "" if ending in PARQUET else _provenance(place)
    if line:
        table.attrs[KEY] = line
    if table.empty:
        raise DataError(f"{place} holds no rows")
    return table


def _provenance(place: Path) -> str:
    """What the first line of a text file says of where its data come from; empty where it says nothing."""
    opener = _OPENERS.get(place.suffix.lower(), open)
    if opener is None:
        return ""
    with opener(place, "rb") as stream:
        first = stream.readline(_LONGEST).decode("utf-8-sig", errors="replace").strip()
    return first.removeprefix(PROVENANCE).strip() if first.startswith(PROVENANCE) else ""


def labelled(table: pd.DataFrame, layout: str, columns: Mapping[str, Any]) -> pd.DataFrame:
    """The table with its alternatives as text, which is what a command line and the keys of a text file can name.

    Parameters
    ----------
    layout : ``"long"``, ``"wide"`` or ``"counts"``.
    columns : role -> column, as the constructors take them.
    """
    name = columns.get("chosen" if layout == "wide" else "alternative")
    if name not in table.columns:
        return table
    return table.assign(**{str(name): table[name].map(str, na_action="ignore")})
