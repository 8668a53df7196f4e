"""The play: a call rings two desks, one answers, both write while the cable is cut, and all three records end equal."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from workstation.demo.caller import RATE, Caller
from workstation.demo.desks import Centre, Exchange, NotInTime, open_centre
from workstation.demo.pbx import Pbx
from workstation.demo.report import Report
from workstation.demo.saving import SAVED_MS, late, write_fire
from workstation.demo.sound import pulse
from workstation.demo.speech import correlation, speech
from workstation.domain.hlc import Clock
from workstation.domain.ids import Ids

NUMBER, SHOWN = "081200004417", "0812 0000 4417"
CALLER_SAYS = (
    "Halo, tolong, ada kebakaran rumah di Batu Merah, di tanjakan dekat sekolah dasar. "
    "Apinya besar sekali, masih ada dua orang di lantai atas. Tolong cepat datang."
)
OPERATOR_SAYS = (
    "Seratus dua belas, apa keadaan darurat Anda? Baik, tetap di telepon. "
    "Petugas pemadam segera berangkat. Keluar sekarang dari rumah, jangan masuk kembali."
)
LANDMARK = "tanjakan kebun cengkeh"
RIVALS = ("tanjakan, depan sekolah", "dekat pos kamling")
ALIKE = 0.9
AGAIN = 3
"""How often a speech is said before it counts as not understood."""


class Play:
    """One performance: tells each step to `report`, leaves pictures in `pictures` and their paths in `shots`."""

    def __init__(self, report: Report, pictures: Path, clock: Clock, ids: Ids) -> None:
        self._report, self._pictures, self._clock, self._ids = report, pictures, clock, ids
        self.shots: list[str] = []

    def run(self, folder: Path) -> None:
        """Every step in order; raises what the first failing one raises."""
        with (
            pulse(("headset1", "headset2")) as sound,
            self._exchange() as (pbx, accounts),
            contextlib.ExitStack() as last,
        ):
            with self._report.step("hub") as facts:
                centre = last.enter_context(open_centre(folder, accounts, sound, self._clock, self._ids))
                facts["desks"] = len(centre.desks)
            self._act(centre, pbx)

    @contextlib.contextmanager
    def _exchange(self) -> Iterator[tuple[Pbx, list[Exchange]]]:
        passwords = {f"meja{number}": self._ids.secret(12).hex() for number in (1, 2)}
        pbx = Pbx(passwords, clock=self._clock, ids=self._ids)
        pbx.start()
        try:
            yield pbx, [Exchange(pbx.host, pbx.port, pbx.domain, *account) for account in passwords.items()]
        finally:
            pbx.stop()

    def _picture(self, centre: Centre, desk: int, name: str) -> None:
        self.shots.append(centre.desks[desk - 1].grab(self._pictures / f"{name}.png"))

    def _act(self, centre: Centre, pbx: Pbx) -> None:
        one, two = centre.desks
        caller = Caller(NUMBER, "112", speech(CALLER_SAYS), self._clock)
        with self._report.step("register"):
            centre.until(lambda: pbx.registered() >= {"meja1", "meja2"}, 20, "two desks registered")
            centre.sign_in()
        with self._report.step("ring"):
            pbx.call(caller)
            centre.until(lambda: caller.ringing >= {"meja1", "meja2"}, 10, "both desks ring")
        with self._report.step("form"):
            for desk in centre.desks:
                centre.see(desk, SHOWN, "112")
            self._picture(centre, 1, "1-dering")
        with self._report.step("answer"):
            one.key("F2")
            centre.until(lambda: caller.answered_by == "meja1" and not caller.ringing, 5, "desk 1 alone has the caller")
        self._listen(centre, caller)
        with self._report.step("saved") as facts:
            taken = facts["fields_ms"] = write_fire(centre, one, LANDMARK)
            if late(taken):
                raise NotInTime(f"to the disk took, in ms, {late(taken)}; the promise is {SAVED_MS}")
            if not one.sealed(LANDMARK):
                raise NotInTime("the record can be read without its key")
            centre.until(lambda: not one.reads("Kebakaran kendaraan"), 5, "the board follows the last type written")
            centre.see(one, "0 belum terkirim")
            self._picture(centre, 1, "2-bicara")
        with self._report.step("synced"):
            centre.see(two, "Kebakaran bangunan", "Batu Merah")
            self._picture(centre, 2, "3-papan-meja-2")
        self._apart(centre)
        with self._report.step("converged") as facts:
            facts["digest"] = centre.until(centre.equal_digest, 20, "equal digests of two desks and the hub")[:16]
            for number, desk in enumerate(centre.desks, 1):
                desk.key("Alt+P", "Alt+Down")
                centre.see(desk, *RIVALS)
                self._picture(centre, number, f"5-nilai-tandingan-meja-{number}")
        with self._report.step("hangup"):
            one.key("F12")
            centre.until(lambda: caller.ended == "desk_hung_up", 5, "the caller hears that the desk hung up")

    def _listen(self, centre: Centre, caller: Caller) -> None:
        """Both speak at once; each side's recording must be the other's speech; what was cut is said again."""
        with self._report.step("audio") as facts:
            for said_times in range(1, AGAIN + 1):
                facts["said_times"] = said_times
                facts["desk_hears"], facts["caller_hears"] = self._understood(centre, caller)
                if min(facts["desk_hears"], facts["caller_hears"]) >= ALIKE:
                    return
            raise NotInTime(f"what was heard is not what was said: {facts}")

    def _understood(self, centre: Centre, caller: Caller) -> tuple[float, float]:
        said, replied = speech(CALLER_SAYS), speech(OPERATOR_SAYS)
        need = max(len(said), len(replied)) + 2 * RATE
        from_here = len(caller.mouth.heard())
        with centre.sound.record("headset1.monitor", rate=RATE) as ear, centre.sound.play(replied, "mic", rate=RATE):
            centre.until(lambda: len(ear.pcm()) >= need, 60, "the end of both speeches")
            at_desk = round(correlation(said, ear.pcm(), RATE), 3)
        return at_desk, round(correlation(replied, caller.mouth.heard()[from_here:], RATE), 3)

    def _apart(self, centre: Centre) -> None:
        """The cable is cut, both desks write the same field, the cable comes back."""
        one, two = centre.desks
        with self._report.step("link_cut"):
            centre.cut()
        with self._report.step("offline_edit"):
            centre.edit_landmark(one, RIVALS[0])
            centre.open_from_board(two, LANDMARK)
            centre.edit_landmark(two, RIVALS[1])
            for desk in centre.desks:
                centre.see(desk, "1 belum terkirim")
            self._picture(centre, 1, "4-tautan-putus")
        with self._report.step("link_back"):
            centre.mend()
