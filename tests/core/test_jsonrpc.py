"""Peer, by example and by property."""

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from uutel_bridge.core.errors import ProtocolError
from uutel_bridge.core.jsonrpc import Call, Incoming, Notification, Peer, Reply, RPCError

TEXT = st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from("\u2028\u2029\x85\r\n"), max_size=9)
VALUES = st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | TEXT
OBJECTS = st.dictionaries(TEXT, VALUES | st.lists(VALUES, max_size=3), max_size=3)
MESSAGES = st.one_of(
    st.builds(Call, st.integers(-9, 9) | TEXT, TEXT, OBJECTS),
    st.builds(Notification, TEXT, OBJECTS),
    st.just("result"),
    st.just("error"),
)


def _wire(message: Incoming) -> dict[str, Any]:
    if isinstance(message, Reply):
        error = message.error and {"code": message.error.code, "message": message.error.message}
        return {"id": message.id, "error": error} if error else {"id": message.id, "result": message.result}
    told = {"method": message.method, "params": message.params}
    return {"id": message.id, **told} if isinstance(message, Call) else told


def _line(message: Any) -> bytes:
    return orjson.dumps(message) + b"\n"


def _asking(count: int) -> Peer:
    peer = Peer()
    for _ in range(count):
        peer.request("ask")
    return peer


@given(st.lists(MESSAGES, max_size=9), st.data())
def test_messages_survive_any_chunking_and_any_order(kinds: list[Incoming | str], data: st.DataObject) -> None:
    """Calls, news and replies in any order, broken anywhere, with and without the version: the same messages."""
    replies = [kind for kind in kinds if isinstance(kind, str)]
    peer, ids = _asking(len(replies)), data.draw(st.permutations(range(1, len(replies) + 1)))
    made = {
        "result": lambda known: Reply(known, data.draw(VALUES)),
        "error": lambda k: Reply(k, None, RPCError(-1, "no")),
    }
    sent = [made[kind](ids.pop()) if isinstance(kind, str) else kind for kind in kinds]
    blob = b"".join(_line({**data.draw(st.sampled_from([{}, {"jsonrpc": "2.0"}])), **_wire(each)}) for each in sent)
    got, at = list[Incoming](), 0
    while at < len(blob):
        size = data.draw(st.integers(1, len(blob) - at))
        got += peer.feed(blob[at : at + size])
        at += size
    assert got == sent
    assert peer.eof() == []


@given(TEXT, OBJECTS, st.integers(-9, 9) | TEXT, VALUES)
def test_two_peers_understand_each_other(method: str, params: dict[str, Any], known: int | str, value: Any) -> None:
    """What one makes is what the other reads, one line a message."""
    ours, theirs = Peer(), Peer()
    asked, line = ours.request(method, params)
    assert line.count(b"\n") == 1
    assert theirs.feed(line) == [Call(asked, method, params)]
    assert ours.feed(theirs.reply(asked, value)) == [Reply(asked, value)]
    asked, line = ours.request(method, params)
    assert ours.feed(theirs.refuse(asked, -32601, "no")) == [Reply(asked, None, RPCError(-32601, "no"))]
    assert theirs.feed(ours.notify(method, params)) == [Notification(method, params)]


@pytest.mark.parametrize(
    ("line", "sent"),
    [
        (Peer().request("a", {"b": 1})[1], {"jsonrpc": "2.0", "id": 1, "method": "a", "params": {"b": 1}}),
        (Peer().request("a")[1], {"jsonrpc": "2.0", "id": 1, "method": "a"}),
        (Peer().notify("a", {}), {"jsonrpc": "2.0", "method": "a", "params": {}}),
        (Peer().notify("a"), {"jsonrpc": "2.0", "method": "a"}),
        (Peer().reply("x", None), {"jsonrpc": "2.0", "id": "x", "result": None}),
        (Peer().refuse(0, -1, "no"), {"jsonrpc": "2.0", "id": 0, "error": {"code": -1, "message": "no"}}),
    ],
)
def test_what_is_made_is_the_standards(line: bytes, sent: dict[str, Any]) -> None:
    """A line each, with the version; parameters only where there are some."""
    assert line.endswith(b"\n")
    assert orjson.loads(line) == sent


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ({"id": 1, "result": {}}, Reply(1, {})),
        ({"id": 1, "result": None}, Reply(1, None)),
        ({"id": 1, "result": 7, "error": None}, Reply(1, 7)),
        (
            {"id": 1, "error": {"code": -32600, "message": "no", "data": [1]}},
            Reply(1, None, RPCError(-32600, "no", [1])),
        ),
        ({"id": 0, "method": "item/tool/call", "params": {"a": 1}}, Call(0, "item/tool/call", {"a": 1})),
        ({"id": "1", "method": "a"}, Call("1", "a", {})),
        ({"method": "a", "params": None, "emittedAtMs": 1}, Notification("a", {})),
    ],
)
def test_what_is_read_need_not_be_complete(line: dict[str, Any], message: Incoming) -> None:
    """No version, no parameters, fields of the vendor's own: it is clear what is meant."""
    assert _asking(1).feed(_line(line)) == [message]


@pytest.mark.parametrize(
    "line",
    [
        b"not json",
        b'"text"',
        b"[]",
        b'[{"method":"a"}]',
        b"{}",
        b'{"id":1}',
        b'{"method":7}',
        b'{"method":"a","params":[1]}',
        b'{"method":"a","id":null}',
        b'{"method":"a","id":1.5}',
        b'{"method":"a","id":true}',
        b'{"id":1,"error":"no"}',
        b'{"id":1,"error":{"code":"1","message":"no"}}',
        b'{"id":1,"error":{"code":1}}',
        b'{"id":null,"error":{"code":-32700,"message":"Parse error"}}',
        b'{"id":true,"result":1}',
        b'{"id":1.0,"result":1}',
        b'{"id":"1","result":1}',
        b'{"id":2,"result":1}',
    ],
)
def test_a_wrong_line_is_told_in_its_turn(line: bytes) -> None:
    """What stood before it comes first, what stood after it comes later, and it answers no request."""
    peer, before, after = _asking(1), Notification("before", {}), Notification("after", {})
    assert peer.feed(_line(_wire(before)) + line + b"\n" + _line(_wire(after))) == [before]
    with pytest.raises(ProtocolError) as caught:
        peer.feed(b"")
    assert caught.value.evidence == line.decode()
    assert peer.feed(b"") == [after]
    assert peer.eof() == [1]


def test_a_wrong_line_with_nothing_before_it_raises_at_once() -> None:
    """Empty lines are nothing."""
    with pytest.raises(ProtocolError):
        Peer().feed(b"\n\nnot json\n")


@pytest.mark.parametrize("line", [b"x" * 5000, "\U0001f600".encode() * 5000, b"\xff" * 5000])
def test_the_evidence_is_the_first_five_hundred_characters(line: bytes) -> None:
    """Of a line that may be huge, and no text at all."""
    with pytest.raises(ProtocolError) as caught:
        Peer().feed(line + b"\n")
    assert caught.value.evidence == line.decode(errors="replace")[:500]


def test_a_second_reply_is_refused() -> None:
    """Nobody waits for it any more."""
    peer, line = _asking(1), _line({"id": 1, "result": 1})
    assert peer.feed(line + line) == [Reply(1, 1)]
    with pytest.raises(ProtocolError):
        peer.feed(b"")


def test_the_end_names_who_waits_in_vain() -> None:
    """In the order in which they asked, once."""
    peer = _asking(12)
    peer.feed(b"".join(_line({"id": known, "result": 0}) for known in (11, 2)) + b'{"id":1,"resu')
    assert peer.eof() == [1, 3, 4, 5, 6, 7, 8, 9, 10, 12]
    assert peer.eof() == []


def test_a_request_that_is_no_json_waits_for_nothing() -> None:
    """It was never sent."""
    peer = Peer()
    with pytest.raises(TypeError):
        peer.request("a", {"b": object()})
    assert peer.eof() == []


def test_a_big_message_comes_whole_among_small_ones() -> None:
    """In chunks of the size that a pipe gives."""
    peer, small, big = Peer(), Notification("a", {}), Notification("b", {"c": "\u2028x" * 2**20})
    blob = b"".join(_line(_wire(message)) for message in (small, big, small))
    got = list[Incoming]()
    for at in range(0, len(blob), 2**16):
        got += peer.feed(blob[at : at + 2**16])
    assert got == [small, big, small]
