# SPDX-License-Identifier: Apache-2.0
"""Serial framings as the far end of a line speaks them: the firmware's side, in Python.

Written from the protocols' descriptions and not from the gateway's code, so that the two check each
other. Each has `frame(packet, address)`, the octets of one frame for the host, and `hear(octets)`,
which returns the packets in what the host sent, as (address, packet), and what the firmware answers
by itself. Nothing wrong may come from the host: whatever cannot be understood is an assertion.
"""


def reflected_crc(octets):
    """CRC-16/X-25: "123456789" is 906E."""
    crc = 0xFFFF
    for octet in octets:
        crc ^= octet
        for _ in range(8):
            crc = crc >> 1 ^ (0x8408 if crc & 1 else 0)
    return crc ^ 0xFFFF


def xmodem_crc(octets):
    """CRC-16/XMODEM: "123456789" is 31C3."""
    crc = 0
    for octet in octets:
        crc ^= octet << 8
        for _ in range(8):
            crc = (crc << 1 ^ (0x1021 if crc & 0x8000 else 0)) & 0xFFFF
    return crc


assert reflected_crc(b"123456789") == 0x906E and xmodem_crc(b"123456789") == 0x31C3

CRCS = {"none": None, "x25": reflected_crc, "xmodem": xmodem_crc}


def unit_length(octets):
    """Of the first message, with the envelopes before it; None when more octets are needed."""
    start = 0
    while True:
        rest = octets[start:]
        if len(rest) < 4 and (len(rest) < 2 or rest[0] == 1):
            return None
        length, kind = (rest[0], rest[1]) if rest[0] != 1 else (rest[1] << 8 | rest[2], rest[3])
        assert length >= 2, f"no message begins with {rest[:8].hex()}"
        start += length
        if kind != 0xFE:
            return start


class Framing:
    """What delimits frames is the subclass's; the checksum is here."""

    def __init__(self, crc="none"):
        self.crc = CRCS[crc]
        self.heard = bytearray()

    def reset(self):
        self.heard.clear()

    def seal(self, packet):
        return packet + (self.crc(packet).to_bytes(2, "little") if self.crc else b"")

    def unseal(self, sealed):
        if not self.crc:
            return bytes(sealed)
        packet = bytes(sealed[:-2])
        assert sealed == self.seal(packet), f"wrong checksum from the gateway: {sealed.hex()}"
        return packet


class Raw(Framing):
    """Nothing but messages, one behind the other."""

    def frame(self, packet, address=None):
        return self.seal(packet)

    def hear(self, octets):
        self.heard += octets
        packets = []
        while self.heard:
            length = unit_length(self.heard)
            sealed = length and length + (2 if self.crc else 0)
            if not sealed or len(self.heard) < sealed:
                break
            packets.append((None, self.unseal(self.heard[:sealed])))
            del self.heard[:sealed]
        return packets, b""


class Delimited(Framing):
    def frame(self, packet, address=None):
        return self.stuff(self.seal(packet))

    def content(self, frame):
        return None, self.unseal(self.unstuff(frame))

    def hear(self, octets):
        self.heard += octets
        *frames, rest = bytes(self.heard).split(bytes([self.DELIMITER]))
        self.heard = bytearray(rest)
        return [self.content(frame) for frame in frames if frame], b""


class Slip(Delimited):
    DELIMITER = 0xC0

    def stuff(self, octets):
        return b"\xc0" + octets.replace(b"\xdb", b"\xdb\xdd").replace(b"\xc0", b"\xdb\xdc") + b"\xc0"

    def unstuff(self, octets):
        plain, rest = bytearray(), iter(octets)
        for octet in rest:
            plain.append({0xDC: 0xC0, 0xDD: 0xDB}[next(rest)] if octet == 0xDB else octet)
        return bytes(plain)


def escape(octets):
    """As HDLC and XBee's API 2 do it."""
    return b"".join(
        bytes([0x7D, octet ^ 0x20]) if octet in (0x7E, 0x7D, 0x11, 0x13) else bytes([octet])
        for octet in octets
    )


def unescape(octets):
    plain, rest = bytearray(), iter(octets)
    for octet in rest:
        assert octet not in (0x7E, 0x11, 0x13), f"unescaped {octet:02x} in {octets.hex()}"
        plain.append(next(rest) ^ 0x20 if octet == 0x7D else octet)
    return bytes(plain)


class Hdlc(Delimited):
    DELIMITER = 0x7E

    def __init__(self, crc="x25"):
        super().__init__(crc)

    def stuff(self, octets):
        return b"\x7e" + escape(octets) + b"\x7e"

    unstuff = staticmethod(unescape)


class Cobs(Delimited):
    DELIMITER = 0x00

    def stuff(self, octets):
        """Each block tells how far it is to the next zero, which it stands for."""
        stuffed, blocks = bytearray(), octets.split(b"\x00")
        for block in blocks:
            while len(block) >= 254:
                stuffed += b"\xff" + block[:254]
                block = block[254:]
            stuffed += bytes([len(block) + 1]) + block
        return bytes(stuffed) + b"\x00"

    def unstuff(self, octets):
        plain, at = bytearray(), 0
        while at < len(octets):
            code = octets[at]
            assert at + code <= len(octets), f"block beyond its frame: {octets.hex()}"
            plain += octets[at + 1 : at + code]
            at += code
            if code < 0xFF and at < len(octets):
                plain.append(0)
        return bytes(plain)


class Aquila(Slip):
    """Addresses are two octets, as the gateway writes them: most significant first."""

    LQI, RSSI = 0xB4, 0xC5

    def __init__(self):
        super().__init__("xmodem")
        self.configured = False
        self.acknowledges = True

    def reset(self):
        super().reset()
        self.configured = False

    def frame(self, packet, address=None):
        head = bytes([self.LQI, self.RSSI, 5, 0xFE, 1, address[1], address[0]])
        return super().frame(head + packet)

    def wants_settings(self):
        return super().frame(b"\x00\x00\x02\x02")

    def hear(self, octets):
        frames, _ = super().hear(octets)
        answer = super().frame(b"\x00\x00\x02\x01") if self.acknowledges else b""
        packets = []
        for _, content in frames:
            if content[1] == 2:
                assert content == b"\x13\x02\x01" + b"\xff" * 16
                self.configured = True
                continue
            assert self.configured, "a frame before the settings"
            assert content[:3] == b"\x05\xfe\x01", content.hex()
            packets.append((content[4:2:-1], content[5:]))
        assert len(frames) < 2, "two frames at once to a dongle that takes one"
        return packets, answer * len(frames)


class XBee(Framing):
    """A module in API mode 1 or 2. Addresses are eight octets."""

    BROADCAST = bytes.fromhex("000000000000ffff")

    def __init__(self, api):
        super().__init__()
        self.api = api
        self.max_packet = 255
        self.asked = set()  # AT commands
        self.refuse = []  # delivery statuses for the next frames

    def wrap(self, fields):
        body = len(fields).to_bytes(2, "big") + fields + bytes([0xFF - sum(fields) & 0xFF])
        return b"\x7e" + (escape(body) if self.api == 2 else body)

    def reset(self):
        super().reset()
        self.asked.clear()

    def frame(self, packet, address=None):
        return self.wrap(b"\x90" + address + address[-2:] + b"\x01" + packet)

    def modem_status(self, status):
        return self.wrap(bytes([0x8A, status]))

    def next_fields(self):
        """The fields of the first frame, None when it is not whole."""
        heard = bytes(self.heard)
        assert heard[:1] in (b"", b"\x7e"), heard.hex()
        if self.api == 2:
            end = heard.find(b"\x7e", 1)
            body = heard[1:] if end < 0 else heard[1:end]
            if body.endswith(b"\x7d"):
                return None
            plain = unescape(body)
        else:
            plain = heard[1:]
        length = int.from_bytes(plain[:2], "big")
        if len(plain) < 3 or len(plain) < length + 3:
            return None
        used = plain[: length + 3]
        assert sum(used[2:]) & 0xFF == 0xFF, f"wrong checksum from the gateway: {used.hex()}"
        del self.heard[: 1 + len(escape(used) if self.api == 2 else used)]
        return used[2:-1]

    def hear(self, octets):
        self.heard += octets
        packets, answers = [], b""
        while (fields := self.next_fields()) is not None:
            if fields[0] == 0x08:
                answers += self.wrap(self.at(fields))
            elif fields[0] == 0x10:
                packet, answer = self.transmit(fields)
                packets += packet
                answers += answer
            else:
                raise AssertionError(f"frame of another type: {fields.hex()}")
        return packets, answers

    def at(self, fields):
        self.asked.add(bytes(fields[2:4]))
        answer = {
            b"AP": b"\x00" + bytes([self.api]),
            b"NP": b"\x00" + self.max_packet.to_bytes(2, "big"),
        }.get(bytes(fields[2:4]), b"\x02")
        return b"\x88" + fields[1:4] + answer

    def transmit(self, fields):
        number, address, packet = fields[1], bytes(fields[2:10]), fields[14:]
        assert (address == self.BROADCAST) == (number == 0), "who wants a status of a broadcast?"
        status = self.refuse.pop(0) if self.refuse and number else 0
        answer = self.wrap(bytes([0x8B, number]) + fields[10:12] + bytes([0, status, 0]))
        return [(address, packet)] if status == 0 else [], answer if number else b""
