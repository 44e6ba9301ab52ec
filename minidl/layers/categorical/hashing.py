"""Two hashes that stay the same in every process and on every machine.

`fingerprint64` is FarmHash's 64-bit fingerprint, and `siphash64` its salted stand-in: the ones by
which Keras (through TensorFlow) deals unknown strings out to several indices.
"""

from __future__ import annotations

_MASK = (1 << 64) - 1
_K0 = 0xC3A5C85C97CB3127
_K1 = 0xB492B66FBE98F273
_K2 = 0x9AE16A3B2F90404F


def _word(data: bytes, start: int, size: int = 8) -> int:
    return int.from_bytes(data[start : start + size], "little")


def _rotated(value: int, by: int) -> int:
    """Return 64 bits turned to the right."""
    return ((value >> by) | (value << (64 - by))) & _MASK if by else value


def _folded(value: int) -> int:
    return value ^ (value >> 47)


def _mixed(u: int, v: int, factor: int) -> int:
    a = _folded(((u ^ v) * factor) & _MASK)
    b = _folded(((v ^ a) * factor) & _MASK)
    return (b * factor) & _MASK


def fingerprint64(data: bytes) -> int:
    """Return FarmHash's fingerprint of some bytes, from 0 to 2⁶⁴ − 1."""
    size = len(data)
    if size <= 16:
        return _up_to_16(data, size)
    if size <= 32:
        return _up_to_32(data, size)
    if size <= 64:
        return _up_to_64(data, size)
    return _longer(data, size)


def _up_to_16(data: bytes, size: int) -> int:
    if size >= 8:
        factor = (_K2 + size * 2) & _MASK
        a = (_word(data, 0) + _K2) & _MASK
        b = _word(data, size - 8)
        c = (_rotated(b, 37) * factor + a) & _MASK
        d = ((_rotated(a, 25) + b) * factor) & _MASK
        return _mixed(c, d, factor)
    if size >= 4:
        factor = (_K2 + size * 2) & _MASK
        a = _word(data, 0, 4)
        return _mixed((size + (a << 3)) & _MASK, _word(data, size - 4, 4), factor)
    if size > 0:
        y = (data[0] + (data[size >> 1] << 8)) & 0xFFFFFFFF
        z = (size + (data[size - 1] << 2)) & 0xFFFFFFFF
        return (_folded((y * _K2 ^ z * _K0) & _MASK) * _K2) & _MASK
    return _K2


def _up_to_32(data: bytes, size: int) -> int:
    factor = (_K2 + size * 2) & _MASK
    a = (_word(data, 0) * _K1) & _MASK
    b = _word(data, 8)
    c = (_word(data, size - 8) * factor) & _MASK
    d = (_word(data, size - 16) * _K2) & _MASK
    u = (_rotated((a + b) & _MASK, 43) + _rotated(c, 30) + d) & _MASK
    v = (a + _rotated((b + _K2) & _MASK, 18) + c) & _MASK
    return _mixed(u, v, factor)


def _up_to_64(data: bytes, size: int) -> int:
    factor = (_K2 + size * 2) & _MASK
    a = (_word(data, 0) * _K2) & _MASK
    b = _word(data, 8)
    c = (_word(data, size - 8) * factor) & _MASK
    d = (_word(data, size - 16) * _K2) & _MASK
    y = (_rotated((a + b) & _MASK, 43) + _rotated(c, 30) + d) & _MASK
    z = _mixed(y, (a + _rotated((b + _K2) & _MASK, 18) + c) & _MASK, factor)
    e = (_word(data, 16) * factor) & _MASK
    f = _word(data, 24)
    g = ((y + _word(data, size - 32)) * factor) & _MASK
    h = ((z + _word(data, size - 24)) * factor) & _MASK
    u = (_rotated((e + f) & _MASK, 43) + _rotated(g, 30) + h) & _MASK
    v = (e + _rotated((f + a) & _MASK, 18) + g) & _MASK
    return _mixed(u, v, factor)


def _weak_of_32(data: bytes, start: int, a: int, b: int) -> tuple[int, int]:
    w, x, y, z = (_word(data, start + i) for i in (0, 8, 16, 24))
    a = (a + w) & _MASK
    b = _rotated((b + a + z) & _MASK, 21)
    c = a
    a = (a + x + y) & _MASK
    b = (b + _rotated(a, 44)) & _MASK
    return (a + z) & _MASK, (b + c) & _MASK


def _longer(data: bytes, size: int) -> int:
    x = 81
    y = (x * _K1 + 113) & _MASK
    z = (_folded((y * _K2 + 113) & _MASK) * _K2) & _MASK
    v, w = (0, 0), (0, 0)
    x = (x * _K2 + _word(data, 0)) & _MASK
    end = (size - 1) // 64 * 64
    last = end + ((size - 1) & 63) - 63
    for start in range(0, end, 64):
        x = (_rotated((x + y + v[0] + _word(data, start + 8)) & _MASK, 37) * _K1) & _MASK
        y = (_rotated((y + v[1] + _word(data, start + 48)) & _MASK, 42) * _K1) & _MASK
        x ^= w[1]
        y = (y + v[0] + _word(data, start + 40)) & _MASK
        z = (_rotated((z + w[0]) & _MASK, 33) * _K1) & _MASK
        v = _weak_of_32(data, start, (v[1] * _K1) & _MASK, (x + w[0]) & _MASK)
        w = _weak_of_32(data, start + 32, (z + w[1]) & _MASK, (y + _word(data, start + 16)) & _MASK)
        z, x = x, z
    factor = (_K1 + ((z & 0xFF) << 1)) & _MASK
    w = ((w[0] + ((size - 1) & 63)) & _MASK, w[1])
    v = ((v[0] + w[0]) & _MASK, v[1])
    w = ((w[0] + v[0]) & _MASK, w[1])
    x = (_rotated((x + y + v[0] + _word(data, last + 8)) & _MASK, 37) * factor) & _MASK
    y = (_rotated((y + v[1] + _word(data, last + 48)) & _MASK, 42) * factor) & _MASK
    x ^= (w[1] * 9) & _MASK
    y = (y + v[0] * 9 + _word(data, last + 40)) & _MASK
    z = (_rotated((z + w[0]) & _MASK, 33) * factor) & _MASK
    v = _weak_of_32(data, last, (v[1] * factor) & _MASK, (x + w[0]) & _MASK)
    w = _weak_of_32(data, last + 32, (z + w[1]) & _MASK, (y + _word(data, last + 16)) & _MASK)
    z, x = x, z
    first = (_mixed(v[0], w[0], factor) + _folded(y) * _K0 + z) & _MASK
    return _mixed(first, (_mixed(v[1], w[1], factor) + x) & _MASK, factor)


def siphash64(data: bytes, key: tuple[int, int]) -> int:
    """Return SipHash-2-4 of some bytes under a key of two 64-bit numbers.

    Source: Aumasson, Bernstein, "SipHash: a fast short-input PRF", 2012.
    """
    first, second = (part & _MASK for part in key)
    v = [
        first ^ 0x736F6D6570736575,
        second ^ 0x646F72616E646F6D,
        first ^ 0x6C7967656E657261,
        second ^ 0x7465646279746573,
    ]
    whole = len(data) // 8 * 8
    for start in range(0, whole, 8):
        _absorb(v, _word(data, start))
    _absorb(v, int.from_bytes(data[whole:], "little") | (len(data) & 0xFF) << 56)
    v[2] ^= 0xFF
    for _ in range(4):
        _round(v)
    return v[0] ^ v[1] ^ v[2] ^ v[3]


def _absorb(v: list[int], word: int) -> None:
    v[3] ^= word
    _round(v)
    _round(v)
    v[0] ^= word


def _round(v: list[int]) -> None:
    v[0] = (v[0] + v[1]) & _MASK
    v[1] = _rotated(v[1], 51) ^ v[0]
    v[0] = _rotated(v[0], 32)
    v[2] = (v[2] + v[3]) & _MASK
    v[3] = _rotated(v[3], 48) ^ v[2]
    v[0] = (v[0] + v[3]) & _MASK
    v[3] = _rotated(v[3], 43) ^ v[0]
    v[2] = (v[2] + v[1]) & _MASK
    v[1] = _rotated(v[1], 47) ^ v[2]
    v[2] = _rotated(v[2], 32)
