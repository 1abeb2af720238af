"""Which tick each step of each optimizer belongs to, what the tick is for, and where a leg of the route is over."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from leonui.trial.intervention import Intervention as Leg
from leonui.trial.probe.course import NOTHING, Course

CALM = settings(deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])

PUT = "weights.pt"


def walk(route: list[Leg], order: str, crew: int) -> str:
    """Step in the given order as the probe does: ``D1`` a training step in tick 1, ``d2`` a coasted one, ``(D3)`` an
    arriving one, ``|`` where the next leg begins, ``.`` where the route is at its end."""
    course, said = Course(route), []

    def left() -> bool:
        while course.ahead:
            course.enter()
            said.append("|")
            if not course.over:
                return False
        said.append(".")
        return True

    for who in order:
        if course.overrun(ord(who)) and left():
            break
        course.step(ord(who))
        name = {"train": f"{who}{course.tick}", "coast": f"{who.lower()}{course.tick}", "glide": f"~{course.tick}"}
        said.append(name.get(course.phase(), f"({who}{course.tick})"))
        if course.over and course.complete(crew) and left():
            break
    return " ".join(said)


@pytest.mark.parametrize(
    ("route", "order", "crew", "expected"),
    [
        # one optimizer
        ([], "AAA", 1, "A1 A2 A3"),
        ([Leg(clip=1)], "AAA", 1, "A1 A2 A3"),
        ([Leg(stop=2)], "AAA", 1, "A1 A2 ."),
        ([Leg(stop=0)], "AAA", 1, "."),
        ([Leg(stop=2, coast=2)], "AAAAA", 1, "A1 A2 a3 a4 ."),
        ([Leg(stop=0, coast=2)], "AAAAA", 1, "a1 a2 ."),
        ([Leg(coast=2)], "AAAA", 1, "a1 a2 A3 A4"),
        ([Leg(stop=0, glide=True)], "AAA", 1, "~1 ~2 ~3"),
        ([Leg(stop=1, coast=1, glide=True)], "AAAA", 1, "A1 a2 ~3 ~4"),
        ([Leg(glide=True)], "AAA", 1, "A1 A2 A3"),
        ([Leg(weights=PUT)], "AAA", 1, "(A1) A2 A3"),
        ([Leg(weights=PUT, stop=0)], "AAA", 1, "(A1) ."),
        ([Leg(weights=PUT, stop=0, coast=2)], "AAAA", 1, "(A1) a2 a3 ."),
        ([Leg(weights=PUT, stop=1, coast=1)], "AAAA", 1, "(A1) A2 a3 ."),
        # two in turn, as in a GAN
        ([], "DGDGDG", 2, "D1 G1 D2 G2 D3 G3"),
        ([Leg(stop=2)], "DGDGDG", 2, "D1 G1 D2 G2 ."),
        ([Leg(stop=1, coast=1)], "DGDGDG", 2, "D1 G1 d2 g2 ."),
        ([Leg(stop=0, coast=1)], "DGDG", 2, "d1 g1 ."),
        ([Leg(weights=PUT, stop=0, coast=1)], "DGDGDG", 2, "(D1) (G1) d2 g2 ."),
        # five steps of one before each of the other
        ([], "DDDDDGDDDDDG", 2, "D1 D2 D3 D4 D5 G5 D6 D7 D8 D9 D10 G10"),
        ([Leg(stop=3)], "DDDDDGDDDDDG", 2, "D1 D2 D3 ."),
        ([Leg(stop=6)], "DDDDDGDDDDDG", 2, "D1 D2 D3 D4 D5 G5 D6 ."),
        ([Leg(stop=4, coast=2)], "DDDDDGDDDDDG", 2, "D1 D2 D3 D4 d5 g5 d6 ."),
        # one optimizer a layer
        ([], "ABCABC", 3, "A1 B1 C1 A2 B2 C2"),
        ([Leg(stop=1)], "ABCABC", 3, "A1 B1 C1 ."),
        ([Leg(stop=1, coast=1)], "ABCABCABC", 3, "A1 B1 C1 a2 b2 c2 ."),
        # one trains first, the other one later
        ([], "PPPFFF", 2, "P1 P2 P3 F3 F4 F5"),
        ([Leg(stop=1)], "PPPFFF", 2, "P1 ."),
        ([Leg(stop=2)], "PPPFFF", 2, "P1 P2 ."),
        ([Leg(stop=4)], "PPPFFF", 2, "P1 P2 P3 F3 F4 ."),
        # several legs
        ([Leg(stop=2), Leg(stop=1, coast=1)], "AAAAAA", 1, "A1 A2 | A3 a4 ."),
        ([Leg(stop=0), Leg(stop=1)], "AAA", 1, "| A1 ."),
        ([Leg(stop=1), Leg(stop=0), Leg(stop=1)], "AAA", 1, "A1 | | A2 ."),
        ([Leg(stop=1), Leg(stop=0), Leg(stop=0)], "AAA", 1, "A1 | | ."),
        ([Leg(stop=1), Leg()], "AAA", 1, "A1 | A2 A3"),
        ([Leg(stop=1), Leg(weights=PUT, stop=0, coast=1)], "AAAA", 1, "A1 | (A2) a3 ."),
        ([Leg(stop=1), Leg(stop=1, coast=1)], "DGDGDGDG", 2, "D1 G1 | D2 G2 d3 g3 ."),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_a_walk(route, order, crew, expected):
    assert walk(route, order, crew) == expected


LEGS = st.builds(Leg, stop=st.integers(0, 4), coast=st.integers(0, 3), weights=st.sampled_from([None, PUT]))


@CALM
@given(route=st.lists(LEGS, min_size=1, max_size=4), names=st.sampled_from(["A", "DG", "ABC"]))
def test_a_route_takes_the_sum_of_its_legs(route, names):
    total = sum(leg.stop + leg.coast + bool(leg.weights) for leg in route)
    said = walk(route, names * (total + 2), len(names)).split()
    steps = [word for word in said if word not in ("|", ".")]
    assert said[-1] == "."
    assert said.count("|") == len(route) - 1
    assert len(steps) == total * len(names)
    assert sum(word.isalnum() and word[0].isupper() for word in steps) == sum(leg.stop for leg in route) * len(names)


@CALM
@given(order=st.text("ABC", min_size=1, max_size=30))
def test_a_tick_holds_each_optimizer_at_most_once(order):
    course, seen = Course([]), set()
    for who in order:
        before = course.tick
        course.step(ord(who))
        assert course.tick - before == (who in seen or not before)
        seen = {who} if course.tick > before else seen | {who}
        assert not course.overrun(ord(who))
        assert course.phase() == "train"


def test_a_leg_that_changes_nothing_is_nothing():
    assert Course([Leg()]).leg is NOTHING
    assert Course([]).leg is NOTHING
    assert Course([Leg(stop=1)]).leg is not NOTHING


def test_a_new_route_is_taken_up_at_the_tick_where_the_run_is():
    course = Course([])
    for _ in range(3):
        course.step(0)
    course.follow([Leg(stop=1, coast=1)])
    assert [course.phase(tick) for tick in (4, 5)] == ["train", "coast"]
    assert [course.taken(tick) for tick in (3, 4, 5)] == [0, 1, 2]
    assert not course.over
