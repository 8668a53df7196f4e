"""Bundles nobody honest makes: whatever lies on a stick, nothing is applied, and what is wrong is said (S8, S3)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sync.courier.bundle import MARK, Closing, Damaged, Header, NotCarried, Opening, Reader, Writer, boxed
from sync.courier.taking import take
from sync.frame import pack_frame
from tests.sync.carried import CLOCK, IDS, apart, bring
from tests.sync.desks import Desk
from workstation.recovery import RecoveryKey
from workstation.signing import Key, x25519_public
from workstation.store import Store

pytestmark = pytest.mark.promise("S8", "S3")
Forge = Callable[..., Path]
QUICK = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Store, Desk, Path]]:
    """A hub, and a desk it knows that has written something; a folder for what is forged."""
    folder = tmp_path_factory.mktemp("site")
    with apart(folder, 1) as (hub, [desk]):
        bring(hub, desk.store, folder / "first.kurir")
        incident = desk.open_incident("AMB-1-0001")
        desk.notes(incident, 20)
        yield hub, desk, folder


@pytest.fixture
def forge(site: tuple[Store, Desk, Path]) -> Forge:
    """Makes a bundle of any records, properly sealed to the hub and signed by a device that has turned."""
    hub, desk, folder = site

    def made(*records: bytes, signer: Key | None = None, to: int = 0, maker: int = 0, site: str = "AMB") -> Path:
        key, maker = IDS.secret(32), maker or desk.store.replica
        box = boxed(site, maker, hub.replica, x25519_public(hub.device.public), key, IDS.secret)
        path = folder / "forged.kurir"
        with path.open("wb") as out:
            writer = Writer(out, Header(site, maker, [(to or hub.replica, box)]), key)
            for at, record in enumerate(records):
                writer.put(record, last=at == len(records) - 1)
            writer.sign(signer or desk.store.device)
        return path

    return made


def opening(site: tuple[Store, Desk, Path], **more: object) -> bytes:
    desk = site[1]
    told = {"since": {}, "had": desk.store.vector(), "roster": desk.store.roster(), "at": CLOCK.now_ms()} | more
    return msgspec.msgpack.encode(Opening(**told))  # type: ignore[arg-type]


def closing(frames: int, reach: dict[int, int] | None = None) -> bytes:
    return msgspec.msgpack.encode(Closing(frames, 0, reach or {}))


def refused(hub: Store, path: Path) -> str:
    """The key of why it is refused; nothing of it is there."""
    vector, digest, known = hub.vector(), hub.digest(), hub.kept("courier_known")
    with pytest.raises(NotCarried) as why:
        take(hub, path)
    assert (hub.vector(), hub.digest(), hub.kept("courier_known")) == (vector, digest, known)
    assert str(why.value)
    return why.value.sentence.key.removeprefix("courier.")


@QUICK
@given(st.binary(max_size=400), st.booleans())
def test_any_bytes_are_no_bundle(site: tuple[Store, Desk, Path], data: bytes, begins: bool) -> None:
    hub, _, folder = site
    path = folder / "noise.kurir"
    path.write_bytes(MARK + data if begins else data)
    assert refused(hub, path) in ("damaged", "no_bundle", "other_site", "not_for_us")


ANYTHING = st.recursive(
    st.none() | st.integers(-(1 << 63), (1 << 64) - 1) | st.binary(max_size=40) | st.text(max_size=10) | st.floats(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.integers(0, 9), inner, max_size=3),
    max_leaves=12,
)


@QUICK
@given(st.lists(st.binary(max_size=200) | ANYTHING.map(msgspec.msgpack.encode), min_size=1, max_size=4))
def test_whatever_is_sealed_to_us_is_read_within_bounds(
    site: tuple[Store, Desk, Path], forge: Forge, records: list[bytes]
) -> None:
    assert refused(site[0], forge(*records)) == "damaged"


@QUICK
@given(
    st.lists(st.binary(max_size=300) | ANYTHING.map(lambda value: zstandard.compress(msgspec.msgpack.encode(value))),
             min_size=1, max_size=3)
)  # fmt: skip
def test_frames_of_anything_are_refused_and_say_who_made_them(
    site: tuple[Store, Desk, Path], forge: Forge, frames: list[bytes]
) -> None:
    # An honest frame before it: a bundle is taken whole or not at all.
    honest = pack_frame(site[1].store.page(site[0].vector(), 5))
    path = forge(opening(site), honest, *frames, closing(1 + len(frames)))
    assert refused(site[0], path) == "not_let_in"


def test_bombs_and_depths_and_sizes_are_bounded(site: tuple[Store, Desk, Path], forge: Forge) -> None:
    hub = site[0]
    bomb = zstandard.ZstdCompressor(level=19).compress(bytes(1 << 28))
    deep = zstandard.compress(b"\x91" * 500_000)
    assert refused(hub, forge(opening(site), bomb, closing(1))) == "not_let_in"
    assert refused(hub, forge(opening(site), deep, closing(1))) == "not_let_in"
    assert refused(hub, forge(b"\x91" * 100_000, closing(0))) == "damaged"
    assert refused(hub, forge(bytes(6 << 20), closing(0))) == "damaged"  # a record beyond what is read at once
    path = site[2] / "long.kurir"
    path.write_bytes(MARK + b"\xff\xff\xff\xff" + bytes(100))
    assert refused(hub, path) == "damaged"


def test_who_signed_and_for_whom_is_not_taken_on_trust(site: tuple[Store, Desk, Path], forge: Forge) -> None:
    hub, desk, _ = site
    frame = pack_frame(desk.store.page(hub.vector(), 50))
    good = (opening(site), frame, closing(1))
    assert refused(hub, forge(*good, signer=Key(bytes(32)))) == "damaged"
    assert refused(hub, forge(*good, maker=hub.replica)) == "damaged"
    assert refused(hub, forge(*good, maker=12345)) == "stranger"
    assert refused(hub, forge(*good, site="OTHER")) == "other_site"
    assert refused(hub, forge(*good, to=12345)) == "not_for_us"
    assert refused(hub, forge(opening(site), closing(1))) == "damaged", "a frame was left out"
    assert refused(hub, forge(opening(site, roster=[(b"x", b"")]), closing(0))) == "damaged"
    # The maker's own word that ops came before which never did.
    ahead = {desk.store.replica: 1_000}
    assert refused(hub, forge(opening(site, since=ahead), closing(0, {desk.store.replica: 1_001}))) == "gap"


def test_ops_forged_by_a_device_that_has_turned_are_not_let_in(site: tuple[Store, Desk, Path], forge: Forge) -> None:
    """It signs the bundle as itself; what it puts into another's mouth does not hang on that one's chain."""
    hub, desk, _ = site
    page = desk.store.page(hub.vector(), 50)
    changed = [*page[:-1], page[-1]._replace(seal=bytes(64))]
    assert refused(hub, forge(opening(site), pack_frame(changed), closing(1))) == "history"
    gone = [stored for at, stored in enumerate(page) if at != len(page) // 2]
    assert refused(hub, forge(opening(site), pack_frame(gone), closing(1))) == "gap"


def test_a_box_opens_for_its_reader_in_its_bundle_alone() -> None:
    reader, other, key = Key(bytes([1]) * 32), Key(bytes([2]) * 32), bytes(range(32))
    box = boxed("AMB", 1, 2, x25519_public(reader.public), key, IDS.secret)
    own = RecoveryKey(reader.x25519_seed())
    assert own.public == x25519_public(reader.public)
    assert own.open(box, b"courier\0AMB\0" + bytes([0, 0, 0, 1, 0, 0, 0, 2])) == key
    assert own.open(box, b"courier\0AMB\0" + bytes([0, 0, 0, 3, 0, 0, 0, 2])) is None
    assert RecoveryKey(other.x25519_seed()).open(box, b"courier\0AMB\0" + bytes([0, 0, 0, 1, 0, 0, 0, 2])) is None
    for none in (bytes(31), (1).to_bytes(32, "little"), b"\xff" * 32):
        with pytest.raises(ValueError):
            boxed("AMB", 1, 2, x25519_public(none), key, IDS.secret)


def test_the_reader_says_where_a_bundle_ends_early(site: tuple[Store, Desk, Path], forge: Forge) -> None:
    path = forge(opening(site), closing(0))
    whole = path.read_bytes()
    path.write_bytes(whole[:-70])
    with path.open("rb") as source, pytest.raises(Damaged) as why:
        reader = Reader(source)
        key = reader.key(RecoveryKey(site[0].device.x25519_seed()), site[0].replica)
        assert key is not None
        list(reader.records(key))
    assert why.value.part == "record" and why.value.number == 2


def test_each_record_is_bound_to_its_place_its_end_and_its_header(site: tuple[Store, Desk, Path]) -> None:
    """What is applied is read a second time, without the signature: a record alone must not pass for another."""
    hub, desk, folder = site
    key, path = IDS.secret(32), folder / "bound.kurir"
    public, maker = x25519_public(hub.device.public), desk.store.replica
    readers = [hub.replica, 7]
    header = Header("AMB", maker, [(n, boxed("AMB", maker, n, public, key, IDS.secret)) for n in readers])
    with path.open("wb") as out:
        writer = Writer(out, header, key)
        writer.put(b"first")
        writer.put(b"other", last=True)
        writer.sign(desk.store.device)
    good, size = path.read_bytes(), 4 + 5 + 16
    begins = len(good) - 64 - 2 * size
    first, second = good[begins : begins + size], good[begins + size : begins + 2 * size]

    def read(data: bytes) -> list[bytes]:
        path.write_bytes(data)
        with path.open("rb") as source:
            reader = Reader(source)
            assert reader.key(RecoveryKey(hub.device.x25519_seed()), hub.replica) == key
            return list(reader.records(key))

    assert read(good) == [b"first", b"other"]
    ended = bytes([first[0] | 0x80]) + first[1:]
    other_box = bytearray(good)
    other_box[begins - 1] ^= 1
    for changed in (good[:begins] + ended + good[-64:], good[:begins] + second[:4] + first[4:] + good[-64:],
                    good[:begins] + first[:4] + second[4:] + second + good[-64:], bytes(other_box)):  # fmt: skip
        with pytest.raises(Damaged) as why:
            read(changed)
        assert (why.value.part, why.value.number) == ("record", 1)
