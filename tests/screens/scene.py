"""A night at the centre, told through the services: incidents, calls, rival values, things unsent. Seeded, invented.

Places are from the gazetteer, numbers are not anybody's (0000 in the middle), people are "Operator 1".
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.screens.seat import NOW, Seat, done, exchange, link_down
from workstation.domain.ids import Uid
from workstation.service import calls, dispatch, intake, views
from workstation.service.calls import Ring
from workstation.service.desk import Edit
from workstation.service.dispatch import Plan

LOST_MS = 5 * 60_000
STAMPS = ("notified", "acknowledged", "departed", "arrived", "done")
NOISE = ("prank", "prank", "prank", "silent", "wrong_number", "information", "information", "test", "report")


@dataclass
class Story:
    """Things that happen, each at its time; `tell` lets them happen in order on the one clock all desks share."""

    seats: dict[int, Seat]
    random: random.Random = field(default_factory=lambda: random.Random(112))
    _events: list[tuple[int, int, Callable[[], object]]] = field(default_factory=list)
    incidents: dict[str, Uid] = field(default_factory=dict)
    offers: dict[str, Uid] = field(default_factory=dict)

    def at(self, at_ms: int, act: Callable[[], object]) -> None:
        self._events.append((at_ms, len(self._events), act))

    def tell(self) -> None:
        """Lets everything happen, oldest first, and leaves the clock at NOW."""
        clock = next(iter(self.seats.values())).clock
        for at_ms, _, act in sorted(self._events, key=lambda event: event[:2]):
            clock.advance(max(0, at_ms - clock.now_ms()))
            act()
        self._events.clear()
        clock.advance(max(0, NOW - clock.now_ms()))

    # -------------------------------------------------- calls
    def call(
        self,
        name: str,
        seat: int,
        ago_s: float,
        number: str,
        *,
        ring_s: float = 4,
        talk_s: float | None = 60,
        type: str = "",
    ) -> Uid:
        """A call at a desk: rang `ago_s` before NOW; `talk_s` None = the caller gave up, negative = still talking."""
        desk, offer = self.seats[seat].desk, self.seats[seat].ids.uid()
        start = NOW - round(ago_s * 1000)
        picked, over = start + round(ring_s * 1000), start + round((ring_s + (talk_s or 0)) * 1000)
        self.offers[name] = offer
        ring = Ring(offer, number, start, dialled="112", sip_call_id=f"{name}@pbx")
        self.at(start, lambda: done(calls.rang(desk, ring)))
        if talk_s is None:
            self.at(picked, lambda: done(calls.ended(desk, offer, "caller_hung_up", picked)))
            return offer
        self.at(picked, lambda: done(calls.answered(desk, offer, picked)))
        if type:
            self.at(picked + 3000, lambda: done(calls.classify(desk, offer, type)))
        if talk_s >= 0:
            self.at(max(over, picked + 4000), lambda: done(calls.ended(desk, offer, "caller_hung_up", over)))
        return offer

    # -------------------------------------------------- incidents
    def incident(
        self,
        name: str,
        seat: int,
        ago_s: float,
        number: str,
        type: str,
        village: str,
        agencies: dict[str, tuple[float, ...]],
        *,
        landmark: str = "",
        talk_s: float = 150,
        fields: dict[str, object] | None = None,
        notes: tuple[str, ...] = (),
        refused: str = "",
    ) -> Uid:
        """A call that becomes an incident; `agencies` gives each its stamps, seconds before NOW in `STAMPS` order."""
        offer = self.call(f"call-{name}", seat, ago_s, number, talk_s=talk_s, type="emergency")
        place, desk, incident = self.seats[seat], self.seats[seat].desk, self.seats[seat].ids.uid()
        self.incidents[name] = incident
        start = NOW - round(ago_s * 1000)
        values: dict[str, object] = {
            "village": place.village(village),
            "type": type,
            "callback": number,
            **(fields or {}),
        }
        values |= {"landmark": landmark} if landmark else {}
        values.setdefault("priority", desk.catalogue.priority(type))
        edits = {key: Edit(value) for key, value in values.items()}
        self.at(start + 9000, lambda: done(intake.open_incident(desk, incident, offer)))
        self.at(start + 21_000, lambda: done(intake.edit(desk, incident, edits)))
        for n, line in enumerate(notes):
            self.at(start + 26_000 + n * 9000, lambda line=line: done(intake.note(desk, incident, line)))
        for agency, stamps in agencies.items():
            self._assignment(seat, incident, agency, start + 40_000, stamps, refused == agency)
        return incident

    def _assignment(
        self, seat: int, incident: Uid, agency: str, planned: int, stamps: tuple[float, ...], refuses: bool
    ) -> None:
        desk, uid = self.seats[seat].desk, self.seats[seat].ids.uid()
        channel = desk.catalogue.agencies[agency].channel
        planned = min(planned, NOW - round(max(stamps, default=0) * 1000) - 1000) if stamps else planned
        self.at(planned, lambda: done(dispatch.plan(desk, incident, [Plan(agency, channel, uid=uid)])))
        for name, ago_s in zip(STAMPS, stamps, strict=False):
            moment = NOW - round(ago_s * 1000)
            if name == "notified":
                self.at(moment, lambda: done(dispatch.notified(desk, uid, "call")))
            elif refuses and name == "acknowledged":
                self.at(moment, lambda: done(dispatch.refused(desk, uid, "semua regu di lapangan")))
            else:
                stamp = getattr(dispatch, name)
                self.at(moment, lambda stamp=stamp: done(stamp(desk, uid)))


def board(story: Story) -> None:
    """Ten open incidents in every state the board can show."""
    m = 60.0
    tell = story.incident
    tell("accident", 2, 14 * m, "081200001029", "traffic_accident", "Pandan Kasturi",
         {"police": (13.2 * m, 12.5 * m, 12 * m, 6 * m), "psc119": (13 * m, 12.6 * m, 11 * m, 5 * m),
          "pln": (102,)})  # fmt: skip
    tell("tree", 3, 16 * m + 5, "081200001030", "fallen_tree", "Halong",
         {"bpbd": (15.2 * m, 14.6 * m, 13 * m), "dlhp": (14 * m, 13.4 * m, 12 * m), "dishub": (40,)})  # fmt: skip
    tell("arrest", 1, 6 * m, "081200001031", "cardiac_arrest", "Waihoka",
         {"psc119": (5.3 * m, 5 * m, 4.4 * m), "hospital": (5 * m, 4.5 * m, 3.8 * m)})  # fmt: skip
    tell("fire", 3, 12 * m, "081200004417", "structure_fire", "Batu Merah",
         {"damkar": (11.2 * m, 10.8 * m, 10 * m, 4 * m), "pln": (10.9 * m, 10.5 * m, 9 * m, 3 * m),
          "hospital": (10.5 * m, 10 * m, 9 * m, 2 * m), "dishub": (10.4 * m, 10 * m, 8 * m, 2.5 * m)},
         landmark="tanjakan Kebun Cengkeh", fields={"injured": 1, "families": 3, "rt": "003", "rw": "016"},
         notes=("api dari dapur, rumah kayu dua lantai", "dua orang masih di lantai atas"))  # fmt: skip
    tell("slide", 2, 38 * m, "081200001027", "landslide", "Batu Gajah",
         {"bpbd": (37.1 * m, 36.5 * m, 34 * m, 22 * m), "perkim": (36 * m, 35.5 * m, 33 * m, 21 * m)})  # fmt: skip
    tell("snake", 1, 52 * m, "081200001026", "snake", "Rumah Tiga", {"damkar": (50.9 * m, 50 * m, 48 * m, 40 * m)})
    tell("cable", 2, 64 * m, "081200001024", "electricity", "Latuhalat",
         {"pln": (62.7 * m, 61.9 * m, 60 * m, 47 * m), "satpol_pp": (62 * m, 61.5 * m)},
         refused="satpol_pp")  # fmt: skip
    tell("hearse", 1, 9 * m, "081200001022", "hearse", "Passo", {"psc119": (1.2 * m, 0.5 * m)})
    tell("cow", 3, 132 * m, "082100001904", "stray_animal", "Laha",
         {"puskeswan": (130.9 * m, 130 * m, 128.5 * m, 115 * m, 40 * m)})  # fmt: skip
    tell("water", 2, 50 * m, "081200001015", "water", "Kudamati", {"pdam": (49.2 * m, 48.4 * m, 47 * m, 35 * m)})
    for n in range(9):
        closed(story, n)


def closed(story: Story, n: int) -> None:
    """An incident of earlier in the night, done with: it is in the figures and no longer on the board."""
    seat, ago = 1 + n % 3, (95.0 + 37 * n) * 60
    told = (38, 44, 47, 52, 55, 58, 66, 71, 88)[n]
    kind, village, agency = (
        ("disturbance", "Benteng", "police"), ("chest_pain", "Waihaong", "psc119"), ("fallen_tree", "Kudamati", "bpbd"),
    )[n % 3]  # fmt: skip
    stamps = (ago - 4 - told, ago - 150, ago - 240, ago - 900, ago - 2400)
    uid = story.incident(f"closed-{n}", seat, ago, f"08130000{2000 + n}", kind, village, {agency: stamps})
    desk = story.seats[seat].desk
    story.at(NOW - round((ago - 2500) * 1000), lambda: done(intake.close(desk, uid, "handled_on_site")))


def traffic(story: Story, count: int = 70) -> None:
    """A night's other calls over eight hours: noise mostly, some who gave up."""
    rng = story.random
    for n in range(count):
        ago_s = rng.uniform(3 * 60, 7.8 * 3600)
        number = f"08{rng.choice((11, 12, 13, 21, 52))}0000{rng.randrange(1000, 9999)}"
        seat = rng.choice((1, 2, 3))
        kind = rng.choice(NOISE)
        ring_s = rng.choice((3, 4, 4, 5, 6, 8, 11, 19))
        story.call(f"noise-{n}", seat, ago_s, number, ring_s=ring_s, talk_s=rng.uniform(4, 90), type=kind)
    for n, (number, ago_s, ring_s) in enumerate(
        (
            ("082200005127", 3500, 31), ("082200005127", 3300, 12), ("082200005127", 72, 14),
            *(("081200007731", 1400 - 190 * k, 18) for k in range(7)),
            ("081300008804", 2900, 9), ("081300008804", 2700, 7), ("", 1300, 12), ("", 1240, 9),
            ("085200001177", 2000, 5),
        )
    ):  # fmt: skip
        story.call(f"gave-up-{n}", 1 + n % 3, ago_s, number, ring_s=ring_s, talk_s=None)
    story.call("noise-last", 3, 46, "081300002260", talk_s=6, type="prank")
    story.call("untyped", 2, 400, "081300002261", talk_s=30)


def draft(story: Story) -> None:
    """A draft another desk left: a place, no type yet."""
    seat = story.seats[2]
    incident = seat.ids.uid()
    story.incidents["draft"] = incident
    start = NOW - 15 * 60_000
    place = {"village": Edit(seat.village("Lateri")), "landmark": Edit("dekat jembatan")}
    story.at(start, lambda: done(intake.open_incident(seat.desk, incident)))
    story.at(start + 5000, lambda: done(intake.edit(seat.desk, incident, place)))


def rivals(story: Story) -> None:
    """Two desks, apart for three minutes, each put a landmark and a priority right in its own way."""
    one, three = story.seats[1], story.seats[3]
    fire, slide = story.incidents["fire"], story.incidents["slide"]
    apart = NOW - 8 * 60_000
    story.at(apart, lambda: meet(story))
    story.at(apart + 25_000, lambda: change(three, fire, "landmark", "tanjakan Kebun Cengkeh, depan SD"))
    story.at(apart + 57_000, lambda: change(one, fire, "landmark", "Kebun Cengkeh atas, dekat pos kamling"))
    story.at(apart + 60_000, lambda: change(three, slide, "priority", 1))
    story.at(apart + 62_000, lambda: change(one, slide, "priority", 3))


def change(seat: Seat, incident: Uid, field_name: str, value: object) -> None:
    """One desk writes a field, replacing what its form shows there."""
    view = done(seat.desk.ask(lambda db: views.incident(db, incident)))
    assert view is not None, "the desk has not heard of this incident"
    shown = view.fields.get(field_name)
    done(intake.edit(seat.desk, incident, {field_name: Edit(value, shown.seen if shown else ())}))


def meet(story: Story) -> None:
    """All desks have everything, and the hub's word that it has it too."""
    seats = list(story.seats.values())
    for one in seats:
        for other in seats:
            if one is not other:
                exchange(one, other)
    for seat in seats:
        done(seat.store.acked(seat.store.vector()))


def night(seats: dict[int, Seat], *, cut: bool = False) -> Story:
    """The whole night on the desks given (1, 2, 3). `cut`: Meja 3 has been without the server for the last minutes."""
    story = Story(seats)
    board(story)
    traffic(story)
    draft(story)
    rivals(story)
    lost = NOW - LOST_MS
    if cut:
        story.at(lost, lambda: meet(story))
        story.at(lost, lambda: seats[3].link.take(link_down(lost)))
        fire = story.incidents["fire"]
        three = seats[3]
        story.at(lost + 60_000, lambda: done(intake.note(three.desk, fire, "api padam, asap masih tebal")))
        story.at(NOW - 9000, lambda: done(intake.note(three.desk, fire, "warga minta tenda dan selimut")))
    else:
        story.at(NOW - 1500, lambda: meet(story))
    story.tell()
    return story
