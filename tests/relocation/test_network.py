"""Network variables: brute force agrees, and no firm's own choice is ever in its own row."""

from __future__ import annotations

import itertools
from datetime import date

import numpy as np
import pandas as pd
import pytest

import relocchoice as rc
from relocchoice.relocation import network

FIRMS, PLACES, PERIODS = 12, ["a", "b", "c"], [1980, 1990, 2000]
KEYS = {"firm": "firm", "place": "place", "period": "period"}


def world(seed: int) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Moves (some firms several in a period, some none), firms with towns, ties, decisions."""
    rng = np.random.default_rng(seed)
    firms = pd.DataFrame({"firm": [f"f{k}" for k in range(FIRMS)], "town": rng.choice(["x", "y"], FIRMS)})
    moves = pd.DataFrame(
        {
            "firm": rng.choice(firms["firm"], 25),
            "place": rng.choice(PLACES, 25),
            "period": rng.choice(PERIODS, 25),
        }
    )
    pairs = [(a, b) for a, b in itertools.permutations(firms["firm"], 2) if rng.random() < 0.2]
    ties = pd.DataFrame(pairs, columns=["from", "to"]).assign(strength=rng.integers(1, 4, len(pairs)))
    decisions = pd.DataFrame(list(itertools.product(firms["firm"], PERIODS)), columns=["firm", "period"])
    return moves, firms, ties, decisions


def read(moves: pd.DataFrame, decisions: pd.DataFrame) -> network.Moves:
    return network.Moves.read(moves, **KEYS, decisions=decisions, places=PLACES, periods=PERIODS)


def variables(moves, firms, ties, decisions) -> dict[str, pd.DataFrame]:
    held = read(moves, decisions)
    links = network.Links.read(ties, source="from", target="to", weight="strength", directed=True)
    out = {
        "ever": network.group_stock(held, firms, group="town"),
        "last": network.group_stock(held, firms, group="town", window="last"),
        "links": network.linked_stock(held, links),
        "links last": network.linked_stock(held, links.row_normalised(), window="last"),
        "same": network.peer_shares(held, firms, group="town", timing="same", alone="zero"),
        "before": network.peer_shares(held, firms, group="town", alone="zero"),
    }
    return {name: value.wide() for name, value in out.items()}


def by_hand(moves, firms, ties, decisions) -> dict[str, pd.DataFrame]:
    """The definitions, firm by firm."""
    town = dict(zip(firms["firm"], firms["town"], strict=True))
    weight = {(a, b): w for a, b, w in ties.itertuples(index=False)}
    total = ties.groupby("from")["strength"].sum()
    at = {(f, p, t) for f, p, t in moves.itertuples(index=False)}
    rows: dict[str, list[list[float]]] = {
        name: [] for name in ("ever", "last", "links", "links last", "same", "before")
    }
    for firm, period in decisions.itertuples(index=False):
        k = PERIODS.index(period)
        earlier = PERIODS[:k]
        others = [o for o in town if o != firm]
        peers = [o for o in others if town[o] == town[firm]]

        def been(o: str, p: str, when: list[int]) -> bool:
            return any((o, p, t) in at for t in when)

        def shares(when: list[int], peers: list[str] = peers) -> list[float]:
            parts = []
            for o in peers:
                mine = [float(been(o, p, when)) for p in PLACES]
                if sum(mine):
                    parts.append([v / sum(mine) for v in mine])
            return [0.0] * len(PLACES) if not parts else list(np.mean(parts, axis=0))

        rows["ever"].append([sum(been(o, p, earlier) for o in peers) for p in PLACES])
        rows["last"].append([sum(been(o, p, earlier[-1:]) for o in peers) for p in PLACES])
        rows["links"].append([sum(weight.get((firm, o), 0) * been(o, p, earlier) for o in others) for p in PLACES])
        rows["links last"].append(
            [
                sum(weight.get((firm, o), 0) * been(o, p, earlier[-1:]) for o in others) / total.get(firm, 1)
                for p in PLACES
            ]
        )
        rows["same"].append(shares([period]))
        rows["before"].append(shares(earlier[-1:]))
    return {name: pd.DataFrame(values) for name, values in rows.items()}


@pytest.mark.parametrize("seed", range(5))
def test_brute_force_agrees(seed):
    given = world(seed)
    found, expected = variables(*given), by_hand(*given)
    for name, frame in expected.items():
        np.testing.assert_allclose(found[name].to_numpy(), frame.to_numpy(), atol=1e-12, err_msg=name)


@pytest.mark.parametrize("seed", range(5))
def test_own_choices_never_change_the_own_row(seed):
    moves, firms, ties, decisions = world(seed)
    before = variables(moves, firms, ties, decisions)
    moved_others = False
    for firm in moves["firm"].unique():
        other = moves.copy()
        mine = (other["firm"] == firm).to_numpy()
        # all places of the firm go one further, in every period
        other.loc[mine, "place"] = [PLACES[(PLACES.index(p) + 1) % 3] for p in other.loc[mine, "place"]]
        after = variables(other, firms, ties, decisions)
        for name in before:
            own = before[name].index.get_level_values("firm") == firm
            np.testing.assert_allclose(after[name][own], before[name][own], atol=1e-12, err_msg=name)
            moved_others |= not np.allclose(after[name][~own], before[name][~own])
    assert moved_others


def test_order_of_rows_and_labels_of_firms_do_not_matter():
    moves, firms, ties, decisions = world(3)
    before = variables(moves, firms, ties, decisions)
    shuffled = [frame.sample(frac=1.0, random_state=1) for frame in (moves, firms, ties, decisions)]
    renamed = {f"f{k}": f"z{FIRMS - k:02d}" for k in range(FIRMS)}
    back = {new: old for old, new in renamed.items()}
    for frame in shuffled:
        for column in {"firm", "from", "to"} & set(frame.columns):
            frame[column] = frame[column].map(renamed)
    after = variables(*shuffled)
    for name, frame in before.items():
        other = after[name].rename(index=back, level="firm").loc[frame.index]
        np.testing.assert_allclose(other.to_numpy(), frame.to_numpy(), atol=1e-12, err_msg=name)


def test_shares_sum_to_one_and_the_lonely_are_named():
    moves = pd.DataFrame({"firm": [1, 2, 3], "place": ["a", "b", "b"], "period": [1, 1, 1]})
    firms = pd.DataFrame({"firm": [1, 2, 3], "town": ["x", "x", "y"]})
    held = network.Moves.read(moves, **KEYS)
    with pytest.raises(rc.DataError, match=r"firm 3 in period 1 has no peer by 'town'"):
        network.peer_shares(held, firms, group="town", timing="same")
    shares = network.peer_shares(held, firms, group="town", timing="same", alone="zero").wide()
    assert shares.to_numpy().tolist() == [[0.0, 1.0], [1.0, 0.0], [0.0, 0.0]]


def test_ties_and_degrees():
    ties = pd.DataFrame({"a": [1, 1, 2, 2], "b": [2, 3, 1, 4]})
    kin = network.Links.read(ties, source="a", target="b")
    assert kin.degree().to_dict() == {1: 2.0, 2: 2.0, 3: 1.0, 4: 1.0}
    trade = network.Links.read(ties, source="a", target="b", directed=True)
    assert trade.degree("out").tolist() == [2.0, 2.0, 0.0, 0.0]
    assert trade.degree("in").tolist() == [1.0, 1.0, 1.0, 1.0]
    assert trade.degree().tolist() == [2.0, 2.0, 1.0, 1.0]
    firms = pd.DataFrame({"firm": [1, 2, 3, 4], "town": ["x", "x", "x", "y"]})
    assert kin.degree_at_home(firms, firm="firm", home="town").tolist() == [2.0, 1.0, 1.0, 0.0]
    shares = kin.degree_at_home(firms, firm="firm", home="town", normalised=True)
    assert shares.tolist() == [1.0, 0.5, 0.5, 0.0]
    with pytest.raises(rc.OptionError, match="direction='up'"):
        kin.degree("up")


class Graph:
    """What of networkx is used."""

    nodes = ("p", "q", "r")

    def __init__(self, directed: bool) -> None:
        self._directed = directed

    def is_directed(self) -> bool:
        return self._directed

    def edges(self, data: bool) -> list[tuple[str, str, dict[str, float]]]:
        assert data
        return [("p", "q", {"weight": 2.0}), ("q", "r", {})]


def test_graphs_become_links():
    links = network.Links.from_networkx(Graph(directed=True))
    assert links.firms.tolist() == ["p", "q", "r"]
    assert links.matrix.toarray().tolist() == [[0, 2, 0], [0, 0, 1], [0, 0, 0]]
    both = network.Links.from_networkx(Graph(directed=False), weight=None)
    assert both.matrix.toarray().tolist() == [[0, 1, 0], [1, 0, 1], [0, 1, 0]]
    with pytest.raises(rc.OptionError, match="a networkx graph"):
        network.Links.from_networkx([("p", "q")])


def test_skipped_years_are_said_and_may_be_named():
    moves = pd.DataFrame({"firm": [1, 2, 3], "place": ["a", "a", "b"], "year": [2000, 2001, 2005]})
    firms = pd.DataFrame({"firm": [1, 2, 3], "town": "x"})
    roles = {"firm": "firm", "place": "place", "period": "year"}
    bridged = network.Moves.read(moves, **roles)
    note = "the period before that of 2005 is 2001"
    for variable in (
        network.group_stock(bridged, firms, group="town", window="last"),
        network.peer_shares(bridged, firms, group="town", alone="zero"),
    ):
        assert note in " ".join(variable.notes)
        assert variable.wide().loc[(3, 2005), "a"] == 1
        assert note in " ".join(variable.join(pd.DataFrame({"firm": [3], "year": 2005, "place": "a"})).attrs["notes"])
    assert network.group_stock(bridged, firms, group="town").notes == ()  # what was ever done is the same
    whole = network.Moves.read(moves, **roles, periods=range(2000, 2006))
    stock = network.group_stock(whole, firms, group="town", window="last")
    assert stock.notes == ()
    assert stock.wide().loc[(3, 2005), "a"] == 0


YEARS = ["2000-01-01", "2001-01-01", "2005-01-01"]


@pytest.mark.parametrize(
    ("when", "note"),
    [
        (pd.to_datetime(YEARS), "2005-01-01 is 2001-01-01"),
        (pd.to_datetime(["2000-01-31", "2000-02-29", "2000-04-30"]), "2000-04-30 is 2000-02-29"),
        (pd.to_datetime(["2000-03-05", "2000-03-12", "2000-03-26"]), "2000-03-26 is 2000-03-12"),
        (pd.to_datetime(["2000-03-05 06:00", "2000-03-05 12:00", "2000-03-06 12:00"]), "12:00:00 is 2000-03-05 12"),
        (pd.to_datetime(YEARS).tz_localize("Asia/Shanghai"), "2005-01-01 is 2001-01-01"),
        (pd.PeriodIndex(["2000Q1", "2000Q2", "2000Q4"], freq="Q"), "2000Q4 is 2000Q2"),
        (pd.Index([2000.0, 2001.0, 2005.0]), "2005.0 is 2001.0"),
        (pd.Index([0.25, 0.5, 1.0]), "1.0 is 0.5"),
        (pd.to_datetime(["2000-01-01", "2001-01-01", "2002-01-01"]), ""),
        (pd.to_datetime(["2000-01-01", "2000-04-01", "2000-07-01"]), ""),
        (pd.to_datetime(["2000-01-31", "2000-02-29", "2000-03-31"]), ""),
        (pd.to_datetime(["2000-02-27", "2000-02-28", "2000-02-29"]), ""),
        (pd.PeriodIndex(["2000Q3", "2000Q4", "2001Q1"], freq="Q"), ""),
        (pd.Index([0.1, 0.2, 0.30000000000000004]), ""),
    ],
)
def test_skipped_dates_are_said(when: pd.Index, note: str) -> None:
    moves = pd.DataFrame({"firm": [1, 2, 3], "place": ["a", "a", "b"], "date": when})
    firms = pd.DataFrame({"firm": [1, 2, 3], "town": "x"})
    held = network.Moves.read(moves, firm="firm", place="place", period="date")
    notes = " ".join(network.group_stock(held, firms, group="town", window="last").notes)
    assert bool(notes) == bool(note)
    assert note in notes


@pytest.mark.parametrize("kind", ["polars", "pyarrow", "objects"])
def test_dates_of_other_frames_are_dates(kind: str) -> None:
    polars = pytest.importorskip("polars")
    pytest.importorskip("pyarrow")  # which polars hands its dates over with
    dates = [date.fromisoformat(text) for text in YEARS]
    frame = polars.DataFrame({"firm": [3, 1, 2], "place": ["b", "a", "a"], "date": [dates[2], *dates[:2]]})
    frame = {"polars": frame, "pyarrow": frame.to_arrow(), "objects": pd.DataFrame(frame.to_dict(as_series=False))}[
        kind
    ]
    held = network.Moves.read(frame, firm="firm", place="place", period="date")
    assert list(map(str, held.periods)) == YEARS
    assert "2005-01-01 is 2001-01-01" in held.notes[0]
    assert "years, quarters or months" in held.notes[0]


def test_skipped_dates_may_be_named() -> None:
    moves = pd.DataFrame({"firm": [1, 2, 3], "place": ["a", "a", "b"], "date": pd.to_datetime(YEARS)})
    firms = pd.DataFrame({"firm": [1, 2, 3], "town": "x"})
    roles = {"firm": "firm", "place": "place", "period": "date"}
    bridged = network.group_stock(network.Moves.read(moves, **roles), firms, group="town", window="last")
    assert "make a column of years, quarters or months" in bridged.notes[0]
    assert bridged.wide().loc[(3, "2005-01-01"), "a"] == 1
    years = pd.date_range("2000", "2005", freq="YS")
    whole = network.group_stock(network.Moves.read(moves, **roles, periods=years), firms, group="town", window="last")
    assert whole.notes == ()
    assert whole.wide().loc[(3, "2005-01-01"), "a"] == 0


def test_joining_keeps_both_lines():
    moves, firms, _, decisions = world(1)
    moves.attrs["provenance"] = "moves by hand"
    variable = network.group_stock(read(moves, decisions), firms, group="town")
    long = variable.long().drop(columns="town_stock")
    long.attrs["provenance"] = "drawn by hand"
    assert variable.join(long).attrs["provenance"] == "drawn by hand; moves by hand"


def test_kin_by_place_and_joining():
    moves, firms, _, decisions = world(1)
    held = read(moves, decisions)
    kin = pd.DataFrame({"firm": ["f0", "f0", "f1"], "place": ["b", "c", "a"], "kin": [3, 1, 2]})
    kin.attrs["provenance"] = "simulated from published margins"
    variable = network.ties_at(held, kin, value="kin", name="kin")
    assert variable.wide().attrs["provenance"] == "simulated from published margins"
    long = variable.long().sample(frac=1.0, random_state=0)
    stock = network.group_stock(held, firms, group="town")
    joined = stock.join(long)
    assert joined.index.equals(long.index)
    assert joined.attrs["provenance"] == "simulated from published margins"
    pd.testing.assert_frame_equal(joined.sort_index()[["town_stock"]], stock.long()[["town_stock"]])
    assert joined.query("firm == 'f0' and period == 1990 and place == 'b'")["kin"].item() == 3
    with pytest.raises(rc.DataError, match="has a column 'kin' already"):
        variable.join(joined)
    with pytest.raises(rc.DataError, match="'nowhere' in row 0, which is no place"):
        stock.join(pd.DataFrame({"firm": ["f0"], "period": [1990], "place": ["nowhere"]}))


def test_polars_goes_in():
    polars = pytest.importorskip("polars")
    moves, firms, _, decisions = world(2)
    expected = network.group_stock(read(moves, decisions), firms, group="town").wide()
    held = read(polars.from_pandas(moves), polars.from_pandas(decisions))
    found = network.group_stock(held, polars.from_pandas(firms), group="town").wide()
    np.testing.assert_array_equal(found.to_numpy(), expected.to_numpy())


def test_bad_input_is_named():
    moves, firms, ties, decisions = world(4)
    with pytest.raises(rc.DataError, match="place='town' is not a column"):
        network.Moves.read(moves, firm="firm", place="town", period="period")
    with pytest.raises(rc.DataError, match="column 'place' has no value in 1 rows, the first is row 2 of firm"):
        network.Moves.read(moves.assign(place=moves["place"].where(np.arange(25) != 2)), **KEYS)
    with pytest.raises(rc.DataError, match=r"'c' in row .* which is no place"):
        network.Moves.read(moves, **KEYS, places=["a", "b"])
    with pytest.raises(rc.OptionError, match="order in time of column 'period' is not known"):
        network.Moves.read(moves.assign(period=[f"in {p}" for p in moves["period"]]), **KEYS)
    with pytest.raises(rc.DataError, match="decides twice in period 1980"):
        read(moves, pd.concat([decisions, decisions.head(1)]))
    held = read(moves, decisions)
    with pytest.raises(rc.DataError, match="firm 'f3' has no row"):
        network.group_stock(held, firms[firms["firm"] != "f3"], group="town")
    with pytest.raises(rc.DataError, match="firm 'f0' has 2 values of 'town'"):
        network.group_stock(held, pd.concat([firms, pd.DataFrame({"firm": ["f0"], "town": ["z"]})]), group="town")
    with pytest.raises(rc.OptionError, match="window='all'"):
        network.group_stock(held, firms, group="town", window="all")
    with pytest.raises(rc.DataError, match="row 0: firm 'f1' is tied to itself"):
        network.Links.read(pd.DataFrame({"a": ["f1"], "b": ["f1"]}), source="a", target="b")
    stranger = network.Links.read(pd.DataFrame({"a": ["f1"], "b": ["w"]}), source="a", target="b")
    with pytest.raises(rc.DataError, match="firm 'w' has ties but is not among the firms"):
        network.linked_stock(held, stranger)
    with pytest.raises(rc.DataError, match="column 'strength' holds -1"):
        network.Links.read(ties.assign(strength=-1), source="from", target="to", weight="strength")


def test_periods_of_the_survey_are_known_in_order():
    moves = pd.DataFrame({"firm": [1, 2], "place": ["a", "b"], "period": ["2000-2003", "1980s"]})
    assert network.Moves.read(moves, **KEYS).periods.tolist() == ["1980s", "1990s", "2000-2003"]


def test_many_firms_take_seconds():
    rng = np.random.default_rng(0)
    n = 200_000
    moves = pd.DataFrame({"firm": rng.permutation(n), "place": rng.integers(0, 50, n), "period": rng.integers(0, 2, n)})
    firms = pd.DataFrame({"firm": np.arange(n), "town": rng.integers(0, 100, n)})
    held = network.Moves.read(moves, **KEYS, decisions=firms[["firm"]].assign(period=1))
    values = network.group_stock(held, firms, group="town").values
    # each firm sees the others of its town that moved before
    early = np.bincount(firms["town"].to_numpy()[moves.loc[moves["period"] == 0, "firm"]], minlength=100)
    mine = np.isin(firms["firm"], moves.loc[moves["period"] == 0, "firm"])
    np.testing.assert_array_equal(values.sum(axis=1), early[firms["town"]] - mine)


def test_a_pair_listed_from_both_ends_is_one_tie_of_one_weight():
    ends = {"source": "a", "target": "b", "weight": "w"}
    alike = pd.DataFrame({"a": ["p", "q"], "b": ["q", "p"], "w": [2.0, 2.0]})
    np.testing.assert_array_equal(network.Links.read(alike, **ends).matrix.toarray(), [[0, 2], [2, 0]])
    unlike = alike.assign(w=[1.0, 2.0])
    with pytest.raises(rc.DataError, match="'p' and 'q' are tied with weight 1 from one end and 2 from the other"):
        network.Links.read(unlike, **ends)
    apart = network.Links.read(unlike, **ends, directed=True)
    np.testing.assert_array_equal(apart.matrix.toarray(), [[0, 1], [2, 0]])


def test_places_of_mixed_types_are_sorted_by_their_text():
    moves = network.Moves.read(pd.DataFrame({"firm": [1, 3, 2], "place": ["a", 1, "c"], "period": [1, 2, 2]}), **KEYS)
    assert list(moves.places) == [1, "a", "c"]
