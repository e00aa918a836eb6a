"""The peers: which packages are compared, one file each in this folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Peer:
    """A package that is compared.

    Attributes
    ----------
    name : as it is installed; its environment and requirement file are called so.
    script : its file here.
    nested : whether it estimates nested logits.
    fast : whether ``--peers fast`` asks it.
    cells : the largest dense design it is asked for (cases x alternatives x coefficients); larger ones are recorded as
        not asked. All are asked for what they were seen to finish in some minutes.
    without : packages that its installation brings and that keep it from working.
    needs : R packages, for a peer in R.
    why : what sets the limit, in words.
    """

    name: str
    script: str
    nested: bool = False
    fast: bool = False
    cells: float = 1e8
    without: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    why: str = "takes too long or too much memory"


PEERS = {
    peer.name: peer
    for peer in (
        Peer("torchdcm", "torchdcm.py", nested=True, fast=True),
        Peer("xlogit", "xlogit.py", fast=True),
        Peer("lcl-choice", "lcl_choice.py", fast=True),
        Peer("choicemodels", "choicemodels.py", fast=True),
        Peer("larch", "larch.py", nested=True, fast=True),
        Peer("torch-choice", "torch_choice.py", nested=True, without=("torchvision",)),
        Peer("itlog", "itlog.py", nested=True, cells=2e7, why="prepares a row at a time: minutes for a million rows"),
        Peer("statsmodels", "statsmodels.py", cells=2e7, why="a Python loop over the cases"),
        Peer("biogeme", "biogeme.py", nested=True, cells=2e7, why="no first fit within five minutes"),
        Peer("choice-learn", "choice_learn.py", nested=True),
        Peer("pylogit", "pylogit.py", nested=True, cells=1e6, why="a dense matrix of rows x cases"),
        Peer("mlogit", "r_mlogit.R", nested=True, cells=2e7, needs=("mlogit",), why="minutes of model frames"),
        Peer("survival", "r_clogit.R", cells=2e7, needs=("survival",), why="minutes of model frames"),
    )
}
FAST = tuple(name for name, peer in PEERS.items() if peer.fast)
