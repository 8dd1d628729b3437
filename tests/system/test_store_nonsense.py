# SPDX-License-Identifier: Apache-2.0
"""A file whose rows are good SQL and bad sense, as a slip with sqlite3 or a bad disk makes them:
what can be used is used, and nobody is sent nonsense. Sanitizers and the broker are the judges."""

import contextlib
import sqlite3
import time

import pytest

FAR = 2**63 - 1
NUMBERS = [-1, 0, 7, 65535, 65536, 2**22 + 1, 2**32 + 1, -FAR - 1, FAR, 1.5]
NOT_UTF8 = b"\xff\xfe"
TEXTS = ["", "x", "a\0b", "#", "+/x", NOT_UTF8, "t" * 70000, 12, "$share/x", "down/\x01"]

ROWS = {
    "session": {
        "session": 1,
        "client_id": "sensor-1",
        "state": "asleep",
        "clean": 0,
        "keep_alive": 60,
        "sleep_duration": 300,
        "silent_until": 0,
        "link": None,
        "address": None,
        "node_id": None,
        "route": None,
        "will_topic": "",
        "will_payload": b"",
        "will_qos": 0,
        "will_retain": 0,
        "will_updated": 0,
    },
    "topic": {"session": 1, "topic_id": 1, "name": "down", "known": 1, "given": 1},
    "subscription": {
        "session": 1,
        "filter": "down",
        "type": 0,
        "topic_id": 0,
        "qos_asked": 1,
        "qos_granted": 1,
        "leaving": 0,
    },
    "message": {
        "session": 1,
        "sequence": 1,
        "topic": "down",
        "payload": b"good",
        "qos": 1,
        "retain": 0,
        "received": 0,
    },
    "spooled": {
        "session": 1,
        "sequence": 1,
        "topic": "up",
        "payload": b"good",
        "qos": 1,
        "retain": 0,
        "received": 0,
    },
    "received": {"session": 1, "msg_id": 1, "topic_id": 1, "digest": 1},
}


def put(db, table, **changes):
    """What the table's own rules refuse is left out."""
    row = {**ROWS[table], "received": int(time.time() * 1000), **changes}
    row = {name: row[name] for name in ROWS[table]}
    marks = ", ".join("?" * len(row))
    names = ", ".join(row)
    with contextlib.suppress(sqlite3.IntegrityError):
        db.execute(f"INSERT INTO {table} ({names}) VALUES ({marks})", list(row.values()))


def another(table, number):
    """The key of a row that is none of the good ones."""
    if table == "session":
        return {"session": number, "client_id": f"odd-{number}"}
    if table in ("message", "spooled"):
        return {"sequence": number}
    return {}


def put_nonsense(db):
    number = 100
    for table, row in ROWS.items():
        for column in row:
            for wrong in [None, *NUMBERS, *TEXTS]:
                if wrong == NOT_UTF8 and column in ("topic", "name"):
                    continue  # is relayed as a broker gave it
                number += 1
                put(db, table, **{**another(table, number), column: wrong})
    for size in (1, 3, 16, 28, 29, 200):
        number += 1
        address = {"link": "udp", "address": b"\xaa" * size, "node_id": b"\xbb" * (size % 40)}
        put(db, "session", **another("session", number), state="active", keep_alive=9, **address)
        put(db, "subscription", session=number)
        put(db, "message", session=number)
        put(db, "topic", session=number, known=0)


@pytest.fixture
def state(tmp_path):
    return str(tmp_path / "state.db")


@pytest.fixture
def gateway(new_gateway, broker, observer, state):
    """Its first run makes the file, and ends."""
    gateway = new_gateway(broker.url, {"store": {"path": state}})
    gateway.start().until_listening().until_online(observer)
    assert gateway.stop() == 0
    return gateway


def test_nonsense_harms_nobody(gateway, new_device, observer, state):
    with sqlite3.connect(state) as db:
        for table in ROWS:
            put(db, table)
        put_nonsense(db)
    db.close()
    gateway.start().until_listening().until_online(observer)
    observer.hears("up", b"good")
    sensor = new_device("sensor-1")
    sensor.topics[1] = b"down"  # as its row says
    heard = [message.data for message in sensor.wake()]
    assert b"good" in heard
    assert gateway.stop() == 0
